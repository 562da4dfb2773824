"""If-Match: what a caller who saw an older version may still change.

A command is refused when the record has changed since the version the caller names. Commands
declared ``MERGES`` are compared field by field: where nobody else wrote the fields written now,
they are accepted at the current version. Of a list to which members are added, or from which they
are taken, the members are compared: adding conflicts with taking away the same. Custom fields are
compared one by one. That is a deviation
from RFC 9110, section 13.1.1, which would refuse them.
"""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python

from aggregates.base import Aggregate
from aggregates.errors import VersionConflict
from aggregates.events import Event, PartEvent
from commands.base import Command
from commands.ports import Codec, EventLog, NeedsIO
from commands.requests import Request


def require_match(
    request: Request,
    aggregate: Aggregate | None,
    log: EventLog,
    codec: Codec,
    *,
    offline: bool = False,
) -> None:
    """Raise VersionConflict where the request's If-Match forbids it. None: nothing is there."""
    seen = request.if_match
    if seen is None or (aggregate is not None and seen == aggregate.version):
        return
    if aggregate is None or not 0 < seen < aggregate.version:
        raise VersionConflict(0 if aggregate is None else aggregate.version, {})
    if offline:
        raise NeedsIO
    fields = _overlap(request, aggregate, log, codec)
    if fields or not request.command.MERGES:
        raise VersionConflict(aggregate.version, fields)


def _written(event: Event, part_id: UUID | None) -> set[str]:
    """Fields that an event has written of the part, or of the whole."""
    of = event.part_id if isinstance(event, PartEvent) else None
    if of != part_id:
        return set()
    return {n for n in event.model_fields_set if of is None or getattr(event, n) != of}


def _contested(command: Command[Any], event: Event, part_id: UUID | None) -> set[str]:
    """Fields that an event has written and over which the command could be at odds with it."""
    return {n for n in _written(event, part_id) if not _goes_together(command, event, n)}


def _goes_together(command: Command[Any], event: Event, field: str) -> bool:
    """Whether both only add members to a list, or take them out, and not the same in both ways;
    or set different ones of the custom fields."""
    mine, theirs = getattr(command, field, None), getattr(event, field)
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return mine.keys().isdisjoint(theirs)
    if field in command.ADDS & event.ADDS or field in command.REMOVES & event.REMOVES:
        return True
    if field in command.ADDS & event.REMOVES or field in command.REMOVES & event.ADDS:
        return _members(mine).isdisjoint(_members(theirs))
    return False


def _members(value: Any) -> set[Any]:
    return {*value} if isinstance(value, tuple) else {value}


def _part(events: Iterable[Event], part_id: UUID) -> SimpleNamespace:
    """The part after these events: each field as it was written last."""
    part = SimpleNamespace()
    for event in events:
        for name in _written(event, part_id):
            setattr(part, name, getattr(event, name))
    return part


def _overlap(
    request: Request, aggregate: Aggregate, log: EventLog, codec: Codec
) -> dict[str, dict[str, Any]]:
    """Field → yours, theirs, original, of the fields that both have written."""
    seen = request.if_match or 0
    events = codec.read_all(log.stream(aggregate.id))
    part = request.command.part_id
    since = set().union(*(_contested(request.command, e, part) for e in events[seen:]))
    now, then = (
        (aggregate, type(aggregate).replay(aggregate.id, events[:seen]))
        if part is None
        else (_part(events, part), _part(events[:seen], part))
    )
    yours = request.command.model_dump(mode="json", exclude_unset=True)
    return {
        name: {
            "yours": yours[name],
            "theirs": to_jsonable_python(getattr(now, name, None)),
            "original": to_jsonable_python(getattr(then, name, None)),
        }
        for name in sorted(since & yours.keys())
    }
