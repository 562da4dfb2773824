"""Families: whatever was merged into whatever, a customer's id stands for all that came to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg_pool import ConnectionPool

from adapters import registry
from adapters.postgres.reads.asof import NOW, Moment, Now, Occurred, Recorded
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views import tables
from adapters.postgres.views.tables import View
from projections.base import Projection
from queries.base import QUERIES, Answer, Query

registry.load()
CUSTOMERS, OPPORTUNITIES = (Projection.registry[t] for t in ("customers", "opportunities"))
IDS = tuple(UUID(int=n) for n in range(1, 8))
DEALS = tuple(UUID(int=n) for n in range(101, 107))
SCOPE = Scope(UUID(int=9))
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
Told = dict[UUID, list[UUID | None]]
"""Record → the customer it names, moment after moment."""


class Deal(Answer):
    id: UUID


class DealsOf(Query[list[Deal]]):
    """What belongs to a customer."""

    customer_id: UUID
    sql = "SELECT o.id FROM {opportunities} o WHERE o.customer_id = ANY ({customers:customer_id})"


del QUERIES[DealsOf.NAME]


def day(number: int) -> datetime:
    return BEGINNING + timedelta(days=number)


@dataclass(frozen=True)
class Clock:
    """What happened by one clock: at each moment at most one thing to each record."""

    merges: Told
    deals: Told

    def at(self, told: Told, moment: int) -> dict[UUID, UUID | None]:
        return {id: values[min(moment, len(values) - 1)] for id, values in told.items()}

    def family(self, id: UUID, moment: int) -> set[UUID]:
        into, found = self.at(self.merges, moment), {id}
        while more := {i for i, other in into.items() if other in found} - found:
            found |= more
        return found

    def last(self, id: UUID, moment: int) -> UUID | None:
        """The end of the chain; the next in it where it goes round in a circle."""
        into, seen = self.at(self.merges, moment), [id]
        while (next := into[seen[-1]]) is not None:
            if next in seen:
                return into[id]
            seen.append(next)
        return seen[-1] if len(seen) > 1 else None


def histories(ids: tuple[UUID, ...], values: Any) -> st.SearchStrategy[Told]:
    return st.fixed_dictionaries({id: st.lists(values, min_size=1, max_size=4) for id in ids})


CLOCKS = st.builds(
    Clock,
    merges=histories(IDS, st.one_of(st.none(), st.sampled_from(IDS))),
    deals=histories(DEALS, st.sampled_from(IDS)),
)


@pytest.fixture(scope="module")
def pool(module_database_url: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(
        module_database_url, min_size=1, max_size=1, kwargs={"autocommit": True}
    ) as pool:
        with pool.connection() as connection:
            tables.install(connection)
            for projection in (CUSTOMERS, OPPORTUNITIES):
                tables.create(connection, View(projection))
                tables.complete(connection, View(projection))
        yield pool


def write(connection: psycopg.Connection, table: str, field: str, axis: int, told: Told) -> None:
    """Versions of records that say nothing but what they name; the last one is today's."""
    connection.execute(f"DELETE FROM views.{table}_versions WHERE axis = {axis}".encode())
    insert = sql.SQL(
        "INSERT INTO views.{} (axis, occurred_at, gone, at_position, id, {}, version, position,"
        " created_at, updated_at, incomplete)"
        " SELECT {}, %s, false, %s, %s, %s, 1, 1, %s, %s, '{{}}'"
    ).format(sql.Identifier(f"{table}_versions"), sql.Identifier(field), sql.Literal(axis))
    for id, values in told.items():
        for n, value in enumerate(values):
            at = day(n)
            connection.execute(insert, (at, n, id, value, at, at))
    if axis == 2:
        columns = sql.SQL(", ").join(
            sql.Identifier(c.name) for c in View(Projection.registry[table]).columns
        )
        name = sql.Identifier("views", table), sql.Identifier("views", f"{table}_versions")
        connection.execute(sql.SQL("DELETE FROM {}").format(name[0]))
        connection.execute(
            sql.SQL(
                "INSERT INTO {} SELECT DISTINCT ON (id) {} FROM {} WHERE axis = 2"
                " ORDER BY id, occurred_at DESC"
            ).format(name[0], columns, name[1])
        )


def listed(reader: RowReader, table: str, moment: Moment, **filters: str) -> list[Any]:
    row = Projection.registry[table].row
    wish = reader.wish(row, [("archived", "any"), *filters.items()], limit=100, count=True)
    page = reader.page(row, SCOPE, moment, wish)
    assert page.count == len(page.rows)
    return page.rows


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(recorded=CLOCKS, occurred=CLOCKS, moment=st.integers(0, 4))
def test_a_customer_stands_for_its_family_at_every_moment(
    pool: ConnectionPool, recorded: Clock, occurred: Clock, moment: int
) -> None:
    with pool.connection() as connection:
        for axis, clock in ((1, recorded), (2, occurred)):
            write(connection, "customers", "merged_into", axis, clock.merges)
            write(connection, "opportunities", "customer_id", axis, clock.deals)
    reader = RowReader(pool, ZoneInfo("UTC"))
    moments: list[tuple[Moment, Clock]] = [
        (Recorded(moment), recorded),
        (Occurred(day(moment)), occurred),
        (NOW, occurred),
    ]
    for at, clock in moments:
        n = 10 if isinstance(at, Now) else moment
        deals = clock.at(clock.deals, n)
        for id in IDS:
            family = clock.family(id, n)
            found = {r.id for r in listed(reader, "opportunities", at, customer_id=str(id))}
            assert found == {deal for deal, customer in deals.items() if customer in family}
            assert {d.id for d in reader.answer(DealsOf(customer_id=id), SCOPE, at)} == found
            others = {
                r.id for r in listed(reader, "opportunities", at, **{"customer_id.ne": str(id)})
            }
            assert others == set(DEALS) - found
        shown = {r.id: r.merged_into for r in listed(reader, "customers", at)}
        assert shown == {id: clock.last(id, n) for id in IDS}
