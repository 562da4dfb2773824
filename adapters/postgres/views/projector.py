"""The projector: folds a stretch of the log into views, all streams of a batch at once."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg

from adapters.postgres.views import tracking
from adapters.postgres.views.decoding import EventReader, decode, is_passing
from adapters.postgres.views.log_source import LogSource
from adapters.postgres.views.parked import InTheWay, Streams, park
from adapters.postgres.views.rows import ViewRows
from adapters.postgres.views.tables import View
from adapters.postgres.views.versions import (
    Folded,
    Item,
    StreamState,
    extend,
    position_of,
    refold,
    version_of,
)
from commands.ports import StoredEvent

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """A stretch of the log, decoded: everything after ``start`` up to ``end``."""

    start: int
    end: int
    items: Mapping[str, Streams]
    """Kind → stream → events in log order."""

    def of(self, view: View) -> Streams:
        return self.items.get(view.projection.aggregate.KIND, {})


class Projector:
    """Folds events into the rows of views."""

    def __init__(self, log: LogSource, reader: EventReader) -> None:
        self._log, self._reader = log, reader
        self._rows: dict[View, ViewRows] = {}

    def project(
        self, connection: psycopg.Connection, views: Sequence[View], epoch: int, batch: Batch
    ) -> None:
        """Bring the views from the batch's start to its end: rows and tracking in one transaction.

        Raises Superseded, Moved, or an error that is passing, and then has done nothing.
        """
        try:
            with connection.transaction():
                tracking.advance(connection, views, epoch, batch.start, batch.end)
                self.fold(connection, views, batch)
        except Exception as error:
            if is_passing(error):
                raise
            _log.warning("looking for the row that cannot be written: %s", error)
            with connection.transaction():
                tracking.advance(connection, views, epoch, batch.start, batch.end)
                self.fold(connection, views, batch, carefully=True)

    def batch(
        self, views: Sequence[View], start: int, end: int, stored: Sequence[StoredEvent]
    ) -> Batch:
        """Decode, each event once, what these views fold."""
        kinds = {v.projection.aggregate.KIND for v in views}
        wanted = [e for e in stored if e.kind in kinds]
        items: dict[str, dict[UUID, list[Item]]] = defaultdict(lambda: defaultdict(list))
        for event, item in zip(wanted, decode(self._reader, wanted), strict=True):
            items[event.kind][event.stream_id].append(item)
        return Batch(start, end, items)

    def fold(
        self,
        connection: psycopg.Connection,
        views: Sequence[View],
        batch: Batch,
        *,
        carefully: bool = False,
    ) -> None:
        """Fold the batch into rows, within the caller's transaction."""
        streams = {s for of_kind in batch.items.values() for s in of_kind}
        if not streams:
            return
        in_the_way = InTheWay(connection, views, streams)
        for view in views:
            left = in_the_way.without(view, batch.of(view))
            if carefully:
                self._fold_carefully(connection, view, batch.end, left)
            elif left:
                self._fold(connection, view, batch.end, left)

    def _fold(self, connection: psycopg.Connection, view: View, end: int, streams: Streams) -> None:
        known = [s for s, items in streams.items() if version_of(items[0]) > 1]
        states = self.rows(view).states(connection, known)
        folded: dict[UUID, Folded] = {}
        late: list[UUID] = []
        for stream_id, items in streams.items():
            state = states.get(stream_id) or StreamState()
            extended = extend(view.projection.fold, state, items)
            if extended is None:
                late.append(stream_id)
            else:
                folded[stream_id] = extended
        self.write(connection, view, folded | self.refolded(connection, view, end, late))

    def refolded(
        self, connection: psycopg.Connection, view: View, end: int, streams: Sequence[UUID]
    ) -> dict[UUID, Folded]:
        """Streams folded anew, from their first event up to the position."""
        if not streams:
            return {}
        history = self._log.streams(streams)
        stored = [e for s in streams for e in history.get(s, ()) if e.position <= end]
        whole = self.batch([view], 0, end, stored).of(view)
        in_the_way = InTheWay(connection, [view], streams)
        whole = in_the_way.without(view, whole, even_parked=True)
        return {s: refold(view.projection.fold, items) for s, items in whole.items()}

    def write(
        self, connection: psycopg.Connection, view: View, folded: Mapping[UUID, Folded]
    ) -> None:
        """Write rows, and park what could not be folded."""
        self.rows(view).write(connection, folded)
        for stream_id, one in folded.items():
            if one.poison is not None:
                self._park(connection, view, stream_id, one.poison.position, one.poison.error)

    def _fold_carefully(
        self, connection: psycopg.Connection, view: View, end: int, streams: Streams
    ) -> None:
        """Halve the streams, then take single events, until what cannot be written is found."""
        if not streams:
            return
        try:
            with connection.transaction():
                self._fold(connection, view, end, streams)
        except Exception as error:
            if is_passing(error):
                raise
            self._narrow_down(connection, view, end, list(streams.items()), error)

    def _narrow_down(
        self,
        connection: psycopg.Connection,
        view: View,
        end: int,
        streams: list[tuple[UUID, Sequence[Item]]],
        error: Exception,
    ) -> None:
        stream_id, items = streams[0]
        if len(streams) > 1:
            half = len(streams) // 2
            self._fold_carefully(connection, view, end, dict(streams[:half]))
            self._fold_carefully(connection, view, end, dict(streams[half:]))
        elif len(items) > 1:
            self._fold_singly(connection, view, stream_id, items)
        else:
            self._park(connection, view, stream_id, position_of(items[0]), error)

    def _fold_singly(
        self, connection: psycopg.Connection, view: View, stream_id: UUID, items: Sequence[Item]
    ) -> None:
        for item in items:
            self._fold_carefully(connection, view, position_of(item), {stream_id: [item]})
            if InTheWay(connection, [view], [stream_id]).is_parked(view, stream_id):
                return

    def _park(
        self,
        connection: psycopg.Connection,
        view: View,
        stream_id: UUID,
        position: int,
        error: Exception,
    ) -> None:
        _log.error("%s parks stream %s at %d: %r", view.key, stream_id, position, error)
        park(connection, view, stream_id, position, error)

    def rows(self, view: View) -> ViewRows:
        """The rows of a view; statements are made once."""
        if view not in self._rows:
            self._rows[view] = ViewRows(view)
        return self._rows[view]
