"""Records folded from the log: exact at every moment, and never behind it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from adapters.mapper import Mapper
from adapters.postgres.reads.asof import NOW, Moment, Recorded, counts, known
from adapters.postgres.views.decoding import decode, is_passing
from adapters.postgres.views.versions import Undecodable
from aggregates.errors import NotFound
from aggregates.events import Event
from commands.ports import EventLog, StoredEvent
from projections.base import Projection, Row

Step = tuple[Event, Row | None, Row | None]
"""An event, and the row before and after it."""


class RecordUnreadable(Exception):
    """An event of the record can be neither read nor folded by this release."""

    def __init__(self, kind: str, id: UUID, position: int) -> None:
        super().__init__(f"{kind} {id}: the event at {position} cannot be read")
        self.kind, self.id, self.position = kind, id, position


class Records:
    """Reads single streams and folds them. Thread-safe; calls block."""

    def __init__(self, log: EventLog, mapper: Mapper) -> None:
        self._log, self._mapper = log, mapper

    def at(self, projection: Projection[Any], id: UUID, moment: Moment = NOW) -> Row:
        """The row at a moment.

        Raises NotFound where there is none (yet, or any more), or RecordUnreadable.
        """
        steps = list(self.steps(projection, id, moment))
        row = steps[-1][2] if steps else None
        if row is None:
            raise NotFound(projection.kind, id)
        return row

    def is_newer(self, row: Row) -> bool:
        """Whether the log holds events of the row's stream that are not folded in."""
        return bool(self._log.stream(row.id, after=row.version, limit=1))

    def steps(self, projection: Projection[Any], id: UUID, moment: Moment) -> Iterator[Step]:
        """The record's history up to a moment, event by event, in the order of its clock.

        Raises NotFound where the stream is of another kind, or none at all, or RecordUnreadable.
        """
        yield from self._folded(projection, id, self._log.stream(id), moment)

    def steps_of(
        self, wanted: Mapping[UUID, Projection[Any]], moment: Moment
    ) -> Mapping[int, Step]:
        """Position → step, of all events of several records up to a moment, in one round trip.

        Raises RecordUnreadable.
        """
        streams = self._log.streams(wanted)
        return {
            step[0].envelope.position: step
            for id, stored in streams.items()
            for step in self._folded(wanted[id], id, stored, moment)
        }

    def at_each(
        self, projection: Projection[Any], asked: Iterable[tuple[UUID, Moment]]
    ) -> Mapping[tuple[UUID, Moment], Row]:
        """Rows at moments, or where there was none yet, the first; in one round trip.

        Absent: what is not there at all, or cannot be read.
        """
        asked, found = list(asked), {}
        streams = self._log.streams({id for id, _ in asked})
        for id, moment in asked:
            with suppress(NotFound, RecordUnreadable):
                rows = self._rows(projection, id, streams.get(id, ()), moment)
                row = rows[-1] if rows else self._rows(projection, id, streams[id], NOW)[0]
                found[id, moment] = row
        return found

    def _rows(
        self, projection: Projection[Any], id: UUID, stored: Sequence[StoredEvent], moment: Moment
    ) -> list[Row]:
        steps = self._folded(projection, id, stored, moment)
        return [row for _, _, row in steps if row is not None]

    def _folded(
        self, projection: Projection[Any], id: UUID, stored: Sequence[StoredEvent], moment: Moment
    ) -> Iterator[Step]:
        yield from _steps(
            projection, None, known(self._events(projection.kind, id, stored, moment), moment)
        )

    def folded(
        self,
        projection: Projection[Any],
        id: UUID,
        stored: Sequence[StoredEvent],
        row: Row | None,
    ) -> Iterator[Step]:
        """Events that follow each other, in this order, on the row before them.

        Raises RecordUnreadable.
        """
        return _steps(projection, row, self._events(projection.kind, id, stored, NOW))

    def _events(
        self, kind: str, id: UUID, stored: Sequence[StoredEvent], moment: Moment
    ) -> list[Event]:
        stored = [e for e in stored if e.kind == kind]
        if not stored:
            raise NotFound(kind, id)
        events: list[Event] = []
        for one, item in zip(stored, decode(self._mapper, stored), strict=True):
            if not isinstance(item, Undecodable):
                events.append(item)
            elif counts(one, moment):
                raise RecordUnreadable(kind, id, one.position)
        return events


def _steps(projection: Projection[Any], row: Row | None, events: Iterable[Event]) -> Iterator[Step]:
    for event in events:
        before, row = row, _after(projection, row, event)
        yield event, before, row


def _after(projection: Projection[Any], row: Row | None, event: Event) -> Row | None:
    try:
        after: Row | None = projection.fold(row, event)
    except Exception as error:
        if is_passing(error):
            raise
        at = event.envelope
        raise RecordUnreadable(projection.kind, at.stream_id, at.position) from error
    return after


def needed(moment: Moment, head: int) -> int:
    """How far a view must have read to answer for a moment."""
    return min(moment.position, head) if isinstance(moment, Recorded) else 0
