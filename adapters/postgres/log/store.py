"""The event store on Postgres: what dispatch, projections and readers are given."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from itertools import groupby
from types import TracebackType
from uuid import UUID

from adapters.postgres.log.collecting import uncollected
from adapters.postgres.log.head import Head, HeadKeeper
from adapters.postgres.log.numbers import Numbers
from adapters.postgres.log.reading import EVENT_COLUMNS, Reader
from adapters.postgres.log.units import Unit
from adapters.postgres.log.writer import PATIENCE_SECONDS, Writer
from commands.ports import (
    Answer,
    Append,
    Outcome,
    Snapshot,
    StoredEvent,
    StoredReceipt,
    answered,
)

_STREAM = (
    f"SELECT {EVENT_COLUMNS} FROM backstory.events WHERE stream_id = %s AND version > %s"
    " AND version <= coalesce(%s, 2147483647) ORDER BY version LIMIT %s"
)
_STREAMS = (
    f"SELECT {EVENT_COLUMNS} FROM backstory.events WHERE stream_id = ANY (%s)"
    " ORDER BY stream_id, version"
)
_SINCE = (
    f"SELECT {EVENT_COLUMNS} FROM unnest(%s::uuid[], %s::int[]) AS known (of, upto)"
    " CROSS JOIN LATERAL (SELECT * FROM backstory.events WHERE stream_id = known.of"
    " AND version > known.upto ORDER BY version LIMIT %s) AS event ORDER BY stream_id, version"
)
_LOG = (
    f"SELECT {EVENT_COLUMNS} FROM backstory.events WHERE position > %s"
    " AND position <= least(%s::bigint, (SELECT position FROM backstory.head))"
)
_EACH = f"SELECT {EVENT_COLUMNS} FROM backstory.events WHERE position = ANY (%s)"
_BEGUN = (
    f"SELECT {EVENT_COLUMNS} FROM backstory.events WHERE customer_id = ANY (%s)"
    " AND position > %s AND version = 1 ORDER BY position LIMIT %s"
)
_LATEST = (
    f"SELECT {EVENT_COLUMNS} FROM backstory.events WHERE customer_id = ANY (%s)"
    " AND topic = ANY (%s) AND (occurred_at, position) < (%s, %s)"
    " ORDER BY occurred_at DESC, position DESC LIMIT %s"
)
_RECEIPTS = (
    "SELECT c.command_id, c.stream_id, c.version, coalesce(e.position, 0), c.status, c.fingerprint"
    " FROM backstory.commands c LEFT JOIN backstory.events e USING (stream_id, version)"
    " WHERE c.command_id = ANY (%s)"
)
_SNAPSHOT = (
    "SELECT stream_id, version, revision, state FROM backstory.snapshots WHERE stream_id = %s"
)
_SAVE_SNAPSHOT = (
    "INSERT INTO backstory.snapshots AS s (stream_id, version, revision, state)"
    " VALUES (%s, %s, %s, %s) ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version,"
    " revision = excluded.revision, state = excluded.state"
    " WHERE s.version <= excluded.version OR s.revision <> excluded.revision RETURNING 1"
)


class PostgresLog:
    """The append-only log of one organisation. Implements ``commands.ports.EventLog``.

    The schema must be installed (``adapters.postgres.schema.install``). Threads of its own store
    what is submitted and keep the head moving: ``close()`` it, or use it as a context manager.
    """

    def __init__(
        self,
        url: str,
        *,
        lanes: int = 1,
        connections: int = 4,
        waiting_limit: int = 10_000,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._reader = Reader(url, connections=connections)
        self._numbers = Numbers(url)
        self._keeper = HeadKeeper(url)
        self._writer = Writer(
            url,
            lanes=lanes,
            waiting_limit=waiting_limit,
            patience=patience,
            on_commit=self._keeper.poke,
        )

    def __enter__(self) -> "PostgresLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Store what waits, then let go of every connection and thread."""
        self._writer.close()
        self._keeper.close()
        self._numbers.close()
        self._reader.close()

    # Writing

    def submit(self, unit: Append) -> "Future[Outcome]":
        """Queue a unit for the next group commit. ValueError for one that no log could hold; the
        future may raise OutcomeUnknown, Overloaded."""
        return self._writer.submit(Unit(unit))

    def submit_all(self, units: Sequence[Append]) -> "Future[Sequence[Answer]]":
        """Queue many units at once. ValueError, and none queued, for one that no log could hold."""
        return self._writer.submit_all([Unit(unit) for unit in units])

    def append(self, units: Sequence[Append]) -> list[Outcome]:
        """Submit all and wait for all."""
        return [answered(answer) for answer in self.submit_all(units).result()]

    @property
    def waiting(self) -> int:
        """How many submitted units are not yet on their way."""
        return self._writer.waiting

    # The log, up to the published head

    def head(self) -> Head:
        """The published head. Raises LogReplaced."""
        self._keeper.check()
        [(position, at)] = self._reader.rows("SELECT position, at FROM backstory.head")
        return Head(position, at)

    def head_at(self, instant: datetime) -> int:
        """Position of the last head published at or before an instant; for one that has passed the
        answer is the same for ever."""
        [(position,)] = self._reader.rows("SELECT backstory.head_at(%s)", (instant,))
        return int(position)

    def wait_for_head(self, after: int, timeout: float) -> Head | None:
        """The first head seen past ``after``; None if none came in ``timeout`` seconds."""
        return self._keeper.wait(after, timeout)

    @property
    def head_stalled_seconds(self) -> float:
        """For how long an open transaction has held the head back."""
        return self._keeper.stalled_seconds

    @property
    def head_held_by(self) -> int | None:
        """Process id, at the server, of that transaction."""
        return self._keeper.held_by

    def log(
        self,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        *,
        topics: Sequence[str] | None = None,
        kinds: Sequence[str] | None = None,
        customer_id: UUID | None = None,
        stream_id: UUID | None = None,
    ) -> list[StoredEvent]:
        """Events with ``after < position <= upto``, in order, never past the published head."""
        self._keeper.check()
        query = _LOG
        values: list[object] = [after, upto]
        for condition, value in (
            (" AND topic = ANY (%s)", None if topics is None else list(topics)),
            (" AND kind = ANY (%s)", None if kinds is None else list(kinds)),
            (" AND customer_id = %s", customer_id),
            (" AND stream_id = %s", stream_id),
        ):
            if value is not None:
                query += condition
                values.append(value)
        with uncollected():
            return self._reader.events(query + " ORDER BY position LIMIT %s", [*values, limit])

    def scan(
        self, after: int = 0, upto: int | None = None, *, batch: int = 5_000
    ) -> Iterator[list[StoredEvent]]:
        """All events with ``after < position <= upto`` up to the head of now, in lists in order."""
        upto = self.head().position if upto is None else upto
        while events := self.log(after, upto, batch):
            yield events
            after = events[-1].position

    # What the write side looks up: whatever is committed

    def each(self, positions: Sequence[int]) -> Mapping[int, StoredEvent]:
        """The events at these positions."""
        found = self._reader.events(_EACH, (list(positions),))
        return {event.position: event for event in found}

    def begun(self, customer_ids: Sequence[UUID], after: int, limit: int) -> list[StoredEvent]:
        """First events of streams that belonged to these customers when they began, from a
        position on, in order."""
        return self._reader.events(_BEGUN, [list(customer_ids), after, limit])

    def latest(
        self,
        customer_ids: Sequence[UUID],
        topics: Sequence[str],
        before: tuple[datetime, int] | None,
        limit: int,
    ) -> list[StoredEvent]:
        values = [list(customer_ids), list(topics), *(before or ("infinity", 0)), limit]
        return self._reader.events(_LATEST, values)

    def stream(
        self, stream_id: UUID, *, after: int = 0, upto: int | None = None, limit: int | None = None
    ) -> list[StoredEvent]:
        return self._reader.events(_STREAM, (stream_id, after, upto, limit))

    def streams(self, stream_ids: Iterable[UUID]) -> Mapping[UUID, list[StoredEvent]]:
        found = self._reader.events(_STREAMS, (list(stream_ids),))
        return _by_stream(found)

    def since(self, versions: Mapping[UUID, int], limit: int) -> Mapping[UUID, list[StoredEvent]]:
        given = (list(versions), list(versions.values()), limit)
        return _by_stream(self._reader.events(_SINCE, given))

    def holders(self, keys: Sequence[bytes]) -> Mapping[bytes, UUID]:
        return dict(
            self._reader.rows(
                "SELECT key, holder FROM backstory.reservations WHERE key = ANY (%s)", (list(keys),)
            )
        )

    def marked(self, keys: Sequence[bytes]) -> Mapping[bytes, tuple[UUID, ...]]:
        return {
            key: tuple(streams)
            for key, streams in self._reader.rows(
                "SELECT key, array_agg(stream_id ORDER BY stream_id) FROM backstory.marks"
                " WHERE key = ANY (%s) GROUP BY key",
                (list(keys),),
            )
        }

    def receipts(self, command_ids: Sequence[UUID]) -> Mapping[UUID, StoredReceipt]:
        rows = self._reader.rows(_RECEIPTS, (list(command_ids),))
        return {row[0]: StoredReceipt(*row) for row in rows}

    def snapshot(self, stream_id: UUID) -> Snapshot | None:
        rows = self._reader.rows(_SNAPSHOT, (stream_id,))
        return Snapshot(*rows[0]) if rows else None

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep it, unless one of the same revision and a later version is there."""
        values = (snapshot.stream_id, snapshot.version, snapshot.revision, snapshot.state)
        self._reader.rows(_SAVE_SNAPSHOT, values)

    def subject_keys(self, subjects: Sequence[UUID]) -> Mapping[UUID, bytes]:
        return dict(
            self._reader.rows(
                "SELECT subject, wrapped FROM backstory.subject_keys WHERE subject = ANY (%s)",
                (list(subjects),),
            )
        )

    def next_numbers(self, series: str, count: int) -> range:
        return self._numbers.draw(series, count)


def _by_stream(events: Iterable[StoredEvent]) -> Mapping[UUID, list[StoredEvent]]:
    return {of: list(group) for of, group in groupby(events, lambda event: event.stream_id)}
