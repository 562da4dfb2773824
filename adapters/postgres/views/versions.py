"""Row versions: what the folds of one stream give on both clocks. Pure; knows no database.

A stream whose events came in the order in which they happened has one history (`BOTH`). When an
event arrives that happened before another one known already, the histories part: what was known
after each event (`RECORDED`), and how it was at each instant as far as is known now (`OCCURRED`).
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from aggregates.events import Created, Event
from projections.base import Row

BOTH, RECORDED, OCCURRED = 0, 1, 2
Fold = Callable[[Row | None, Event], Row | None]
Begins = Callable[[Event], bool]
"""Whether an event is the first of its row, whenever it happened."""


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A stored event that could not be read."""

    topic: str
    stream_id: UUID
    version: int
    position: int
    error: Exception


Item = Event | Undecodable
"""One event of a stream as the projector meets it."""


@dataclass(slots=True)
class Version:
    """One version of a row. ``row`` is None where there is none any more."""

    axis: int
    occurred_at: datetime
    at_position: int
    """Position of the event that made it."""
    row: Row | None


@dataclass(slots=True)
class StreamState:
    """Where the folds of a stream stand."""

    row: Row | None = None
    """The row now: the fold in the order in which the events happened."""
    recorded: Row | None = None
    """The fold in the order of the log; the same row unless ``split``."""
    newest: datetime | None = None
    """Instant of the newest version on the occurred clock; None before the first."""
    split: bool = False


@dataclass(frozen=True, slots=True)
class Poison:
    """The event at which a stream's fold failed. Nothing from it on is folded in."""

    position: int
    error: Exception


@dataclass(slots=True)
class Folded:
    """What folding events of one stream came to."""

    state: StreamState
    versions: list[Version] = field(default_factory=list)
    poison: Poison | None = None
    replaces: bool = False
    """Whether ``versions`` are all there are of the stream, instead of additional ones."""


def position_of(item: Item) -> int:
    return item.position if isinstance(item, Undecodable) else item.envelope.position


def stream_of(item: Item) -> UUID:
    return item.stream_id if isinstance(item, Undecodable) else item.envelope.stream_id


def version_of(item: Item) -> int:
    return item.version if isinstance(item, Undecodable) else item.envelope.version


def extend(fold: Fold, state: StreamState, items: Sequence[Item]) -> Folded | None:
    """The next events of a stream, in log order; None: one came late, so refold the stream."""
    row, recorded, newest, split = state.row, state.recorded, state.newest, state.split
    versions: list[Version] = []
    poison = None
    for item in items:
        if isinstance(item, Undecodable):
            poison = Poison(item.position, item.error)
            break
        occurred_at, position = item.envelope.occurred_at, item.envelope.position
        if newest is not None and occurred_at < newest:
            return None
        try:
            after = fold(row, item)
            known = fold(recorded, item) if split else after
        except Exception as error:
            poison = Poison(position, error)
            break
        if split and (known is not None or recorded is not None):
            versions.append(Version(RECORDED, occurred_at, position, known))
        if after is not None or row is not None:
            axis = OCCURRED if split else BOTH
            versions.append(Version(axis, occurred_at, position, after))
            newest = occurred_at
        row, recorded = after, known
    return Folded(StreamState(row, recorded, newest, split), versions, poison)


def is_creation(event: Event) -> bool:
    return isinstance(event, Created)


def refold(fold: Fold, items: Sequence[Item], begins: Begins = is_creation) -> Folded:
    """All events of a stream, or of one part of it, in log order."""
    straight = extend(fold, StreamState(), items)
    if straight is not None:
        straight.replaces = True
        return straight
    events, recorded, poison = _in_log_order(fold, items)
    try:
        occurred = _in_occurred_order(fold, events, begins)
    except Exception as error:
        events = events[: _failing_prefix(fold, events, begins) - 1]
        poison = Poison(position_of(items[len(events)]), error)
        return _parted(recorded[: len(events)], _in_occurred_order(fold, events, begins), poison)
    return _parted(recorded, occurred, poison)


def _in_log_order(
    fold: Fold, items: Sequence[Item]
) -> tuple[list[Event], list[Version | None], Poison | None]:
    """The events up to the first that fails, and the version each of them made, if any."""
    events: list[Event] = []
    versions: list[Version | None] = []
    row: Row | None = None
    for item in items:
        if isinstance(item, Undecodable):
            return events, versions, Poison(item.position, item.error)
        envelope = item.envelope
        try:
            after = fold(row, item)
        except Exception as error:
            return events, versions, Poison(envelope.position, error)
        made = None
        if after is not None or row is not None:
            made = Version(RECORDED, envelope.occurred_at, envelope.position, after)
        events.append(item)
        versions.append(made)
        row = after
    return events, versions, None


def in_occurred_order(events: Sequence[Event], begins: Begins = is_creation) -> list[Event]:
    """As they happened: the creation first whatever its date, then by instant and position."""
    return sorted(
        events,
        key=lambda e: (not begins(e), e.envelope.occurred_at, e.envelope.position),
    )


def _in_occurred_order(fold: Fold, events: Sequence[Event], begins: Begins) -> list[Version]:
    """One version per instant. What is dated before the creation counts from the creation on."""
    versions: list[Version] = []
    row: Row | None = None
    for event in in_occurred_order(events, begins):
        after = fold(row, event)
        if after is not None or row is not None:
            instant = event.envelope.occurred_at
            if versions and instant <= versions[-1].occurred_at:
                instant = versions.pop().occurred_at
            versions.append(Version(OCCURRED, instant, event.envelope.position, after))
        row = after
    return versions


def _failing_prefix(fold: Fold, events: Sequence[Event], begins: Begins) -> int:
    """Length of a prefix that fails in occurred order where one event less does not."""

    def fails(length: int) -> bool:
        try:
            _in_occurred_order(fold, events[:length], begins)
        except Exception:
            return True
        return False

    return bisect_left(range(len(events) + 1), True, lo=1, key=fails)


def _parted(
    recorded: Sequence[Version | None], occurred: list[Version], poison: Poison | None
) -> Folded:
    known = [v for v in recorded if v is not None]
    state = StreamState(
        row=occurred[-1].row if occurred else None,
        recorded=known[-1].row if known else None,
        newest=occurred[-1].occurred_at if occurred else None,
        split=True,
    )
    return Folded(state, [*known, *occurred], poison, replaces=True)
