"""The event-sourcing library's recorders on the same append: for its own applications and tests.

Off the request path. The library's stored event has no envelope, so one is made up for it. What
has a tracking record with it goes through the same function on a connection of the recorder's own,
since both must be in one transaction; everything else goes the log's usual way.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    IntegrityError,
    Notification,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)
from psycopg_pool import ConnectionPool

from adapters.postgres.log.lane import Appender
from adapters.postgres.log.store import PostgresLog
from adapters.postgres.log.units import Unit
from commands.ports import (
    Append,
    CommandRow,
    Committed,
    EventRow,
    Outcome,
    OutcomeUnknown,
    Overloaded,
)
from commands.ports import StoredEvent as LogEvent

_NOBODY = UUID(int=0)
_WAIT_SECONDS = 0.2
_PAGE = 500
_TRACK = (
    "INSERT INTO backstory.recorder_tracking AS t VALUES (%s, %s)"
    " ON CONFLICT (application_name) DO UPDATE SET notification_id = excluded.notification_id"
    " WHERE t.notification_id < excluded.notification_id"
)
_TRACKED = "SELECT notification_id FROM backstory.recorder_tracking WHERE application_name = %s"
_LAST = (
    "SELECT max(position) FROM backstory.events"
    " WHERE position <= (SELECT position FROM backstory.head)"
)


class BackstoryAggregateRecorder(AggregateRecorder):
    """Stores and reads the events of aggregates; ids must be UUIDs, states are kept as payloads."""

    def __init__(self, log: PostgresLog) -> None:
        self._log = log

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """All or none; IntegrityError where a version is taken."""
        self._insert(stored_events)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        after = -1 if gt is None else gt
        found = self._log.stream(_stream_id(originator_id), after=after, upto=lte)
        ordered = found[::-1] if desc else found
        return [_stored_event(event) for event in ordered[:limit]]

    def _insert(self, stored_events: Sequence[StoredEvent]) -> Sequence[int]:
        if not stored_events:
            return []
        try:
            [outcome] = self._log.append([_append(stored_events)])
        except ValueError as error:
            raise IntegrityError(str(error)) from error
        except (OutcomeUnknown, Overloaded) as error:
            raise OperationalError(str(error)) from error
        return _positions(outcome, len(stored_events))


class _OnPostgres:
    """What the recorders ask for besides the log: on connections of their own."""

    def __init__(self, log: PostgresLog, url: str, *, connections: int = 4) -> None:
        super().__init__(log)  # type: ignore[call-arg]
        self._pool = ConnectionPool(
            url,
            min_size=1,
            max_size=connections,
            kwargs={"autocommit": True, "application_name": "backstory recorder"},
            name="backstory-recorder",
            open=True,
        )

    def close(self) -> None:
        self._pool.close()

    def _ask(self, query: str, *parameters: object) -> Any:
        with self._pool.connection() as connection:
            row = connection.execute(query.encode(), parameters).fetchone()
        return None if row is None else row[0]


class BackstoryApplicationRecorder(_OnPostgres, BackstoryAggregateRecorder, ApplicationRecorder):
    """Adds the one order over all aggregates. What one has stored can be selected at once."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        return self._insert(stored_events)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = 0 if start is None else start - inclusive_of_start
        self._publish()
        found = self._log.log(after, stop, limit, topics=topics or None)
        return [_notification(event) for event in found]

    def max_notification_id(self) -> int | None:
        self._publish()
        last: int | None = self._ask(_LAST)
        return last

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> "Subscription[ApplicationRecorder]":
        return _Following(self, self._log, gt, topics)

    def _publish(self) -> None:
        # The library expects to select what was inserted without waiting for a head to move.
        self._ask("SELECT position FROM backstory.publish_head()")


class BackstoryProcessRecorder(BackstoryApplicationRecorder, ProcessRecorder, TrackingRecorder):
    """Events and tracking in one transaction: an upstream event is processed once in effect."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        tracking: Tracking | None = kwargs.get("tracking")
        if tracking is None:
            return self._insert(stored_events)
        return self._insert_tracked(stored_events, tracking)

    def insert_tracking(self, tracking: Tracking) -> None:
        self._insert_tracked((), tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        tracked: int | None = self._ask(_TRACKED, application_name)
        return tracked

    def _insert_tracked(
        self, stored_events: Sequence[StoredEvent], tracking: Tracking
    ) -> Sequence[int]:
        units = [Unit(_append(stored_events))] if stored_events else []
        try:
            with self._pool.connection() as connection, connection.transaction():
                _track(connection, tracking)
                # Raising on a refusal takes the tracking back as well.
                return [position for unit in units for position in _insert_on(connection, unit)]
        except psycopg.OperationalError as error:
            raise OperationalError(str(error)) from error


class _Following(Subscription[ApplicationRecorder]):
    """Blocks until the head moves, then reads a page."""

    def __init__(
        self, recorder: ApplicationRecorder, log: PostgresLog, gt: int | None, topics: Sequence[str]
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._log = log
        self._read_to = gt or 0
        self._page: Iterator[LogEvent] = iter(())

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            event = next(self._page, None)
            if event is not None:
                return _notification(event)
            self._turn()
        raise StopIteration

    def _turn(self) -> None:
        head = self._log.wait_for_head(self._read_to, _WAIT_SECONDS)
        if head is None:
            return
        events = self._log.log(
            self._read_to, head.position, _PAGE, topics=list(self._topics) or None
        )
        # A short page has seen everything up to the head, whatever the topics.
        self._read_to = events[-1].position if len(events) == _PAGE else head.position
        self._page = iter(events)


def _track(connection: psycopg.Connection, tracking: Tracking) -> None:
    values = (tracking.application_name, tracking.notification_id)
    if connection.execute(_TRACK, values).rowcount == 0:
        raise IntegrityError(f"{tracking} is not ahead of what was tracked")


def _insert_on(connection: psycopg.Connection, unit: Unit) -> Sequence[int]:
    [outcome] = Appender(connection).append([unit])
    return _positions(outcome, len(unit.append.events))


def _positions(outcome: Outcome, count: int) -> Sequence[int]:
    if not isinstance(outcome, Committed):
        raise IntegrityError(str(outcome))
    last = outcome.receipts[-1].position
    return list(range(last - count + 1, last + 1))


def _append(stored_events: Sequence[StoredEvent]) -> Append:
    command_id = uuid4()
    events = tuple(
        EventRow(
            0,
            _stream_id(event.originator_id),
            event.originator_version,
            "library",
            event.topic,
            1,
            event.state,
        )
        for event in stored_events
    )
    last = events[-1]
    command = CommandRow(
        command_id, "library/insert", 200, last.stream_id, last.version, _NOBODY, "api", command_id
    )
    return Append((command,), events)


def _stream_id(originator_id: UUID | str) -> UUID:
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)


def _stored_event(event: LogEvent) -> StoredEvent:
    return StoredEvent(
        originator_id=event.stream_id,
        originator_version=event.version,
        topic=event.topic,
        state=event.payload,
    )


def _notification(event: LogEvent) -> Notification:
    return Notification(
        originator_id=event.stream_id,
        originator_version=event.version,
        topic=event.topic,
        state=event.payload,
        id=event.position,
    )
