"""Bulk load: streams of a view folded whole, one after the other, straight into new tables."""

import gc
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, pairwise
from uuid import UUID

import psycopg
from psycopg import sql

from adapters.postgres.log.reading import EVENT_COLUMNS, event_row
from adapters.postgres.views.cells import HEADER, TRAILER
from adapters.postgres.views.columns import Column
from adapters.postgres.views.decoding import EventReader, decode, is_passing
from adapters.postgres.views.parked import park, skipped
from adapters.postgres.views.parts import by_part
from adapters.postgres.views.tables import VERSION_COLUMNS, View, names
from adapters.postgres.views.versions import Item, Poison, position_of, refold, stream_of
from commands.ports import StoredEvent

BATCH = 5_000
SLICE = 100_000
"""About so many events are loaded in one transaction."""
_STREAMS = (
    f"SELECT {EVENT_COLUMNS} FROM backstory.events"
    " WHERE kind = %s AND position <= %s AND stream_id >= %s"
)
_BORDERS = (
    "SELECT stream_id FROM (SELECT stream_id, row_number() OVER (ORDER BY stream_id) AS n"
    " FROM backstory.events WHERE kind = %s AND position <= %s) AS numbered WHERE n %% %s = 0"
)
_LINE_START = struct.Struct(">h")


class BulkRefused(Exception):
    """A row cannot be written; folding batch by batch finds out which."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The streams of a kind whose ids are from ``first`` on and before ``last``."""

    kind: str
    first: UUID
    last: UUID | None
    """None: all the rest."""


def slices(connection: psycopg.Connection, view: View, head: int) -> list[Slice]:
    """The view's streams in slices of about the same number of events."""
    return [s for kind in sorted(view.projection.kinds) for s in _slices(connection, kind, head)]


def _slices(connection: psycopg.Connection, kind: str, head: int) -> list[Slice]:
    found = [row[0] for row in connection.execute(_BORDERS, (kind, head, SLICE))]
    borders = list(dict.fromkeys([UUID(int=0), *found]))
    return [Slice(kind, a, b) for a, b in pairwise([*borders, None]) if a is not None]


def load(
    url: str,
    reader: EventReader,
    view: View,
    of: Slice,
    head: int,
    check: Callable[[], None],
) -> None:
    """Add the folds of a slice, up to a position, to tables that hold nothing of it.

    One transaction. ``check`` is called between batches and ends the load by raising. Raises
    BulkRefused, or an error that is passing.
    """
    with (
        _without_collector(),
        psycopg.connect(url, application_name="backstory rebuild") as reading,
        psycopg.connect(url, application_name="backstory rebuild") as writing,
    ):
        writing.execute("SET LOCAL synchronous_commit = off")
        folding = Folding(reader, view, skipped(reading, view))
        newest: list[bytes] = []
        try:
            with _copy(writing, view.versions, VERSION_COLUMNS + view.columns) as copy:
                for streams in _whole_streams(reading, view, of, head):
                    check()
                    copy.write(b"".join(folding.lines(streams, newest)))
            with _copy(writing, view.table, view.columns) as copy:
                copy.write(b"".join(newest))
        except Exception as error:
            if is_passing(error):
                raise
            raise BulkRefused(str(error)) from error
        for stream_id, poison in folding.poisoned.items():
            park(writing, view, stream_id, poison.position, poison.error)


class Folding:
    """Folds whole streams into lines of COPY."""

    def __init__(self, reader: EventReader, view: View, skipped: frozenset[int]) -> None:
        self._reader, self._view, self._skipped = reader, view, skipped
        self._start = _LINE_START.pack(len(view.columns))
        self.poisoned: dict[UUID, Poison] = {}

    def lines(self, stored: Sequence[StoredEvent], newest: list[bytes]) -> Iterator[bytes]:
        """Versions of rows; the current rows are added to ``newest``."""
        items = decode(self._reader, stored)
        if self._skipped:
            items = [i for i in items if position_of(i) not in self._skipped]
        projection, encoder = self._view.projection, self._view.encoder
        for row_id, of_row in self._rows(items):
            folded = refold(projection.fold, of_row, projection.begins)
            if folded.poison is not None:
                self.poisoned[stream_of(of_row[0])] = folded.poison
            lines, last = encoder.versions(row_id, folded.versions)
            yield from lines
            if folded.state.row is not None and last is not None:
                newest.append(self._start)
                newest += last.cells

    def _rows(self, items: Sequence[Item]) -> Iterator[tuple[UUID, Sequence[Item]]]:
        for stream_id, of_stream in groupby(items, key=stream_of):
            if self._view.projection.is_of_parts:
                yield from by_part(self._view.projection, of_stream).items()
            else:
                yield stream_id, list(of_stream)


def _whole_streams(
    connection: psycopg.Connection, view: View, of: Slice, head: int
) -> Iterator[list[StoredEvent]]:
    """Events in batches, ordered by stream, none of which ends within a stream."""
    connection.execute("SET LOCAL enable_seqscan = off")
    query, values = _STREAMS, [of.kind, head, of.first]
    if view.projection.is_of_parts:
        query += " AND topic = ANY (%s)"
        values.append(sorted(view.projection.topics))
    if of.last is not None:
        query += " AND stream_id < %s"
        values.append(of.last)
    begun: list[StoredEvent] = []
    with connection.cursor("streams", row_factory=event_row) as cursor:
        cursor.execute((query + " ORDER BY stream_id, version").encode(), values, binary=True)
        while found := cursor.fetchmany(BATCH):
            last = found[-1].stream_id
            cut = next((i for i in range(len(found), 0, -1) if found[i - 1].stream_id != last), 0)
            if cut:
                yield begun + found[:cut]
                begun = found[cut:]
            else:
                begun += found
    if begun:
        yield begun


@contextmanager
def _copy(
    connection: psycopg.Connection, table: sql.Identifier, columns: tuple[Column, ...]
) -> Iterator[psycopg.Copy]:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, names(columns))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(HEADER)
        yield copy
        copy.write(TRAILER)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Nothing here makes cycles, and looking for some would take as long as the folds."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
