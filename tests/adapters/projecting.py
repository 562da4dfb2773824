"""A log to write histories to, and what the folds of them must come to, for tests of views."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
from psycopg import sql

from adapters.keys import Keyring
from adapters.mapper import Mapper
from adapters.postgres.log.reading import Reader
from adapters.postgres.log.store import PostgresLog
from adapters.postgres.views import totals
from adapters.postgres.views.columns import to_row
from adapters.postgres.views.leading import connect
from adapters.postgres.views.positions import Positions
from adapters.postgres.views.projector import Projector
from adapters.postgres.views.rebuild import Rebuilder
from adapters.postgres.views.runner import Lead, ProjectionRunner
from adapters.postgres.views.tables import View, names
from adapters.postgres.views.versions import in_occurred_order
from aggregates.events import Event
from commands.ports import Append, CommandRow, Committed, EventRow
from projections.base import Projection, Row
from tests.adapters.leading import take_lead

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return BEGINNING + timedelta(days=number)


class World:
    """A database with a log and views, and runners of it that go step by step."""

    def __init__(self, url: str, projections: Sequence[Projection[Any]]) -> None:
        self.url, self.projections = url, list(projections)
        self._stack = ExitStack()
        self.log = self._stack.enter_context(PostgresLog(url, lanes=1, connections=2))
        self.mapper = Mapper(self.log, Keyring(bytes(32)))
        reader = Reader(url, connections=2)
        self._stack.callback(reader.close)
        self.positions = Positions(reader)
        self.projector = Projector(self.log, self.mapper)
        self.rebuilder = Rebuilder(url, self.log, self.mapper)
        self.connection = self._stack.enter_context(psycopg.connect(url, autocommit=True))
        self._versions: dict[UUID, int] = {}

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # Writing

    def append(self, *events: tuple[UUID, Event, datetime | None]) -> int:
        """Store (stream, event, occurred_at) in this order; the position of the last."""
        rows = []
        for stream_id, event, occurred_at in events:
            version = self._versions[stream_id] = self._versions.get(stream_id, 0) + 1
            payload = orjson.dumps(event.model_dump(mode="json", exclude_unset=True))
            kind = event.TOPIC.partition(".")[0]
            rows.append(EventRow(0, stream_id, version, kind, event.TOPIC, 1, payload, occurred_at))
        return self.append_rows(rows)

    def append_rows(self, rows: Sequence[EventRow]) -> int:
        last = rows[-1]
        command = CommandRow(
            uuid4(), "test", 200, last.stream_id, last.version, UUID(int=7), "api", uuid4()
        )
        [outcome] = self.log.append([Append((command,), tuple(rows))])
        assert isinstance(outcome, Committed), outcome
        position = outcome.receipts[0].position
        assert self.log.wait_for_head(position - 1, 10) is not None
        return position

    # Projecting

    def runner(self, batch: int = 5_000, **options: Any) -> ProjectionRunner:
        return ProjectionRunner(
            self.url,
            self.log,
            options.pop("reader", self.mapper),
            self.positions,
            projections=self.projections,
            batch=batch,
            **options,
        )

    def build(self) -> None:
        for projection in self.projections:
            self.rebuilder.rebuild(projection)

    def catch_up(self, batch: int = 5_000, steps: int = 10_000, **options: Any) -> None:
        """Lead with a new session, take at most so many steps, and give the lead up."""
        runner = self.runner(batch, **options)
        with connect(self.url) as connection:
            run(runner, take_lead(runner, connection), steps)

    # Reading

    def rows(self, view: View, ids: Iterable[UUID] | None = None) -> dict[UUID, Row]:
        assert self.wrong_totals(view) == []
        query = sql.SQL("SELECT {} FROM {}").format(names(view.columns), view.table)
        found = [to_row(view.projection.row, r) for r in self.connection.execute(query)]
        wanted = None if ids is None else set(ids)
        return {r.id: r for r in found if wanted is None or r.id in wanted}

    def wrong_totals(self, view: View) -> list[tuple[Any, ...]]:
        """Lines of the kept totals that the rows do not come to, and the other way round."""
        if view.totals is None:
            return []
        keys = names(totals.keys(view.projection.row))
        compared = sql.SQL(
            "WITH kept AS ("
            " SELECT {keys}, count, total FROM {totals} WHERE (count, total) <> (0, 0)),"
            " summed AS (SELECT {keys}, count(*), coalesce(sum(amount), 0) FROM {table}"
            " WHERE archived_at IS NULL AND withdrawn_at IS NULL GROUP BY {keys})"
            " (TABLE kept EXCEPT TABLE summed) UNION ALL (TABLE summed EXCEPT TABLE kept)"
        ).format(keys=keys, totals=view.totals, table=view.table)
        return self.connection.execute(compared).fetchall()

    def as_of(self, view: View, moment: int | datetime, ids: Iterable[UUID]) -> dict[UUID, Row]:
        """Rows of these streams at a position (recorded clock) or an instant (occurred clock)."""
        if isinstance(moment, int):
            until = "axis IN (0, 1) AND at_position <= %s", "at_position DESC"
        else:
            until = "axis IN (0, 2) AND occurred_at <= %s", "occurred_at DESC, at_position DESC"
        query = sql.SQL(
            "SELECT {columns} FROM (SELECT DISTINCT ON (id) * FROM {versions}"
            f" WHERE id = ANY (%s) AND {until[0]} ORDER BY id, {until[1]}) newest WHERE NOT gone"
        ).format(columns=names(view.columns), versions=view.versions)
        found = self.connection.execute(query, (list(ids), moment))
        rows = [to_row(view.projection.row, r) for r in found]
        return {r.id: r for r in rows}

    def events(self, ids: Iterable[UUID]) -> dict[UUID, list[Event]]:
        """The log, typed, by stream."""
        history = self.log.streams(ids)
        return {s: self.mapper.read_all(events) for s, events in history.items()}


def run(runner: ProjectionRunner, lead: Lead, steps: int = 10_000) -> None:
    while steps and runner.step(lead):
        steps -= 1


def folded(projection: Projection[Any], events: Iterable[Event]) -> Row | None:
    """The oracle: a plain fold, one event after the other."""
    row = None
    for event in events:
        row = projection.fold(row, event)
    return row


def rows_of(
    projection: Projection[Any], events: dict[UUID, list[Event]], moment: int | datetime | None
) -> dict[UUID, Row]:
    """What there must be at a position, at an instant, or now (None)."""
    rows = {}
    for stream_id, of_stream in events.items():
        if isinstance(moment, int):
            seen = [e for e in of_stream if e.envelope.position <= moment]
        else:
            happened = [e for e in of_stream if moment is None or e.envelope.occurred_at <= moment]
            seen = in_occurred_order(happened)
        row = folded(projection, seen)
        if row is not None:
            rows[stream_id] = row
    return rows
