"""Parts of streams in rows of their own: what cannot be folded parks the stream it is part of."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters import registry
from adapters.postgres.views import parking
from adapters.postgres.views.parked import parked
from adapters.postgres.views.tables import View
from aggregates.customer import Customer
from aggregates.events import Event
from aggregates.interaction import Interactive, interaction_id
from aggregates.opportunity import Opportunity
from commands.ports import EventRow
from projections.base import Projection, Row
from tests.adapters.projecting import World, day

registry.load()


class BadDay(Exception):
    """What the fold of these tests raises while it is broken."""


@pytest.fixture
def visits() -> Iterator[Projection[Any]]:
    class VisitRow(Row, table="visits"):
        subject: str = ""
        amended: int = 0

    visits = Projection(VisitRow, Interactive, kind="Visit")
    yield visits
    del Projection.registry["visits"]


@pytest.fixture
def world(database_url: str, visits: Projection[Any]) -> Iterator[World]:
    with World(database_url, [Projection.registry["customers"], visits]) as world:
        world.build()
        yield world


def register() -> Event:
    return Customer.Registered(name="n", industry="software", source="website", type="prospect")


def recorded(stream: UUID, version: int, subject: str = "s") -> Event:
    id = interaction_id(stream, version)
    return Customer.InteractionRecorded(interaction_id=id, channel="call", subject=subject)


def amended(stream: UUID, version: int, subject: str) -> Event:
    id = interaction_id(stream, version)
    return Customer.InteractionAmended(interaction_id=id, subject=subject)


def shown(world: World, visits: Projection[Any]) -> dict[UUID, tuple[str, int]]:
    rows = world.rows(View(visits)).values()
    return {row.id: (row.subject, row.amended) for row in rows}  # type: ignore[attr-defined]


@pytest.mark.parametrize("batch", [1, 2, 5_000])
def test_a_part_that_cannot_be_folded_parks_its_stream(
    world: World, visits: Projection[Any], batch: int
) -> None:
    @visits.on(Interactive.InteractionAmended)
    def fold(row: Any, event: Interactive.InteractionAmended) -> Any:
        if event.subject == "bad":
            raise BadDay
        return row.updated(amended=row.amended + 1)

    bad, good = uuid4(), uuid4()
    world.append((bad, register(), day(1)), (good, register(), day(1)))
    world.append((bad, recorded(bad, 2), day(2)), (good, recorded(good, 2), day(2)))
    poison = world.append((bad, amended(bad, 2, "bad"), day(3)))
    world.append(
        (bad, recorded(bad, 4), day(4)),
        (good, amended(good, 2, "fine"), day(4)),
        (bad, amended(bad, 4, "fine"), day(5)),
    )
    world.catch_up(batch)
    [one] = parked(world.connection)
    assert (one.projection, one.stream_id, one.position) == ("visits", bad, poison)
    assert shown(world, visits)[interaction_id(good, 2)] == ("fine", 1)
    assert shown(world, visits)[interaction_id(bad, 2)] == ("s", 0)
    assert world.rows(View(world.projections[0]))[bad].version == 5
    assert parking.retry(world.connection, world.projector, View(visits), bad) is False

    visits.on(Interactive.InteractionAmended)(lambda row, _: row.updated(amended=row.amended + 1))
    assert parking.retry(world.connection, world.projector, View(visits), bad) is True
    whole = {
        interaction_id(good, 2): ("fine", 1),
        interaction_id(bad, 2): ("bad", 1),
        interaction_id(bad, 4): ("fine", 1),
    }
    assert shown(world, visits) == whole
    world.rebuilder.rebuild(visits)
    assert shown(world, visits) == whole


def test_an_event_that_cannot_be_read_parks_only_views_that_would_fold_it(
    world: World, visits: Projection[Any]
) -> None:
    stream = uuid4()
    world.append((stream, register(), day(1)), (stream, recorded(stream, 2), day(2)))
    topics = ("Customer.Tagged", "Customer.InteractionRecorded")
    rows = [
        EventRow(0, stream, v, "Customer", t, 1, b"no json", day(v))
        for v, t in zip((3, 4), topics, strict=True)
    ]
    world.append_rows(rows[:1])
    world.catch_up()
    assert [p.projection for p in parked(world.connection)] == ["customers"]
    world.append_rows(rows[1:])
    world.catch_up()
    assert [p.projection for p in parked(world.connection)] == ["customers", "visits"]
    assert list(shown(world, visits)) == [interaction_id(stream, 2)]


def test_parts_of_several_kinds_and_late_ones(world: World, visits: Projection[Any]) -> None:
    customer, opportunity = uuid4(), uuid4()
    id = interaction_id(opportunity, 2)
    said = Opportunity.InteractionRecorded(interaction_id=id, channel="call", subject="later")
    before = Opportunity.InteractionAmended(interaction_id=id, subject="earlier")
    world.append(
        (customer, register(), day(1)),
        (opportunity, Opportunity.Opened(title="t", stage="lead"), day(1)),
        (customer, recorded(customer, 2), day(9)),
        (opportunity, said, day(5)),
    )
    world.catch_up()
    world.append((opportunity, before, day(3)), (customer, recorded(customer, 3), day(2)))
    world.catch_up()
    assert {subject for subject, _ in shown(world, visits).values()} == {"s", "earlier"}
    view = View(visits)
    ids = [id, interaction_id(customer, 2), interaction_id(customer, 3)]
    assert len(world.rows(view, ids)) == 3
    assert set(world.as_of(view, day(4), ids)) == {interaction_id(customer, 3)}
    first = world.as_of(view, 4, ids)
    assert {row.subject for row in first.values()} == {"s", "later"}  # type: ignore[attr-defined]
