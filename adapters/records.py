"""Records folded from the log: exact at every moment, and never behind it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from adapters.mapper import Mapper
from adapters.postgres.reads.asof import NOW, Moment, Recorded, known
from aggregates.errors import NotFound
from aggregates.events import Event
from commands.ports import EventLog
from projections.base import Projection, Row

Step = tuple[Event, Row | None, Row | None]
"""An event, and the row before and after it."""


class Records:
    """Reads single streams and folds them. Thread-safe; calls block."""

    def __init__(self, log: EventLog, mapper: Mapper) -> None:
        self._log, self._mapper = log, mapper

    def at(self, projection: Projection[Any], id: UUID, moment: Moment = NOW) -> Row:
        """The row at a moment. Raises NotFound where there is none (yet, or any more)."""
        steps = list(self.steps(projection, id, moment))
        row = steps[-1][2] if steps else None
        if row is None:
            raise NotFound(projection.aggregate.KIND, id)
        return row

    def is_newer(self, row: Row) -> bool:
        """Whether the log holds events of the row's stream that are not folded in."""
        return bool(self._log.stream(row.id, after=row.version, limit=1))

    def steps(self, projection: Projection[Any], id: UUID, moment: Moment) -> Iterator[Step]:
        """The record's history up to a moment, event by event, in the order of its clock."""
        yield from _folded(projection, self._events(projection, id), moment)

    def several(self, projection: Projection[Any], ids: Iterable[UUID]) -> Mapping[UUID, Row]:
        """The rows now of those records that are there, in one round trip."""
        found: dict[UUID, Row] = {}
        for id, stored in self._log.streams(ids).items():
            events = self._mapper.read_all(
                [e for e in stored if e.kind == projection.aggregate.KIND]
            )
            for _, _, row in _folded(projection, events, NOW):
                if row is not None:
                    found[id] = row
        return found

    def _events(self, projection: Projection[Any], id: UUID) -> list[Event]:
        """Raises NotFound where the stream is of another kind, or none at all."""
        kind = projection.aggregate.KIND
        stored = [e for e in self._log.stream(id) if e.kind == kind]
        if not stored:
            raise NotFound(kind, id)
        return self._mapper.read_all(stored)


def _folded(projection: Projection[Any], events: list[Event], moment: Moment) -> Iterator[Step]:
    row: Row | None = None
    for event in known(events, moment):
        before, row = row, projection.fold(row, event)
        yield event, before, row


def needed(moment: Moment, head: int) -> int:
    """How far a view must have read to answer for a moment."""
    return min(moment.position, head) if isinstance(moment, Recorded) else 0
