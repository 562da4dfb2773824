"""What an import left incomplete, whatever kind of record it is."""

import dataclasses
import re
from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from pydantic import Field, GetJsonSchemaHandler, field_validator
from pydantic_core import CoreSchema, PydanticCustomError

from projections.base import Projection, Row
from queries.base import Answer, Query

TITLES = ("title", "name", "subject", "code")
"""Columns by which a record may be called, best first."""
BESIDE_ROWS = ("occurred_at", "primary_contact")
"""What an import may lack that is no column: when it happened, and a part that is a record too."""


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
    """Only records of this kind: `opportunity` or `opportunities`."""
    field: str | None = None
    """Only records that lack this field."""
    limit: int = Field(default=100_000, ge=1, le=100_000)
    """At most so many."""

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str | None) -> str | None:
        return None if kind is None else kinds()[_one_of(kinds(), kind)]

    @field_validator("field")
    @classmethod
    def _known_field(cls, field: str | None) -> str | None:
        return None if field is None else _one_of(fields(), field)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Says what is known: it follows from what is registered."""
        schema = handler.resolve_ref_schema(handler(core))
        for name, known in (("kind", kinds()), ("field", fields())):
            del schema["properties"][name]["anyOf"]
            schema["properties"][name] |= {"type": "string", "enum": list(known)}
        return schema

    @classmethod
    def statement(cls) -> str:
        parts = "\nUNION ALL\n".join(_selects())
        return f"""
            WITH incomplete AS ({parts})
            SELECT kind, "table", id, number, title, fields FROM incomplete
            WHERE (:kind IS NULL OR kind = :kind) AND (:field IS NULL OR :field = ANY (fields))
            ORDER BY kind, number COLLATE "C", id LIMIT :limit
        """


def kinds() -> dict[str, str]:
    """What a kind may be called, as items and as routes call it → as items call it."""
    found: dict[str, str] = {}
    for projection in Projection.registry.values():
        kind = _kind(projection)
        found |= {kind: kind, projection.plural: kind}
    return found


def fields() -> tuple[str, ...]:
    """What a record may lack."""
    generic = {f.name for f in dataclasses.fields(Row)}
    names = {n for p in Projection.registry.values() for n in p.row.fields}
    return tuple(sorted({*(names - generic), *BESIDE_ROWS}))


def _one_of(known: Collection[str], given: str) -> str:
    if given not in known:
        said = {"known": ", ".join(known)}
        raise PydanticCustomError("not-one-of", "must be one of: {known}", said)
    return given


def _selects() -> Iterator[str]:
    for table, projection in Projection.registry.items():
        yield (
            f"SELECT '{_kind(projection)}' AS kind, '{table}' AS \"table\", id, number,"
            f" {_title(projection)} AS title, incomplete AS fields"
            f" FROM {{{table}}} WHERE cardinality(incomplete) > 0"
        )


def _kind(projection: Projection[Any]) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", projection.kind).lower()


def _title(projection: Projection[Any]) -> str:
    return next((name for name in TITLES if name in projection.row.fields), "NULL::text")
