"""Meanings: which fields of a kind hold ids or codes, and of what, so that they can be named."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from aggregates.base import Aggregate, markers
from aggregates.errors import kebab
from aggregates.events import Event
from aggregates.values import Code, Ref
from commands.base import COMMANDS, OF_TRAITS, kind_of
from projections.base import Projection


@cache
def meanings(kind: str) -> dict[str, Ref | Code]:
    """Fields of an aggregate that hold an id or a code, and of what.

    Commands declare it; what no command has in its fields says so itself, or by the field's name:
    ``customer_id`` is a customer.
    """
    models = list(_models(kind))
    found: dict[str, Ref | Code] = {}
    shown = [p for p in Projection.registry.values() if p.kind == kind]
    named = {f"{kebab(other).replace('-', '_')}_id": Ref(other) for other in _kinds()}
    fields = {n for model in models for n in model.model_fields}
    for name in fields.union(*(p.row.fields for p in shown)) & named.keys():
        found[name] = named[name]
    for projection in shown:
        found |= _implied(projection)
    for name, annotation in (*_states(kind), *_annotations(models)):
        for marker in (*markers(annotation, Ref), *markers(annotation, Code)):
            found[name] = marker
    return found


def _kinds() -> Iterator[str]:
    """Kinds of records, and of parts of records."""
    yield from Aggregate.registry
    yield from (p.kind for p in Projection.registry.values() if p.is_of_parts)


def _implied(projection: Projection[Any]) -> dict[str, Ref | Code]:
    """What the ids of a row are of: whom it belongs to, and which record it is a part of."""
    row, found = projection.row, dict[str, Ref | Code]()
    if row.owner is not None:
        found[row.owner] = Ref("User")
    if projection.is_of_parts and "about_id" in row.fields:
        found["about_id"] = Ref(*(kind.KIND for kind in projection.aggregates))
    return found


def _states(kind: str) -> Iterator[tuple[str, Any]]:
    """The fields of rows and of state, which say what no event does: a list that events add to."""
    for projection in Projection.registry.values():
        if projection.kind == kind:
            yield from projection.row.fields.items()
    if kind in Aggregate.registry:
        yield from Aggregate.registry[kind].STATE.items()


def _models(kind: str) -> Iterator[type[Any]]:
    """The events and commands of an aggregate, or those that are about a part of one."""
    aggregate = Aggregate.registry.get(kind)
    if aggregate is not None:
        yield from aggregate.EVENTS.values()
        yield from (c for c in COMMANDS.values() if c.AGGREGATE is aggregate)
        return
    for projection in Projection.registry.values():
        if projection.kind == kind:
            yield from (e for e in vars(projection.of).values() if _is_event(e))
            yield from (c for c in OF_TRAITS if kind_of(c) is projection.of)


def _is_event(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Event)


def _annotations(models: Iterable[type[Any]]) -> Iterator[tuple[str, Any]]:
    for model in models:
        for name, field in model.model_fields.items():
            yield name, field.rebuild_annotation()
