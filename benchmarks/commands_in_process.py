"""Durable commands, 16 writers in one process: half create an opportunity, half change one.

The reference is the event-sourcing library's own Postgres recorder as it comes (its safe path), on
the same server, with an aggregate of the same fields. Ours validates, checks references and
codes, encrypts the free text, hashes each event and keeps a receipt; the reference does not.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import psycopg
import uvloop
from eventsourcing.application import Application as LibraryApplication
from eventsourcing.domain import Aggregate as LibraryAggregate
from eventsourcing.domain import event

from adapters.bootstrap import Backstory
from adapters.seeds import LOCAL
from adapters.settings import Settings
from aggregates.contact import ContactDetails
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
    """Our commands per second: writers are tasks of one event loop, as in the service."""
    return uvloop.run(_tasks_rate(opened))


async def _tasks_rate(opened: Backstory) -> float:
    dispatch, customer = opened.application.dispatch_async, a_customer(opened)
    begin = time.perf_counter()
    done = 0

    async def write() -> None:
        nonlocal done
        mine, call = customer, 0
        while time.perf_counter() < begin + SECONDS:
            mine = (await dispatch(_request(customer, mine, call), ME)).id
            call += 1
            done += 1

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return done / (time.perf_counter() - begin)


def threads_rate(opened: Backstory) -> float:
    """Our commands per second where each writer is a thread that waits."""
    dispatch, customer = opened.application.dispatch, a_customer(opened)
    mine: list[UUID] = [customer] * WRITERS

    def work(thread: int, call: int) -> None:
        mine[thread] = dispatch(_request(customer, mine[thread], call), ME).id

    return rate(WRITERS, SECONDS, work)


def _request(customer: UUID, mine: UUID, call: int) -> Request:
    """By turns: open an opportunity, change the amount of the one opened last."""
    if call % 2 == 0:
        amount = Money(amount=Decimal("1250.50"), currency="CNY")
        return Request(
            OpenOpportunity(title="设备", customer_id=customer, amount=amount, strengths="交付快")
        )
    amount = Money(amount=Decimal(call), currency="CNY")
    return Request(ChangeOpportunityAmount(amount=amount), mine)


def a_customer(opened: Backstory) -> UUID:
    """A customer to open opportunities of."""
    command = RegisterCustomer(
        name=f"测试设备{uuid4()}有限公司",
        industry="manufacturing",
        source="exhibition",
        primary_contact=ContactDetails(name="王伟", phone="13800138000"),
    )
    return opened.application.dispatch(Request(command), ME).id


def run() -> list[Result]:
    """The figure, its reference and whether the target is met."""
    with server() as url, library(url) as reference, backstory(url) as opened:
        ours, theirs = alternating(lambda: backstory_rate(opened), lambda: library_rate(reference))
        threads = median(threads_rate(opened) for _ in range(3))
    what = "durable commands, 16 writers, in process"
    met = ours >= FACTOR * theirs
    note = f"writers as threads: {threads:,.0f} commands/s"
    return [Result(what, ours, theirs, "commands/s", f"≥ {FACTOR:g} × the library", met, note)]
