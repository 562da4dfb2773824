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
from adapters.postgres.views.parts import by_part
from adapters.postgres.views.rows import ViewRows
from adapters.postgres.views.tables import View
from adapters.postgres.views.versions import (
    Folded,
    Item,
    StreamState,
    Undecodable,
    extend,
    position_of,
    refold,
    stream_of,
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
        """Row → events that are folded into it, in log order."""
        streams = [self.items[k] for k in sorted(view.projection.kinds) if k in self.items]
        if not view.projection.is_of_parts:
            return streams[0] if streams else {}
        items = (i for of_kind in streams for of_stream in of_kind.values() for i in of_stream)
        return by_part(view.projection, items)


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
        kinds = frozenset().union(*(v.projection.kinds for v in views))
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
        known = [r for r, items in streams.items() if not _begins(view, items[0])]
        states = self.rows(view).states(connection, known)
        folded: dict[UUID, Folded] = {}
        late: dict[UUID, UUID] = {}
        for row_id, items in streams.items():
            state = states.get(row_id) or StreamState()
            extended = extend(view.projection.fold, state, items)
            if extended is None:
                late[row_id] = stream_of(items[0])
            else:
                folded[row_id] = extended
        refolded = self.refolded(connection, view, end, [*dict.fromkeys(late.values())])
        folded |= {r: f for r, f in refolded.items() if r in late}
        origins = {r: stream_of(items[0]) for r, items in streams.items()}
        self.write(connection, view, folded, origins)

    def refolded(
        self, connection: psycopg.Connection, view: View, end: int, streams: Sequence[UUID]
    ) -> dict[UUID, Folded]:
        """Rows of streams folded anew, from the first event up to the position."""
        if not streams:
            return {}
        history = self._log.streams(streams)
        stored = [e for s in streams for e in history.get(s, ()) if e.position <= end]
        whole = self.batch([view], 0, end, stored).of(view)
        in_the_way = InTheWay(connection, [view], streams)
        whole = in_the_way.without(view, whole, even_parked=True)
        fold, begins = view.projection.fold, view.projection.begins
        return {r: refold(fold, items, begins) for r, items in whole.items()}

    def write(
        self,
        connection: psycopg.Connection,
        view: View,
        folded: Mapping[UUID, Folded],
        origins: Mapping[UUID, UUID],
    ) -> None:
        """Write rows, and park the streams of those that could not be folded.

        ``origins``: row → stream; a row that is not in it is its stream's.
        """
        self.rows(view).write(connection, folded)
        for row_id, one in folded.items():
            if one.poison is not None:
                stream_id = origins.get(row_id, row_id)
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
        row_id, items = streams[0]
        if len(streams) > 1:
            half = len(streams) // 2
            self._fold_carefully(connection, view, end, dict(streams[:half]))
            self._fold_carefully(connection, view, end, dict(streams[half:]))
        elif len(items) > 1:
            self._fold_singly(connection, view, row_id, items)
        else:
            self._park(connection, view, stream_of(items[0]), position_of(items[0]), error)

    def _fold_singly(
        self, connection: psycopg.Connection, view: View, row_id: UUID, items: Sequence[Item]
    ) -> None:
        stream_id = stream_of(items[0])
        for item in items:
            self._fold_carefully(connection, view, position_of(item), {row_id: [item]})
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


def _begins(view: View, item: Item) -> bool:
    """Whether nothing can have been folded into the item's row before."""
    if isinstance(item, Undecodable) or not view.projection.is_of_parts:
        return version_of(item) == 1
    return view.projection.begins(item)
