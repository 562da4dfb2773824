"""Durable commands, 16 writers in one process: half create an opportunity, half change one.

The reference is the event-sourcing library's own Postgres recorder as it comes (its safe path), on
the same server, with an aggregate of the same fields. Ours validates, checks references and
codes, encrypts the free text, hashes each event and keeps a receipt; the reference does not.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from eventsourcing.application import Application as LibraryApplication
from eventsourcing.domain import Aggregate as LibraryAggregate
from eventsourcing.domain import event

from adapters.bootstrap import Backstory
from adapters.seeds import LOCAL
from adapters.settings import Settings
from aggregates.values import Money
from benchmarks.measure import Result, alternating, fresh_database, rate, server
from commands.customer import RegisterCustomer
from commands.opportunity import ChangeOpportunityAmount, OpenOpportunity
from commands.requests import Caller, Request

WRITERS = 16
SECONDS = 4.0
FACTOR = 6.0
ME = Caller(LOCAL)


class LibraryOpportunity(LibraryAggregate):  # type: ignore[misc]
    @event("Opened")
    def __init__(self, title: str, customer_id: UUID, amount: Decimal, strengths: str) -> None:
        self.title, self.customer_id = title, customer_id
        self.amount, self.strengths = amount, strengths

    @event("AmountChanged")
    def change_amount(self, amount: Decimal) -> None:
        self.amount = amount


@contextmanager
def library(url: str) -> Iterator[LibraryApplication]:  # type: ignore[type-arg]
    """The library's application on its own database."""
    parts = psycopg.conninfo.conninfo_to_dict(fresh_database(url, "library"))
    application = LibraryApplication(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(parts["dbname"]),
            "POSTGRES_HOST": str(parts["host"]),
            "POSTGRES_PORT": str(parts.get("port", 5432)),
            "POSTGRES_USER": str(parts.get("user", "postgres")),
            "POSTGRES_PASSWORD": str(parts.get("password", "")),
            "POSTGRES_POOL_SIZE": str(WRITERS),
        }
    )
    try:
        yield application
    finally:
        application.close()


@contextmanager
def backstory(url: str) -> Iterator[Backstory]:
    """Backstory's write side on its own database."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=fresh_database(url, "backstory_bench"), data=Path(folder))
        with Backstory(settings) as opened:
            yield opened


def library_rate(application: LibraryApplication) -> float:  # type: ignore[type-arg]
    """Library commands per second."""
    mine: list[UUID] = [uuid4()] * WRITERS
    customer = uuid4()

    def work(thread: int, call: int) -> None:
        if call % 2 == 0:
            opportunity = LibraryOpportunity("设备", customer, Decimal("1250.50"), "交付快")
        else:
            opportunity = application.repository.get(mine[thread])
            opportunity.change_amount(Decimal(call))
        application.save(opportunity)
        mine[thread] = opportunity.id

    return rate(WRITERS, SECONDS, work)


def backstory_rate(opened: Backstory) -> float:
    """Our commands per second."""
    dispatch = opened.application.dispatch
    customer = a_customer(opened)
    mine: list[UUID] = [customer] * WRITERS

    def work(thread: int, call: int) -> None:
        if call % 2 == 0:
            command = OpenOpportunity(
                title="设备",
                customer_id=customer,
                amount=Money(amount="1250.50", currency="CNY"),
                strengths="交付快",
            )
            mine[thread] = dispatch(Request(command), ME).id
        else:
            amount = Money(amount=f"{call}.00", currency="CNY")
            dispatch(Request(ChangeOpportunityAmount(amount=amount), mine[thread]), ME)

    return rate(WRITERS, SECONDS, work)


def a_customer(opened: Backstory) -> UUID:
    """A customer to open opportunities of."""
    command = RegisterCustomer(
        name=f"测试设备{uuid4()}有限公司",
        industry="manufacturing",
        source="exhibition",
        primary_contact={"name": "王伟", "phone": "13800138000"},
    )
    return opened.application.dispatch(Request(command), ME).id


def run() -> list[Result]:
    """The figure, its reference and whether the target is met."""
    with server() as url, library(url) as reference, backstory(url) as opened:
        ours, theirs = alternating(lambda: backstory_rate(opened), lambda: library_rate(reference))
    what = "durable commands, 16 writers, in process"
    met = ours >= FACTOR * theirs
    return [Result(what, ours, theirs, "commands/s", f"≥ {FACTOR:g} × the library", met)]
