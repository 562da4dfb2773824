"""Records by what other systems call them: at every moment, and by index at every moment."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from adapters.postgres.reads import statements
from adapters.postgres.reads.asof import NOW, Moment, Occurred, Recorded
from adapters.postgres.views.columns import table_columns
from adapters.postgres.views.tables import VERSION_COLUMNS
from aggregates.values import ExternalId
from projections.base import Projection
from tests.adapters.serving import SCOPE, Served
from tests.adapters.test_reads import customer, run

MANY = 30_000
YEAR_2020, YEAR_2021 = datetime(2020, 6, 1, tzinfo=UTC), datetime(2021, 6, 1, tzinfo=UTC)


@pytest.fixture
def parts(database_url: str) -> Iterator[Served]:
    with Served(database_url) as parts:
        yield parts


def test_a_record_is_found_by_what_it_was_called_then(parts: Served) -> None:
    row = Projection.registry["customers"].row
    id = customer(
        parts, "改号有限公司", at=YEAR_2020, external=ExternalId(system="sap", id="K-1")
    ).id
    before = parts.caught_up()
    later = ExternalId(system="sap", id="K-2")
    run(parts, "customers/change-details", id, at=YEAR_2021, external=later)
    parts.caught_up()

    def found(name: str, moment: Moment) -> bool:
        return parts.rows.by_external(row, SCOPE, moment, "sap", name) is not None

    assert (found("K-1", NOW), found("K-2", NOW)) == (False, True)
    for moment in (Recorded(before), Occurred(YEAR_2020)):
        assert (found("K-1", moment), found("K-2", moment)) == (True, False)
    assert (found("K-1", Occurred(YEAR_2021)), found("K-2", Occurred(YEAR_2021))) == (False, True)
    assert not found("K-1", Recorded(1))


def test_it_is_found_by_index(parts: Served) -> None:
    row = Projection.registry["customers"].row
    customer(parts, "编号有限公司", at=YEAR_2020, external=ExternalId(system="sap", id="K-1"))
    head = parts.caught_up()
    with psycopg.connect(str(parts.pool.conninfo), autocommit=True) as connection:
        multiply(connection)
        for moment in (NOW, Recorded(head), Occurred(YEAR_2021)):
            asked = statements.by_external(row, SCOPE, moment, "sap", f"K-{MANY // 2}")
            explain = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) ") + asked.text
            [(plan,)] = connection.execute(explain, asked.bindings.values).fetchall()
            assert most_rows(plan[0]["Plan"]) < 10, (moment, plan)
            found = parts.rows.by_external(row, SCOPE, moment, "sap", f"K-{MANY // 2}")
            assert found is not None


def most_rows(node: dict[str, Any]) -> int:
    """The most rows that any step of a plan goes through."""
    dropped = int(node.get("Rows Removed by Filter", 0))
    own = (int(node["Actual Rows"]) + dropped) * int(node["Actual Loops"])
    return max([own, *map(most_rows, node.get("Plans", ()))])


def multiply(connection: psycopg.Connection) -> None:
    """So many customers, straight into the view."""
    own = table_columns(Projection.registry["customers"].row, hidden=True)
    names = [c.name for c in own if c.name not in ("id", "external")]
    for table, more in (("customers", ()), ("customers_versions", VERSION_COLUMNS)):
        columns = sql.SQL(", ").join(map(sql.Identifier, [*names, *(c.name for c in more)]))
        into = sql.SQL(
            "INSERT INTO {table} (id, external, {columns})"
            " SELECT md5(n::text)::uuid,"
            " jsonb_build_object('system', 'sap', 'id', 'K-' || n), {columns}"
            " FROM {table}, generate_series(2, {many}) AS n"
        )
        named = sql.Identifier("views", table)
        connection.execute(into.format(table=named, columns=columns, many=sql.Literal(MANY)))
        connection.execute(sql.SQL("ANALYZE {}").format(named))
