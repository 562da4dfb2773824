"""What looks the same is a function of the rows, in whatever order they came to be."""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from adapters import registry
from adapters.postgres.pairing import comparing
from adapters.postgres.pairing.rebuild import rebuild_pairs
from adapters.postgres.pairing.runner import PairingRunner
from adapters.postgres.views.leading import connect
from adapters.postgres.views.tracking import Superseded
from aggregates.contact import ContactDetails
from aggregates.errors import DomainError
from commands.base import COMMANDS
from commands.contact import AddContact, ChangeContactDetails, MoveContact
from commands.customer import ChangeCustomerDetails, RegisterCustomer
from commands.distinct import MarkContactDistinct, MarkCustomerDistinct
from commands.merge import MergeCustomer, UnmergeCustomer
from projections.matching import pairs
from tests.adapters.leading import take_lead
from tests.adapters.pairing import expected, found, settle
from tests.adapters.serving import Served
from tests.febrl import FEBRL, persons, true_pairs

ROOT = Path(__file__).parents[2]
PHONES = [f"1381234567{n}" for n in range(6)]
BRANDS = ("云帆", "甬江", "途畅互联先锋", "途畅互联先峰", "雲帆")
PLACES, FORMS = ("", "杭州", "宁波", "杭州市"), ("有限公司", "股份有限公司", "集团", "")
PEOPLE = ("王芳", "李伟", "Anna Li", "Li Anna")
registry.load()
ArchiveCustomer, RestoreCustomer = COMMANDS["customers/archive"], COMMANDS["customers/restore"]
UnmarkCustomerDistinct: Any = COMMANDS["customers/unmark-distinct"]


@pytest.fixture
def parts(database_url: str) -> Iterator[Served]:
    with Served(database_url) as served:
        yield served


@pytest.fixture
def connection(parts: Served) -> Iterator[psycopg.Connection]:
    with psycopg.connect(parts.settings.database_url or "", autocommit=True) as opened:
        yield opened


def register(parts: Served, name: str, phone: str, person: str = "王芳") -> UUID:
    command = RegisterCustomer(
        name=name,
        industry="software",
        source="website",
        primary_contact=ContactDetails(name=person, phone=phone),
        confirm_distinct=True,
    )
    return parts.do(command).id


def ids_of(connection: psycopg.Connection, kind: str = "customer") -> set[tuple[UUID, UUID]]:
    return {(one, other) for of, one, other, _ in found(connection)[0] if of == kind}


class Journey:
    """Somebody who enters, changes, moves, merges and judges whatever comes to hand."""

    def __init__(self, parts: Served, seed: int) -> None:
        self.parts, self.chance = parts, random.Random(seed)
        self.customers: list[UUID] = []
        self.contacts: list[UUID] = []

    def act(self) -> None:
        steps: list[Callable[[], object]] = [
            *(self.register, self.register, self.add, self.rename, self.correct, self.move),
            *(self.merge, self.unmerge, self.archive, self.restore, self.mark, self.unmark),
        ]
        if len(self.customers) < 6:
            steps = [self.register, self.add]
        try:
            self.chance.choice(steps)()
        except DomainError:
            return  # A rule said no, and nothing has happened.

    def name(self) -> str:
        return "".join(self.chance.choice(c) for c in (PLACES, BRANDS, ("科技", "商贸"), FORMS))

    def one(self) -> UUID:
        return self.chance.choice(self.customers)

    def register(self) -> None:
        id = register(self.parts, self.name(), self.chance.choice(PHONES))
        self.customers.append(id)

    def add(self) -> None:
        command = AddContact(
            customer_id=self.one() if self.customers else UUID(int=1),
            name=self.chance.choice(PEOPLE),
            phone=self.chance.choice(PHONES),
            birthday=self.chance.choice([None, date(1980, 2, 28), date(1980, 2, 23)]),
        )
        self.contacts.append(self.parts.do(command).id)

    def rename(self) -> None:
        command = ChangeCustomerDetails(name=self.name(), confirm_distinct=True)
        self.parts.do(command, self.one())

    def correct(self) -> None:
        command = ChangeContactDetails(phone=self.chance.choice(PHONES))
        self.parts.do(command, self.chance.choice(self.contacts), reason="写错了")

    def move(self) -> None:
        self.parts.do(MoveContact(customer_id=self.one()), self.chance.choice(self.contacts))

    def merge(self) -> None:
        self.parts.do(MergeCustomer(into_id=self.one()), self.one())

    def unmerge(self) -> None:
        self.parts.do(UnmergeCustomer(), self.one())

    def archive(self) -> None:
        self.parts.do(ArchiveCustomer(), self.one())

    def restore(self) -> None:
        self.parts.do(RestoreCustomer(), self.one())

    def mark(self) -> None:
        self.parts.do(MarkCustomerDistinct(other_id=self.one()), self.one())

    def unmark(self) -> None:
        self.parts.do(UnmarkCustomerDistinct(other_id=self.one()), self.one())


@pytest.mark.parametrize("seed", range(2))
def test_live_and_rebuilt_pairs_are_those_of_the_rows(
    parts: Served, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Blocks of more than three say nothing here, so that they come and go all the time."""
    for module in (comparing, pairs):
        monkeypatch.setattr(module, "MOST_SHARED", 3)
    journey, were = Journey(parts, seed), 0
    for _ in range(6):
        for _ in range(journey.chance.randint(1, 12)):
            journey.act()
        settle(parts)
        live = found(connection)
        assert live == expected(connection)
        were += len(live[0])
    assert were > 0, "a journey that meets no pair shows nothing"
    rebuild_pairs(parts.settings.database_url or "")
    settle(parts)
    assert found(connection) == live


def test_what_is_merged_or_archived_or_marked_is_no_pair(
    parts: Served, connection: psycopg.Connection
) -> None:
    one = register(parts, "杭州云帆科技有限公司", PHONES[0])
    other = register(parts, "杭州云帆科技股份有限公司", PHONES[1])
    pair = (min(one, other), max(one, other))

    def after(command: object, id: UUID) -> set[tuple[UUID, UUID]]:
        parts.do(command, id)  # type: ignore[arg-type]
        settle(parts)
        return ids_of(connection)

    settle(parts)
    assert ids_of(connection) == {pair}
    assert after(ArchiveCustomer(), other) == set()
    assert after(RestoreCustomer(), other) == {pair}
    assert after(MergeCustomer(into_id=one), other) == set()
    assert after(UnmergeCustomer(), other) == {pair}
    assert after(MarkCustomerDistinct(other_id=one), other) == set()
    assert after(UnmarkCustomerDistinct(other_id=one), other) == {pair}
    assert after(ChangeCustomerDetails(name="宁波甬江纺织有限公司"), other) == set()


def test_a_survivor_is_known_by_what_was_merged_into_it(
    parts: Served, connection: psycopg.Connection
) -> None:
    survivor = register(parts, "杭州云帆科技有限公司", PHONES[0])
    merged = register(parts, "宁波甬江纺织有限公司", PHONES[1])
    parts.do(MergeCustomer(into_id=survivor), merged)
    settle(parts)
    again = register(parts, "宁波甬江纺织股份有限公司", PHONES[1])
    settle(parts)
    assert ids_of(connection) == {(min(survivor, again), max(survivor, again))}


def test_a_contact_that_moves_takes_its_number_along(
    parts: Served, connection: psycopg.Connection
) -> None:
    one, other, third = (
        register(parts, f"{name}有限公司", phone, person)
        for name, phone, person in zip(("云帆科技", "云帆", "甬江"), PHONES, PEOPLE, strict=False)
    )
    settle(parts)
    assert ids_of(connection) == set(), "a short name alone is not enough"
    shared = parts.do(AddContact(customer_id=other, name="李伟", phone=PHONES[0])).id
    settle(parts)
    assert ids_of(connection) == {(min(one, other), max(one, other))}
    parts.do(MoveContact(customer_id=third), shared)
    settle(parts)
    assert ids_of(connection) == set()


def test_contacts_are_compared_as_persons(parts: Served, connection: psycopg.Connection) -> None:
    customer = register(parts, "云帆科技有限公司", PHONES[0])

    def add(name: str, phone: str) -> UUID:
        born = date(1980, 2, 28)
        command = AddContact(customer_id=customer, name=name, phone=phone, birthday=born)
        return parts.do(command).id

    one, other = add("Anna Li", PHONES[1]), add("Li, Anna", PHONES[2])
    settle(parts)
    assert ids_of(connection, "contact") == {(min(one, other), max(one, other))}
    parts.do(MarkContactDistinct(other_id=other), one)
    settle(parts)
    assert ids_of(connection, "contact") == set()


def test_a_stream_that_was_parked_is_compared_once_its_view_has_it(
    parts: Served, connection: psycopg.Connection
) -> None:
    one = register(parts, "杭州云帆科技有限公司", PHONES[0])
    other = register(parts, "杭州云帆科技股份有限公司", PHONES[1])
    settle(parts)
    park = (
        "WITH taken AS (DELETE FROM views.customers WHERE id = %s RETURNING id)"
        " INSERT INTO backstory.parked (projection, stream_id, position, error)"
        " SELECT 'customers', id, 1, 'poison' FROM taken"
    )
    connection.execute("CREATE TABLE aside AS SELECT * FROM views.customers")
    connection.execute(park, (other,))
    parts.do(ChangeCustomerDetails(notes="老客户"), other)
    settle(parts)
    assert ids_of(connection) == set()
    connection.execute("DELETE FROM backstory.parked")
    connection.execute("INSERT INTO views.customers SELECT * FROM aside WHERE id = %s", (other,))
    settle(parts)
    assert ids_of(connection) == {(min(one, other), max(one, other))}


def test_one_process_leads_and_who_was_superseded_writes_nothing(
    parts: Served, connection: psycopg.Connection
) -> None:
    url = parts.settings.database_url or ""
    register(parts, "杭州云帆科技有限公司", PHONES[0])
    settle(parts)
    runner = PairingRunner(url)
    with connect(url) as mine:
        lead = take_lead(runner, mine)
        with connect(url) as theirs:
            assert runner.lead(theirs) is None
        rebuild_pairs(url)
        register(parts, "杭州云帆科技股份有限公司", PHONES[1])
        parts.caught_up()
        with pytest.raises(Superseded):
            runner.step(lead)
    settle(parts)
    assert len(ids_of(connection)) == 1


def test_no_two_parts_of_the_store_take_one_lock_for_different_ends() -> None:
    taken: dict[str, set[Path]] = defaultdict(set)
    for module in (ROOT / "adapters").rglob("*.py"):
        for number in re.findall(r"lock\(16979, (\d+)\)", module.read_text("utf-8")):
            taken[number].add(module.parent)
    assert len(taken) > 5
    assert {number: where for number, where in taken.items() if len(where) > 1} == {}


@pytest.mark.skipif(not FEBRL.exists(), reason="the persons of ../shared/data/febrl are not here")
def test_persons_of_febrl_are_paired_as_contacts_of_a_customer(
    parts: Served, connection: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    customer, names = register(parts, "云帆科技有限公司", PHONES[0]), {}
    for record, person in persons("dataset1.csv").items():
        command = AddContact(customer_id=customer, name=person.pop("name") or "-", **person)
        names[parts.do(command).id] = record
    settle(parts)
    found = {frozenset({names[a], names[b]}) for a, b in ids_of(connection, "contact")}
    true = true_pairs(names.values())
    precision, recall = len(found & true) / len(found), len(found & true) / len(true)
    f1 = 2 * precision * recall / (precision + recall)
    with capsys.disabled():
        print(f"\nfebrl dataset1.csv as contacts: F1 {f1:.4f}")
    assert f1 > 0.98
