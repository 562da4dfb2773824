"""The runner: one leader, nothing twice, nothing lost, and loud where it cannot go on."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from adapters import registry
from adapters.postgres.views import progress, tracking
from adapters.postgres.views.leading import connect
from adapters.postgres.views.tables import View
from adapters.postgres.views.tracking import OtherLog, Superseded, TrackingAheadOfLog
from aggregates.base import Aggregate
from aggregates.events import Created, Event
from aggregates.opportunity import Opportunity
from projections.base import Projection, Row
from tests.adapters.leading import take_lead
from tests.adapters.projecting import World, day, rows_of, run

registry.load()
OPPORTUNITIES = Projection.registry["opportunities"]
LIVE = View(OPPORTUNITIES)
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'backstory projections'"
)


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with World(database_url, [OPPORTUNITIES]) as world:
        world.build()
        yield world


def opened(title: str = "a sale") -> Event:
    return Opportunity.Opened(title=title, stage="lead")


def advanced(stage: str = "proposal") -> Event:
    return Opportunity.Advanced(stage=stage)


def eventually(is_so: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def check(world: World, *ids: UUID) -> None:
    """The rows, now and at every position, are a plain fold of the log."""
    events = world.events(ids)
    assert world.rows(LIVE, ids) == rows_of(OPPORTUNITIES, events, None)
    for position in sorted(e.envelope.position for of in events.values() for e in of):
        assert world.as_of(LIVE, position, ids) == rows_of(OPPORTUNITIES, events, position)


# Leading


def test_one_leads_and_the_next_takes_over_when_it_ends(world: World) -> None:
    with connect(world.url) as first, connect(world.url) as second:
        take_lead(world.runner(), first)
        assert world.runner().lead(second) is None
        first.close()
        assert eventually(lambda: world.runner().lead(second) is not None)


def test_where_another_leads_nothing_is_to_be_waited_for(world: World) -> None:
    with world.runner() as first:
        assert first.wait_ready(20)
        assert first.wait_settled(0)
        with world.runner() as second:
            assert second.wait_settled(20)
            assert not second.wait_ready(0)


def test_where_projecting_has_stopped_nothing_is_to_be_waited_for(world: World) -> None:
    world.connection.execute("UPDATE backstory.tracking SET incarnation = gen_random_uuid()")
    with world.runner() as runner:
        assert runner.wait_settled(20)
        assert isinstance(runner.failure, OtherLog)


def test_a_superseded_runner_that_wakes_up_writes_nothing(world: World) -> None:
    stream = uuid4()
    world.append((stream, opened(), day(1)))
    with connect(world.url) as first, connect(world.url) as second:
        paused = world.runner()
        old = take_lead(paused, first)
        # The lock is lost without the session noticing, as behind a pooler.
        first.execute("SELECT pg_advisory_unlock_all()")
        new = world.runner().lead(second)
        assert new is not None
        with pytest.raises(Superseded):
            paused.step(old)
        assert world.rows(LIVE) == {}
        run(world.runner(), new)
        world.append((stream, advanced(), day(2)))
        with pytest.raises(Superseded):
            paused.step(old)
        run(world.runner(), new)
    check(world, stream)


class PausedReader:
    """Stands still in the middle of a batch until it is told to go on."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.is_paused, self.go_on = threading.Event(), threading.Event()

    def read_all(self, stored: Any) -> Any:
        if not self.go_on.is_set():
            self.is_paused.set()
            assert self.go_on.wait(30)
        return self._reader.read_all(stored)


def test_a_frozen_runner_loses_the_lead_and_its_batch(world: World) -> None:
    streams = [uuid4() for _ in range(20)]
    world.append(*((s, opened(), day(1)) for s in streams))
    reader = PausedReader(world.mapper)
    frozen = world.runner(reader=reader, settings={"idle_session_timeout": "200ms"}).start()
    other = world.runner()
    try:
        assert reader.is_paused.wait(10)
        other.start()
        assert eventually(lambda: len(world.rows(LIVE)) == 20), "the other did not take over"
        world.append(*((s, advanced(), day(2)) for s in streams))
        reader.go_on.set()
        position = world.append((streams[0], advanced("negotiating"), day(3)))
        assert world.positions.wait_until("opportunities", position, 20)
        assert frozen.failure is None
        assert other.failure is None
    finally:
        frozen.stop()
        other.stop()
    check(world, *streams)


# Faults


def test_connections_cut_in_mid_run(world: World) -> None:
    streams = [uuid4() for _ in range(10)]
    world.append(*((s, opened(), day(1)) for s in streams))
    cuts, round_ = 0, 0
    with world.runner(batch=7) as runner:
        while cuts < 5 and round_ < 1_000:
            round_ += 1
            last = world.append(*((s, advanced(f"s{round_}"), day(2)) for s in streams))
            found = world.connection.execute(CUT)
            cuts += found.rowcount
        assert world.positions.wait_until("opportunities", last, 30)
        assert runner.failure is None
    assert cuts == 5
    check(world, *streams)


def test_a_log_that_ends_before_what_was_read(world: World) -> None:
    world.connection.execute("UPDATE backstory.tracking SET position = 999999999")
    with world.runner() as runner:
        assert eventually(lambda: runner.failure is not None)
    assert isinstance(runner.failure, TrackingAheadOfLog)
    assert "backstory rebuild opportunities" in str(runner.failure)
    world.append((uuid4(), opened(), None))
    world.build()
    world.catch_up()
    assert len(world.rows(LIVE)) == 1


def test_another_log(world: World) -> None:
    world.connection.execute("UPDATE backstory.tracking SET incarnation = gen_random_uuid()")
    with world.runner() as runner:
        assert eventually(lambda: runner.failure is not None)
    assert isinstance(runner.failure, OtherLog)
    world.build()
    world.catch_up()


def test_changed_folds_or_fields_are_rebuilt_at_the_start(world: World) -> None:
    stream = uuid4()
    world.append((stream, opened(), day(1)))
    world.connection.execute("UPDATE backstory.tracking SET fingerprint = 'of long ago'")
    world.connection.execute("ALTER TABLE views.opportunities DROP COLUMN stage CASCADE")
    with world.runner() as runner:
        assert runner.wait_ready(20)
        position = world.append((stream, advanced(), day(2)))
        assert world.positions.wait_until("opportunities", position, 10)
    check(world, stream)


def test_tables_redefined_by_another_release_are_left_alone(world: World) -> None:
    with world.runner() as runner:
        assert runner.wait_ready(10)
        world.connection.execute("UPDATE backstory.tracking SET fingerprint = 'of the next'")
        world.append((uuid4(), opened(), day(1)))
        time.sleep(0.3)
        assert runner.failure is None
        track = tracking.find(world.connection, ["opportunities"])["opportunities"]
    assert track.fingerprint == "of the next"
    assert world.rows(LIVE) == {}


# Waiting and telling


@pytest.mark.parametrize("is_here", [True, False], ids=["this process", "another process"])
def test_wait_until_a_view_has_come_so_far(world: World, is_here: bool) -> None:
    runner = world.runner()
    if not is_here:
        runner._positions = type(world.positions)(world.positions._reader)
    position = world.append((uuid4(), opened(), None))
    assert not world.positions.wait_until("opportunities", position, 0.05)
    with runner:
        assert world.positions.wait_until("opportunities", position, 10)
        position = world.append((uuid4(), opened(), None))
        assert world.positions.wait_until("opportunities", position, 10)
        assert not world.positions.wait_until("opportunities", position + 1, 0.05)
    assert world.positions.of("opportunities") == position


def test_status_says_how_far_behind_each_projection_is(world: World) -> None:
    world.catch_up()
    [level] = progress.status(world.connection, ["opportunities"]).projections
    assert (level.lag_events, level.lag_seconds, level.parked) == (0, 0.0, 0)
    world.append((uuid4(), opened(), None))
    time.sleep(0.05)
    head = world.append((uuid4(), opened(), None))
    status = progress.status(world.connection, ["opportunities"])
    [behind] = status.projections
    assert status.head == head
    assert behind.lag_events == 2
    assert 0.05 <= behind.lag_seconds < 60


# A projection that nobody has heard of


class Kiln(Aggregate):
    class Built(Created):
        name: str
        fired_at: datetime | None = None

    class Fired(Event):
        degrees: int


@pytest.fixture
def kilns() -> Iterator[Projection[Any]]:
    class KilnRow(Row, table="kilns"):
        name: str = ""
        fired_at: datetime | None = None
        degrees: int | None = None
        firings: int = 0

    kilns = Projection(KilnRow, Kiln)

    @kilns.on(Kiln.Fired)
    def fired(row: KilnRow, event: Kiln.Fired) -> KilnRow:
        return row.updated(firings=row.firings + 1)

    yield kilns
    del Projection.registry["kilns"], Aggregate.registry["Kiln"]


def test_a_new_projection_needs_no_edit(database_url: str, kilns: Projection[Any]) -> None:
    with World(database_url, [OPPORTUNITIES, kilns]) as world:
        kiln, sale = uuid4(), uuid4()
        world.append((kiln, Kiln.Built(name="窯"), day(1)), (sale, opened(), day(1)))
        with world.runner() as runner:
            assert runner.wait_ready(20)
            last = world.append((kiln, Kiln.Fired(degrees=1280), day(2)), (sale, advanced(), None))
            assert world.positions.wait_until("kilns", last, 10)
            assert world.positions.wait_until("opportunities", last, 10)
        [row] = world.rows(View(kilns)).values()
        assert (row.degrees, row.firings, row.version) == (1280, 1, 2)  # type: ignore[attr-defined]
        check(world, sale)


def test_a_database_that_takes_no_connections_for_a_while(world: World, postgres_url: str) -> None:
    stream = uuid4()
    name = sql.Identifier(world.connection.info.dbname)
    allow = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
    with world.runner() as runner, psycopg.connect(postgres_url, autocommit=True) as server:
        assert runner.wait_ready(10)
        world.append((stream, opened(), day(1)))
        server.execute(allow.format(name, sql.Literal(False)))
        world.connection.execute(CUT)
        position = world.append((stream, advanced(), day(2)))
        assert not world.positions.wait_until("opportunities", position, 0.5)
        server.execute(allow.format(name, sql.Literal(True)))
        assert world.positions.wait_until("opportunities", position, 20)
        assert runner.failure is None
    check(world, stream)


def test_a_rebuild_by_somebody_else_is_waited_for(database_url: str) -> None:
    """The views were never built, and a rebuild from the command line is about to."""
    with World(database_url, [OPPORTUNITIES]) as world:
        stream = uuid4()
        world.append((stream, opened(), day(1)))
        with world.runner() as runner:
            with world.rebuilder._alone(OPPORTUNITIES):
                assert not runner.wait_ready(1.5)
                assert runner.failure is None
            assert runner.wait_ready(20)
            last = world.append((stream, advanced(), day(2)))
            assert world.positions.wait_until("opportunities", last, 20)
        check(world, stream)
