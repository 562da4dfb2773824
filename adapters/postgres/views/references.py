"""References: which fields of a row name records of a kind, and which kinds can be merged."""

from collections.abc import Iterator
from typing import Any

from aggregates.base import markers
from aggregates.errors import kebab
from aggregates.values import Ref
from projections.base import Projection, Row

MERGED = "merged_into"
"""The field of a row that was merged: the record it went into."""
HIDING = (MERGED, "archived_at", "withdrawn_at")
"""Fields which, once set, take a row out of lists."""


def mergeable() -> dict[str, Projection[Any]]:
    """Kind → projection, of records that can be merged into others."""
    found = (p for p in Projection.registry.values() if MERGED in p.row.fields)
    return {p.kind: p for p in found}


_known: dict[tuple[type[Row], str], tuple[str, ...]] = {}


def naming(row: type[Row], kind: str) -> tuple[str, ...]:
    """The fields of a row that hold the id of a record of a kind, the plain one first.

    A field is plain by its name, ``customer_id``; others, such as ``parent_id``, are marked with
    ``Ref`` where they are declared.
    """
    if (row, kind) not in _known:
        _known[row, kind] = tuple(_naming(row, kind))
    return _known[row, kind]


def _naming(row: type[Row], kind: str) -> Iterator[str]:
    plain = kebab(kind).replace("-", "_") + "_id"
    if plain in row.fields:
        yield plain
    for field, annotation in row.fields.items():
        is_named = any(kind in marker.kinds for marker in markers(annotation, Ref))
        if is_named and field not in (plain, MERGED):
            yield field


def indexed(row: type[Row]) -> tuple[str, ...]:
    """The fields by which a row is found from the records that it names."""
    return tuple(dict.fromkeys(f for kind in mergeable() for f in naming(row, kind)))


def merging(row: type[Row], field: str) -> Projection[Any] | None:
    """The projection of the records that a field names, if those can be merged."""
    return next((p for kind, p in mergeable().items() if field in naming(row, kind)), None)
