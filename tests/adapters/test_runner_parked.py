"""Poison: a stream whose fold fails is left aside, in order and in sight; the others go on."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters import registry
from adapters.postgres.views import parking
from adapters.postgres.views.parked import parked
from adapters.postgres.views.tables import View
from aggregates.events import Event
from aggregates.opportunity import Opportunity
from commands.ports import EventRow
from projections.base import Projection, Row
from tests.adapters.projecting import World, day, rows_of

registry.load()


class BadDay(Exception):
    """What the fold of these tests raises while it is broken."""


@pytest.fixture
def sales() -> Iterator[Projection[Any]]:
    """Opportunities as ever, beside a view of them whose fold can be broken."""

    class SaleRow(Row, table="sales"):
        title: str = ""
        stage: str = ""
        amount_of_advances: int = 0

    sales = Projection(SaleRow, Opportunity)
    yield sales
    del Projection.registry["sales"]


@pytest.fixture
def world(database_url: str, sales: Projection[Any]) -> Iterator[World]:
    with World(database_url, [Projection.registry["opportunities"], sales]) as world:
        world.build()
        yield world


def opened(title: str = "a sale") -> Event:
    return Opportunity.Opened(title=title, stage="lead")


def break_at(sales: Projection[Any], stage: str) -> Callable[[], None]:
    """The fold of Advanced fails at this stage, until mended."""

    @sales.on(Opportunity.Advanced)
    def advanced(row: Any, event: Opportunity.Advanced) -> Any:
        if event.stage == stage:
            raise BadDay(f"cannot fold {stage}")
        return row.updated(amount_of_advances=row.amount_of_advances + 1)

    def mend() -> None:
        sales.on(Opportunity.Advanced)(lambda row, event: row)

    return mend


def expected(world: World, projection: Projection[Any], *ids: UUID) -> Any:
    return rows_of(projection, world.events(ids), None)


@pytest.mark.parametrize("batch", [1, 3, 5_000])
def test_a_failing_fold_parks_its_stream_and_no_other(
    world: World, sales: Projection[Any], batch: int
) -> None:
    mend = break_at(sales, "bad")
    bad, good = uuid4(), uuid4()
    world.append(
        (bad, opened("bad"), day(1)),
        (good, opened("good"), day(1)),
        (bad, Opportunity.Advanced(stage="fine"), day(2)),
    )
    poison = world.append((bad, Opportunity.Advanced(stage="bad"), day(3)))
    world.append(
        (bad, Opportunity.Advanced(stage="later"), day(4)),
        (good, Opportunity.Advanced(stage="later"), day(4)),
        (bad, Opportunity.Rescheduled(expected_close_on=day(9).date()), day(5)),
    )
    world.catch_up(batch)
    [one] = parked(world.connection)
    assert (one.projection, one.stream_id, one.position, one.waiting) == ("sales", bad, poison, 2)
    assert "BadDay: cannot fold bad" in one.error
    rows = world.rows(View(sales))
    assert (rows[bad].version, rows[bad].stage) == (2, "fine")  # type: ignore[attr-defined]
    assert rows[good].version == 2
    others = world.projections[0]
    assert world.rows(View(others)) == expected(world, others, bad, good)

    assert parking.retry(world.connection, world.projector, View(sales), bad) is False
    assert parked(world.connection)[0].attempts == 2
    mend()
    assert parking.retry(world.connection, world.projector, View(sales), bad) is True
    assert parked(world.connection) == []
    assert world.rows(View(sales), [bad]) == expected(world, sales, bad)


def test_skipping_takes_one_event_out_for_ever(world: World, sales: Projection[Any]) -> None:
    break_at(sales, "bad")
    stream = uuid4()
    world.append((stream, opened(), day(1)), (stream, Opportunity.Advanced(stage="bad"), day(2)))
    world.append((stream, Opportunity.Advanced(stage="later"), day(3)))
    world.catch_up()
    assert parking.skip(world.connection, world.projector, View(sales), stream) is True
    left = without_second(world, sales, stream)
    assert world.rows(View(sales)) == left
    world.append((stream, Opportunity.Advanced(stage="between"), day(1.5)))
    world.catch_up()
    assert world.rows(View(sales)) == without_second(world, sales, stream)
    world.rebuilder.rebuild(sales)
    assert parked(world.connection) == []
    assert world.rows(View(sales)) == without_second(world, sales, stream)


def without_second(world: World, projection: Projection[Any], stream: UUID) -> Any:
    first, _, *others = world.events([stream])[stream]
    return rows_of(projection, {stream: [first, *others]}, None)


@pytest.mark.parametrize("payload", [b"no json", b"{}", b'{"stage": "a\\u0000b"}'])
def test_an_event_that_cannot_be_read_or_written_parks_its_stream(
    world: World, sales: Projection[Any], payload: bytes
) -> None:
    """An unknown topic, a payload that is no JSON, and text that Postgres cannot hold."""
    bad, good = uuid4(), uuid4()
    world.append((bad, opened(), day(1)), (good, opened(), day(1)))
    topic = "Opportunity.Advanced" if payload != b"{}" else "Opportunity.Vanished"
    rows = [
        EventRow(0, bad, 2, "Opportunity", topic, 1, payload, day(2)),
        EventRow(0, bad, 3, "Opportunity", "Opportunity.Reopened", 1, b'{"stage": "x"}', day(3)),
        EventRow(0, good, 2, "Opportunity", "Opportunity.Advanced", 1, b'{"stage": "y"}', day(3)),
    ]
    world.append_rows(rows)
    world.catch_up()
    found = parked(world.connection)
    assert {(p.projection, p.stream_id, p.waiting) for p in found} == {
        ("opportunities", bad, 1),
        ("sales", bad, 1),
    }
    stages = {r.id: r.stage for r in world.rows(View(sales)).values()}  # type: ignore[attr-defined]
    assert stages == {bad: "lead", good: "y"}

    world.build()
    again = parked(world.connection)
    assert {(p.projection, p.stream_id, p.position) for p in again} == {
        (p.projection, p.stream_id, p.position) for p in found
    }
    assert {r.id: r.stage for r in world.rows(View(sales)).values()} == stages  # type: ignore[attr-defined]


def test_a_late_event_whose_fold_fails_leaves_the_row_as_it_was(
    world: World, sales: Projection[Any]
) -> None:
    break_at(sales, "bad")
    stream = uuid4()
    world.append((stream, opened(), day(1)), (stream, Opportunity.Advanced(stage="a"), day(5)))
    world.catch_up()
    before = world.rows(View(sales))
    world.append((stream, Opportunity.Advanced(stage="bad"), day(3)))
    world.append((stream, Opportunity.Advanced(stage="b"), day(6)))
    world.catch_up()
    assert world.rows(View(sales)) == before
    assert [p.waiting for p in parked(world.connection)] == [1]
