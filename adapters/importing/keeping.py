"""Why a revert left records as they were, in words, with the names of today."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from adapters.postgres.reads.asof import NOW
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.sentences import title
from adapters.texts import Texts
from aggregates.base import Aggregate
from aggregates.errors import kebab
from aggregates.importing import Keeper, Kept
from projections.base import Projection

CHUNK = 500
"""Rows that are read at once."""


@dataclass(frozen=True, slots=True)
class Called:
    """What a record is called today; None where that is not known, or not for the asker."""

    number: str | None = None
    title: str | None = None


NAMELESS = Called()
Names = Mapping[UUID, Called]


def names(rows: RowReader, scope: Scope, kept: Iterable[Kept]) -> Names:
    """What these and their keepers are called, withdrawn and merged ones too."""
    ids: dict[str, set[UUID]] = defaultdict(set)
    for one in kept:
        ids[one.kind].add(one.id)
        if one.by is not None:
            ids[one.by.kind].add(one.by.id)
    projections = {kebab(p.kind): p for p in Projection.registry.values()}
    found: dict[UUID, Called] = {}
    for kind in ids.keys() & projections.keys():
        found |= _called(rows, scope, projections[kind], sorted(ids[kind]))
    return found


def _called(
    rows: RowReader, scope: Scope, projection: Projection[Any], ids: list[UUID]
) -> dict[UUID, Called]:
    found: dict[UUID, Called] = {}
    for start in range(0, len(ids), CHUNK):
        asked = [("id", str(id)) for id in ids[start : start + CHUNK]]
        wish = rows.wish(projection.row, [*asked, ("archived", "any")], limit=CHUNK)
        page = rows.page(projection.row, scope, NOW, wish).rows
        found |= {row.id: Called(row.number, title(row)) for row in page}
    return found


class Keeping:
    """Says why records were left, in one language."""

    def __init__(self, texts: Texts, language: str, names: Names) -> None:
        self._texts, self._language, self._names = texts, language, names

    def sentence(self, kept: Kept) -> str:
        """``Zhang San has since changed: Region.``"""
        by = None if kept.by is None else self._keeper(kept.by)
        why = "changed-fields" if kept.fields else kept.why
        key = f"kept-{why}" if by is None else f"kept-{why}-by"
        said = self._texts.message(key, self._language, said=self._labels(kept), by=by)
        return said[:1].upper() + said[1:]

    def told(self, kept: Kept) -> dict[str, Any]:
        """The record as it is answered: what it is called today, who keeps it, and why."""
        return {
            **self._called(kept),
            "why": kept.why,
            "fields": kept.fields,
            "by": None if kept.by is None else self._called(kept.by),
            "sentence": self.sentence(kept),
        }

    def line(self, kept: Kept) -> str:
        """What the record is and is called, its id, and why it was left."""
        return f"{self._record(kept)} [{kept.id}]: {self.sentence(kept)}"

    def _called(self, one: Kept | Keeper) -> dict[str, Any]:
        called = self._names.get(one.id, NAMELESS)
        return {"kind": one.kind, "id": one.id, "number": called.number, "title": called.title}

    def _keeper(self, by: Keeper) -> str | None:
        """What it is called; None where nobody could find it by that."""
        called = self._names.get(by.id, NAMELESS)
        if by.kind == kebab("User"):
            return self._texts.actor("", called.title, self._language)
        return None if called == NAMELESS else self._record(by)

    def _record(self, one: Kept | Keeper) -> str:
        called = self._names.get(one.id, NAMELESS)
        kind = self._texts.label(_kind(one.kind), None, self._language)
        named = {"said": kind.lower(), "number": called.number, "title": called.title}
        return self._texts.message("kept-record", self._language, **named)

    def _labels(self, kept: Kept) -> str:
        kind = _kind(kept.kind)
        labels = (self._texts.label(kind, field, self._language) for field in kept.fields)
        return ("、" if self._language == "zh" else ", ").join(labels)


def _kind(kind: str) -> str:
    """``customer`` → ``Customer``; of parts, too."""
    parts = (p.kind for p in Projection.registry.values() if p.is_of_parts)
    return next(known for known in (*Aggregate.registry, *parts) if kebab(known) == kind)
