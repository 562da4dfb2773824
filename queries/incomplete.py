"""What an import left incomplete, whatever kind of record it is."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from pydantic import Field

from projections.base import Projection
from queries.base import Answer, Query

TITLES = ("title", "name", "subject", "code")
"""Columns by which a record may be called, best first."""


class IncompleteRecord(Answer):
    """A record that lacks required fields."""

    kind: str
    """``opportunity``, ``dictionary-entry``."""
    table: str
    id: UUID
    number: str | None
    title: str | None
    fields: list[str]
    """What is missing."""


class Incomplete(Query[list[IncompleteRecord]]):
    """Records that came without fields which are required of everybody else."""

    kind: str | None = None
    """Only records of this kind, ``opportunity``."""
    field: str | None = None
    """Only records that lack this field."""
    limit: int = Field(default=100_000, ge=1, le=100_000)

    @classmethod
    def statement(cls) -> str:
        parts = "\nUNION ALL\n".join(_selects())
        return f"""
            WITH incomplete AS ({parts})
            SELECT kind, "table", id, number, title, fields FROM incomplete
            WHERE (:kind IS NULL OR kind = :kind) AND (:field IS NULL OR :field = ANY (fields))
            ORDER BY kind, number COLLATE "C", id LIMIT :limit
        """


def _selects() -> Iterator[str]:
    for table, projection in Projection.registry.items():
        if "incomplete" in projection.row.fields:
            yield (
                f"SELECT '{_kind(projection)}' AS kind, '{table}' AS \"table\", id, number,"
                f" {_title(projection)} AS title, incomplete AS fields"
                f" FROM {{{table}}} WHERE cardinality(incomplete) > 0"
            )


def _kind(projection: Projection[Any]) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", projection.aggregate.KIND).lower()


def _title(projection: Projection[Any]) -> str:
    return next((name for name in TITLES if name in projection.row.fields), "NULL::text")
