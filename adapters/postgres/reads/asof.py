"""As of when: the moment a read asks for, on which of the two clocks."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, Protocol

from aggregates.errors import FieldError, Invalid
from aggregates.events import Created, Envelope, Event
from commands.ports import StoredEvent

Clock = Literal["occurred", "recorded"]
CLOCKS: tuple[Clock, ...] = ("occurred", "recorded")

_POSITION = re.compile(r"^\d{1,30}$", re.ASCII)
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$", re.ASCII)
_INSTANT = re.compile(
    r"^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d{1,12})?([Zz]|[+ -]\d{2}:\d{2})$", re.ASCII
)
_LARGEST = 2**63 - 1
_EARLIEST, _LATEST = (m.replace(tzinfo=UTC) for m in (datetime.min, datetime.max))


@dataclass(frozen=True, slots=True)
class Now:
    """Whatever is known, in the order in which it happened."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was known up to a position of the log, in the log's order."""

    position: int
    instant: datetime | None = field(default=None, compare=False)
    """The instant that was asked for, where the position was found by one."""


@dataclass(frozen=True, slots=True)
class Occurred:
    """What had happened up to an instant, as far as is known today, in the order it happened."""

    instant: datetime


Moment = Now | Recorded | Occurred
NOW = Now()
EVERYTHING = Recorded(_LARGEST)
"""Whatever is known, in the order in which it was recorded."""


class Heads(Protocol):
    """What instants on the recorded clock are resolved by."""

    def head_at(self, instant: datetime) -> int: ...


def moment(
    as_of: str | None, clock: str | None, *, default: Clock, zone: tzinfo, heads: Heads
) -> Moment:
    """The moment that ``as_of`` and ``clock`` name. Raises Invalid.

    ``as_of`` is an instant, a date (its end in ``zone``) or a position. An instant that lies ahead
    means now, as nothing is known beyond it; whether the log has the position is for the caller.
    """
    if clock is not None and clock not in CLOCKS:
        raise Invalid(FieldError("clock", "not-one-of", known=", ".join(CLOCKS)))
    if as_of is not None and _POSITION.match(as_of):
        if clock == "occurred":
            raise Invalid(FieldError("as_of", "position-is-recorded"))
        return Recorded(_position(as_of))
    recorded = (clock or default) == "recorded"
    if as_of is None:
        return EVERYTHING if recorded else NOW
    at = end_of(as_of, zone)
    return Recorded(heads.head_at(at), at) if recorded else Occurred(at)


def _position(text: str) -> int:
    if int(text) > _LARGEST:
        raise Invalid(FieldError("as_of", "out-of-range", min=0, max=_LARGEST))
    return int(text)


def end_of(text: str, zone: tzinfo) -> datetime:
    """The instant, or the last microsecond of the date. Raises Invalid naming ``as_of``."""
    try:
        if _DATE.match(text):
            return last_of(date.fromisoformat(text), zone)
        return instant(text)
    except ValueError:
        raise Invalid(FieldError("as_of", "not-a-moment")) from None


def instant(text: str) -> datetime:
    """An RFC 3339 instant in UTC; ValueError for anything else.

    Digits beyond microseconds are cut off. A blank stands for the plus sign that it was before
    somebody forgot to encode it in an address.
    """
    match = _INSTANT.match(text)
    if match is None:
        raise ValueError(text)
    day, clock, fraction, offset = match.groups()
    offset = "+00:00" if offset in "Zz" else offset.replace(" ", "+")
    return _utc(datetime.fromisoformat(f"{day}T{clock}{(fraction or '')[:7]}{offset}"))


def first_of(day: date, zone: tzinfo) -> datetime:
    """The first instant of a day in a zone."""
    return _utc(datetime.combine(day, time.min, zone))


def last_of(day: date, zone: tzinfo) -> datetime:
    """The last microsecond of a day in a zone."""
    if day == date.max:
        return _LATEST
    return first_of(day + timedelta(days=1), zone) - timedelta(microseconds=1)


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return _EARLIEST if at.year == 1 else _LATEST


def counts(event: Envelope | StoredEvent, moment: Moment) -> bool:
    """Whether an event counts at a moment."""
    match moment:
        case Recorded(position):
            return event.position <= position
        case Occurred(at):
            return event.occurred_at <= at
    return True


def known(events: list[Event], moment: Moment) -> list[Event]:
    """Those of a stream's events that count at a moment, in the order in which to fold them."""
    events = [e for e in events if counts(e.envelope, moment)]
    if isinstance(moment, Recorded):
        return sorted(events, key=lambda e: e.envelope.position)
    return sorted(events, key=_as_it_happened)


def _as_it_happened(event: Event) -> tuple[bool, datetime, int]:
    envelope: Envelope = event.envelope
    return not isinstance(event, Created), envelope.occurred_at, envelope.position
