"""Whatever the history and however it is cut into batches, views equal a plain fold of the log."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import registry
from adapters.postgres.views.tables import View
from aggregates.customer import Customer
from aggregates.dictionary_entry import DictionaryEntry
from aggregates.events import Event
from aggregates.opportunity import Opportunity
from aggregates.values import ExternalId, Money
from projections.base import Projection
from tests.adapters.projecting import World, day, rows_of

registry.load()
TABLES = ("customers", "opportunities", "dictionary_entries")

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
monies = st.builds(
    lambda cents: Money(amount=Decimal(cents).scaleb(-2), currency="CNY"),
    st.integers(-(10**15), 10**15),
)
customs = st.dictionaries(
    st.sampled_from("abc"), st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1e9, 1e9)
)
shown = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12)
externals = st.builds(ExternalId, system=st.just("s"), id=shown.map("x".__add__))
stages = st.sampled_from(["lead", "proposal", "negotiating"])


def opportunity() -> list[st.SearchStrategy[Event]]:
    o = Opportunity
    return [
        st.builds(o.Opened.model_construct, title=texts, stage=stages, amount=monies),
        st.builds(o.Advanced, stage=stages),
        st.builds(o.AmountChanged, amount=monies),
        st.builds(o.Won, won_on=st.dates(day(0).date(), day(9).date()), amount=monies),
        st.builds(o.Reopened, stage=stages),
        st.builds(o.DetailsChanged.model_construct, products=st.lists(texts).map(tuple)),
        st.builds(o.DetailsChanged.model_construct, custom=customs, external=externals),
        st.builds(o.DetailsChanged.model_construct, summary=st.none() | texts),
    ]


def customer() -> list[st.SearchStrategy[Event]]:
    c = Customer
    return [
        st.builds(
            c.Registered.model_construct,
            name=texts,
            annual_revenue=st.none() | monies,
            incomplete=st.sampled_from([(), ("needs", "grade")]),
        ),
        st.builds(c.Classified.model_construct, grade=st.sampled_from("ab")),
        st.builds(c.Tagged.model_construct, tags=st.lists(texts, max_size=3).map(tuple)),
        st.builds(c.DetailsChanged.model_construct, needs=texts, expected_purchase=monies),
        st.builds(c.Assigned, owner_id=st.uuids()),
    ]


def entry() -> list[st.SearchStrategy[Event]]:
    d = DictionaryEntry
    return [
        st.builds(d.Added.model_construct, dictionary=st.just("source"), code=texts, zh=texts),
        st.builds(d.Renamed.model_construct, zh=texts),
        st.just(d.Deleted()),
        st.just(d.Retired()),
    ]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[UUID, Event, Any]]:
    """Events of a few streams, interleaved, some of them dated before others that came first."""
    streams = [(uuid4(), draw(st.sampled_from([opportunity(), customer(), entry()])))]
    streams += [(uuid4(), kind()) for kind in (opportunity, customer, entry)]
    begun: set[UUID] = set()
    history = []
    for _ in range(draw(st.integers(1, 25))):
        stream_id, (creation, *changes) = draw(st.sampled_from(streams))
        event = draw(st.one_of(changes) if stream_id in begun else creation)
        begun.add(stream_id)
        history.append((stream_id, event, day(draw(st.integers(0, 8)))))
    return history


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    projections = [Projection.registry[table] for table in TABLES]
    with World(database_url, projections) as world:
        world.build()
        yield world


batches = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3)), min_size=1, max_size=5)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=histories(), second=histories(), cuts=batches)
def test_views_equal_a_fold_of_the_log(
    world: World, first: Any, second: Any, cuts: list[tuple[int, int]]
) -> None:
    start = world.append(*first)
    for batch, steps in cuts:
        world.catch_up(batch, steps)
    world.append(*second)
    world.catch_up(cuts[0][0])
    ids = {stream_id for stream_id, _, _ in [*first, *second]}
    compare(world, ids, range(start - len(first), world.log.head().position + 1))


def compare(world: World, ids: set[UUID], positions: range) -> None:
    """Now, at every position, and at every instant."""
    events = world.events(ids)
    for projection in world.projections:
        view = View(projection)
        kind = projection.of.EVENTS.values()
        mine = {s: e for s, e in events.items() if type(e[0]) in kind}
        assert world.rows(view, mine) == rows_of(projection, mine, None)
        for position in positions:
            expected = rows_of(projection, mine, position)
            assert world.as_of(view, position, mine) == expected, position
        for number in range(-1, 10):
            instant = day(number)
            assert world.as_of(view, instant, mine) == rows_of(projection, mine, instant), instant


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
def test_a_rebuild_equals_a_fold_of_the_log(world: World, history: Any) -> None:
    start = world.append(*history)
    world.build()
    ids = {stream_id for stream_id, _, _ in history}
    compare(world, ids, range(start - len(history), start + 1))
