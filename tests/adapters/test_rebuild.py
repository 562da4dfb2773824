"""A rebuild under running writes: never half built, never behind, and it can be taken back."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from adapters import registry
from adapters.postgres.views import bulk, progress, rebuild, tracking
from adapters.postgres.views.bulk_workers import open_mapper
from adapters.postgres.views.rebuild import (
    NothingToRollBackTo,
    Rebuilder,
    RebuildRunning,
    RebuildStopped,
)
from adapters.postgres.views.tables import NEXT, PREVIOUS, View, exists
from aggregates.opportunity import Opportunity
from projections.base import Projection
from tests.adapters.projecting import World, day, rows_of

registry.load()
OPPORTUNITIES = Projection.registry["opportunities"]
LIVE = View(OPPORTUNITIES)


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with World(database_url, [OPPORTUNITIES]) as world:
        world.build()
        yield world


class Writer(threading.Thread):
    """Opens opportunities and advances them, some dated before the newest, until stopped."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world, self._stopping = world, threading.Event()
        self.streams: list[UUID] = []
        self.last = 0

    def run(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            stream = uuid4()
            self.streams.append(stream)
            events: list[Any] = [(stream, Opportunity.Opened(title="x", stage="lead"), day(1))]
            for of in self.streams[-8:]:
                at = day(1 + number % 7)
                events.append((of, Opportunity.Advanced(stage=f"s{number}"), at))
            self.last = self._world.append(*events)

    def finish(self) -> None:
        self._stopping.set()
        self.join(30)
        assert not self.is_alive()


def test_rebuilds_under_running_writes_and_reads(world: World) -> None:
    writer, seen, failures = Writer(world), [0], []

    def read() -> None:
        with psycopg.connect(world.url, autocommit=True) as connection:
            while writer.is_alive():
                row = connection.execute("SELECT count(*) FROM views.opportunities").fetchone()
                assert row is not None
                if row[0] < seen[-1]:
                    failures.append((seen[-1], row[0]))
                seen.append(row[0])

    reader = threading.Thread(target=read)
    with world.runner() as runner:
        writer.start()
        reader.start()
        for _ in range(4):
            time.sleep(0.2)
            world.rebuilder.rebuild(OPPORTUNITIES)
        time.sleep(0.2)
        writer.finish()
        reader.join(30)
        assert world.positions.wait_until("opportunities", writer.last, 30)
        assert runner.failure is None
    assert failures == []
    assert len(seen) > 20
    check(world, writer.streams)


def check(world: World, streams: list[UUID]) -> None:
    events = world.events(streams)
    assert world.rows(LIVE) == rows_of(OPPORTUNITIES, events, None)
    head = world.log.head().position
    for position in (head, head // 2, head // 3):
        expected = rows_of(OPPORTUNITIES, events, position)
        assert world.as_of(LIVE, position, streams) == expected
    for number in range(9):
        expected = rows_of(OPPORTUNITIES, events, day(number))
        assert world.as_of(LIVE, day(number), streams) == expected


def fill(world: World, streams: int = 30) -> list[UUID]:
    ids = [uuid4() for _ in range(streams)]
    world.append(*((i, Opportunity.Opened(title="x", stage="lead"), day(1)) for i in ids))
    world.append(*((i, Opportunity.Advanced(stage="proposal"), day(2)) for i in ids))
    return ids


def test_small_slices_and_batches_load_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH", 3)
    monkeypatch.setattr(bulk, "SLICE", 7)
    ids = fill(world)
    ids += [UUID(int=0), UUID(int=2**128 - 1)]
    world.append(*((i, Opportunity.Opened(title="x", stage="lead"), day(1)) for i in ids[-2:]))
    assert world.rebuilder.rebuild(OPPORTUNITIES).position == world.log.head().position
    check(world, ids)


def test_worker_processes_load_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "SLICE", 12)
    ids = fill(world)
    open_reader = partial(open_mapper, world.url, bytes(32))
    parallel = Rebuilder(world.url, world.log, world.mapper, open_reader=open_reader, workers=2)
    parallel.rebuild(OPPORTUNITIES)
    check(world, ids)


def test_rolled_back_to_the_kept_tables_brought_up_to_date(world: World) -> None:
    ids = fill(world)
    world.rebuilder.rebuild(OPPORTUNITIES)
    world.rebuilder.rebuild(OPPORTUNITIES)
    world.connection.execute("UPDATE views.opportunities SET title = 'spoilt'")
    world.append((ids[0], Opportunity.Advanced(stage="negotiating"), day(3)))
    world.rebuilder.rollback(OPPORTUNITIES)
    check(world, ids)
    world.catch_up()
    check(world, ids)
    [kept] = progress.status(world.connection, ["opportunities"]).rebuilds
    assert (kept.name, kept.state) == ("opportunities", "kept")


def test_no_rollback_to_nothing_or_to_tables_of_another_release(world: World) -> None:
    with pytest.raises(NothingToRollBackTo):
        world.rebuilder.rollback(OPPORTUNITIES)
    world.rebuilder.rebuild(OPPORTUNITIES)
    world.connection.execute("UPDATE backstory.tracking SET fingerprint = 'of long ago'")
    with pytest.raises(NothingToRollBackTo, match="another release"):
        world.rebuilder.rollback(OPPORTUNITIES)


def test_one_rebuild_of_a_projection_at_a_time(world: World) -> None:
    with world.rebuilder._alone(OPPORTUNITIES), pytest.raises(RebuildRunning):
        world.rebuilder.rebuild(OPPORTUNITIES)
    world.rebuilder.rebuild(OPPORTUNITIES)


@pytest.mark.parametrize("stop_at", [0, 1, 5, 11, 12, 13])
def test_cut_off_anywhere_it_changes_nothing_and_the_next_ends_it(
    world: World, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    monkeypatch.setattr(bulk, "BATCH", 5)
    monkeypatch.setattr(bulk, "SLICE", 20)
    monkeypatch.setattr(rebuild, "SHORT", 2)
    ids = fill(world)
    world.catch_up()
    cut = Rebuilder(world.url, world.log, world.mapper)
    checks = iter(range(1_000))

    def check_then_stop() -> None:
        if next(checks) == stop_at:
            world.append((ids[0], Opportunity.Advanced(stage="negotiating"), day(3)))
            raise RebuildStopped

    monkeypatch.setattr(cut, "_check", check_then_stop)
    with suppress(RebuildStopped):
        cut.rebuild(OPPORTUNITIES)
    assert len(world.rows(LIVE)) == 30
    world.rebuilder.rebuild(OPPORTUNITIES)
    check(world, ids)
    assert not exists(world.connection, View(OPPORTUNITIES, NEXT))
    assert exists(world.connection, View(OPPORTUNITIES, PREVIOUS))
    assert tracking.find(world.connection, ["opportunities@next"]) == {}


def test_a_long_read_delays_the_swap_but_no_writer(world: World) -> None:
    ids = fill(world)
    world.catch_up()
    with psycopg.connect(world.url) as reading, world.runner():
        reading.execute("SELECT count(*) FROM views.opportunities")
        rebuilding = threading.Thread(target=world.rebuilder.rebuild, args=(OPPORTUNITIES,))
        rebuilding.start()
        time.sleep(0.5)
        assert rebuilding.is_alive()
        last = world.append((ids[0], Opportunity.Advanced(stage="negotiating"), day(3)))
        assert world.positions.wait_until("opportunities", last, 10)
        reading.rollback()
        rebuilding.join(20)
        assert not rebuilding.is_alive()
    check(world, ids)
