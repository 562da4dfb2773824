"""When things happened: what callers say, what events say of themselves, and what is now."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aggregates.base import Aggregate
from aggregates.errors import FieldError, Invalid
from aggregates.events import Event
from commands.base import Meta
from commands.ports import EventLog, NeedsIO

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
"""How far another clock may be ahead of ours."""
DATED_LATER = datetime.max.replace(tzinfo=UTC)
"""``latest_at`` of what happens now: only the database's clock dates it, when it is stored."""


class Occurrence:
    """Decides an event's ``occurred_at``. Thread-safe."""

    def __init__(self, log: EventLog, timezone: ZoneInfo, now: Callable[[], datetime]) -> None:
        self._log, self._timezone, self._now = log, timezone, now

    def today(self) -> date:
        """The organisation's day."""
        return self._now().astimezone(self._timezone).date()

    def check(self, meta: Meta) -> None:
        """Raise Invalid where the caller names a moment that cannot be."""
        if meta.occurred_at is None:
            return
        if meta.occurred_at.tzinfo is None:
            raise Invalid(FieldError("meta.occurred_at", "without-offset"))
        if meta.occurred_at < EARLIEST:
            raise Invalid(FieldError("meta.occurred_at", "too-early", year=EARLIEST.year))
        if meta.occurred_at > self._now() + AHEAD:
            raise Invalid(FieldError("meta.occurred_at", "in-the-future"))

    def of(
        self, event: Event, version: int, aggregate: Aggregate, meta: Meta, *, offline: bool
    ) -> datetime | None:
        """When the event happened; None: now, to be said by the database's clock.

        An event's own date is the end of that day. That, and now, are never before what is already
        known to have happened, be it by a clock that is ahead of ours: only a caller who names an
        instant can put an event before others. NeedsIO where ``offline`` and the log has to say
        what is known. Invalid where a day lies ahead that must not.
        """
        if event.NOT_AHEAD:
            self._check_days(event)
        occurred_at = meta.occurred_at
        if occurred_at is None and event.OCCURRED_ON is not None:
            day_end = self._day_end(event, event.OCCURRED_ON)
            occurred_at = day_end and self._not_before(day_end, version, aggregate, offline)
        if occurred_at is None and self._is_ahead(aggregate.latest_at):
            occurred_at = aggregate.latest_at
        aggregate.happened_at(occurred_at or DATED_LATER)
        return occurred_at

    def _check_days(self, event: Event) -> None:
        for field in event.NOT_AHEAD & event.model_fields_set:
            day: date | None = getattr(event, field)
            if day is not None and day > self.today():
                raise Invalid(FieldError(field, "in-the-future"))

    def _is_ahead(self, latest_at: datetime | None) -> bool:
        """Whether something has been said to happen a little later than now."""
        return latest_at is not None and self._now() < latest_at != DATED_LATER

    def _day_end(self, event: Event, field: str) -> datetime | None:
        day: date = getattr(event, field)
        if day > self.today():
            raise Invalid(FieldError(field, "in-the-future"))
        if day == self.today():
            return None
        return datetime.combine(day, time.max, self._timezone)

    def _not_before(
        self, instant: datetime, version: int, aggregate: Aggregate, offline: bool
    ) -> datetime | None:
        latest = aggregate.latest_at
        if latest == DATED_LATER:
            if offline:
                raise NeedsIO
            stored = self._log.stream(aggregate.id)
            if len(stored) < version - 1:  # what comes before is stored together with this
                return None
            latest = max(before.occurred_at for before in stored)
        return instant if latest is None else max(instant, latest)
