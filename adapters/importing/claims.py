"""Claims: what a row may take before others do, as far as its cells say so."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from adapters.importing.drafts import Draft
from adapters.importing.fillers import Fields
from aggregates.base import Aggregate

Claim = tuple[str, ...]
_NOBODY = UUID(int=0)


def claims(kind: type[Aggregate], draft: Draft) -> Iterator[Claim]:
    """Two rows that have one in common are to be entered in the order of the file."""
    if draft.lane is not None:
        yield "lane", draft.lane
    yield from _held(kind, draft.fields)
    for part in draft.parts:
        yield "lane", part.draft.key
        if part.found_by is not None:
            yield part.found_by.scope, part.found_by.value
        yield from _held(part.plan.kind, part.draft.fields)


def _held(kind: type[Aggregate], fields: Fields) -> Iterator[Claim]:
    """What a record of these fields would reserve and be found by."""
    record: Any = kind(_NOBODY)
    vars(record).update({n: v for n, v in fields.items() if n in kind.STATE and type(v) is str})
    external = fields.get("external", {})
    if "id" in external:
        record.external = SimpleNamespace(**external)  # Made much faster than one that is checked.
    try:
        guarded = (mark for mark in record.marks() if mark.is_guarded)
        for one in (*record.reservations(), *guarded):
            yield one.scope, one.value
    except AttributeError:
        return  # It lacks what it would be known by; then it will be refused.
