"""Records looked up many at once are what they are looked up one by one."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from aggregates.customer import Customer
from commands.customer import ChangeCustomerDetails, TagCustomer
from commands.ports import NeedsIO
from commands.repository import SNAPSHOT_EVERY, Repository
from tests.write_side import WriteSide, registration, write_side_on


@pytest.fixture
def side(database_url: str) -> Iterator[WriteSide]:
    with write_side_on(database_url) as side:
        yield side


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def customers(side: WriteSide, count: int) -> list[UUID]:
    return [side.do(registration()).id for _ in range(count)]


def region(repository: Repository, id: UUID) -> str | None:
    """As it is known without a look at the log."""
    found = repository.get(Customer, id, max_age=repository.reference_seconds, offline=True)
    region: str | None = getattr(found, "region", None)
    return region


def test_records_that_nobody_knew_are_known_without_a_further_look(side: WriteSide) -> None:
    ids = customers(side, 3)
    side.do(ChangeCustomerDetails(region="华东"), ids[1])
    repository = Repository(side.log, side.mapper)
    with pytest.raises(NeedsIO):
        region(repository, ids[0])

    repository.load([*ids, uuid4()])

    assert [region(repository, id) for id in ids] == [None, "华东", None]
    assert {repository.get(Customer, id, offline=True).version for id in ids} == {1, 2}


def test_what_is_known_is_brought_up_to_date(side: WriteSide) -> None:
    [one, other] = customers(side, 2)
    clock = Clock()
    repository = Repository(side.log, side.mapper, clock=clock)
    repository.load([one, other])
    side.do(ChangeCustomerDetails(region="华北"), one)

    repository.load([one, other])
    assert region(repository, one) is None, "it was looked up a moment ago"
    clock.seconds += 0.8 * repository.reference_seconds
    repository.load([one, other])
    clock.seconds += 0.8 * repository.reference_seconds

    assert [region(repository, id) for id in (one, other)] == ["华北", None]


def test_a_record_with_very_much_news_is_left_to_the_look_for_it_alone(side: WriteSide) -> None:
    [long, short] = customers(side, 2)
    for n in range(SNAPSHOT_EVERY):
        side.do(TagCustomer(tags=(f"第{n}次",)), long)
    repository = Repository(side.log, side.mapper)

    repository.load([long, short])

    assert region(repository, short) is None
    with pytest.raises(NeedsIO):
        region(repository, long)
    assert repository.get(Customer, long).version == SNAPSHOT_EVERY + 1
