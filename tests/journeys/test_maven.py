"""A real sales pipeline goes in by commands and comes out right, now and as of any month."""

import asyncio
import csv
import json
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from adapters.bootstrap import Backstory
from adapters.http.app import create_app
from adapters.importing.report import Report
from tests.importing import counts, events, imported, last, opened, rows

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared/data/maven-crm"
MAPPINGS = ROOT / "docs/mappings"
FILES = (
    ("users", "sales_teams", "managers"),
    ("users", "sales_teams", "users"),
    ("customers", "accounts", "customers"),
    ("opportunities", "sales_pipeline", "opportunities"),
)
MONTH_ENDS = [date(2017, month, monthrange(2017, month)[1]) for month in range(1, 13)]

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is not here")


def import_all(backstory: Backstory) -> list[Report]:
    return [
        imported(backstory, kind, DATA / f"{file}.csv", MAPPINGS / f"maven-crm-{name}.toml")
        for kind, file, name in FILES
    ]


@pytest.fixture(scope="module")
def backstory(module_database_url: str) -> Iterator[Backstory]:
    with opened(module_database_url) as backstory:
        backstory.project()
        yield backstory


@pytest.fixture(scope="module")
def reports(backstory: Backstory) -> list[Report]:
    return import_all(backstory)


@pytest.fixture(scope="module")
def opportunities(backstory: Backstory, reports: list[Report]) -> list[Any]:
    return list(rows(backstory, "opportunities").values())


@pytest.fixture(scope="module")
def expected() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((DATA / "expected.json").read_text())
    return found


@pytest.fixture(scope="module")
def pipeline() -> list[dict[str, str]]:
    with (DATA / "sales_pipeline.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def get(backstory: Backstory, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """The items of an answer, read when the views have everything."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(backstory))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path, params={"after": head, **parameters}, timeout=60)

    head = last(backstory)
    answer = asyncio.run(ask())
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def quarter(day: date) -> str:
    return f"{day.year}Q{(day.month + 2) // 3}"


def won(opportunities: list[Any]) -> list[tuple[Any, date, Decimal]]:
    """Those won: when, and for how many USD."""
    found = []
    for row in opportunities:
        if row.stage == "won":
            assert row.won_on is not None
            assert row.amount is not None
            assert row.amount.currency == "USD"
            found.append((row, row.won_on, row.amount.amount))
    return found


def summed(pairs: Any) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for name, amount in pairs:
        totals[name] = totals.get(name, Decimal(0)) + amount
    return totals


def test_every_row_is_entered_and_none_is_refused(reports: list[Report]) -> None:
    assert [counts(report) for report in reports] == [
        (6, 0, 29, 0),  # the managers stand beside 35 agents
        (35, 0, 0, 0),
        (85, 0, 0, 0),
        (8_800, 0, 0, 0),
    ]


def test_stages_and_what_was_won(opportunities: list[Any], expected: Mapping[str, Any]) -> None:
    stages = Counter(row.stage for row in opportunities)
    by_stage = expected["by_stage"]
    assert stages == {
        "won": by_stage["Won"],
        "lost": by_stage["Lost"],
        "first_contact": by_stage["Engaging"],
        "lead": by_stage["Prospecting"],
    }
    assert sum(amount for _, _, amount in won(opportunities)) == expected["won_value_total"]
    assert {row.lost_reason for row in opportunities if row.stage == "lost"} == {"not_recorded"}


def test_totals_by_quarter_agent_region_and_product(
    backstory: Backstory, opportunities: list[Any], expected: Mapping[str, Any]
) -> None:
    users = rows(backstory, "users")
    sold = won(opportunities)
    assert Counter(quarter(on) for _, on, _ in sold) == expected["won_by_close_quarter"]
    lost_on = [row.lost_on for row in opportunities if row.lost_on is not None]
    assert Counter(map(quarter, lost_on)) == expected["lost_by_close_quarter"]
    last = [users[row.owner_id].name for row, on, _ in sold if quarter(on) == "2017Q4"]
    assert Counter(last) == expected["won_2017Q4_by_agent"]
    regions = [users[row.owner_id].department for row in opportunities]
    assert Counter(regions) == expected["rows_by_region"]
    by_region = summed((users[row.owner_id].department, amount) for row, _, amount in sold)
    assert by_region == expected["won_value_by_region"]
    by_product = summed((row.products[0], amount) for row, _, amount in sold)
    assert by_product == expected["won_value_by_product"]


def test_managers_are_the_agents_superiors(backstory: Backstory, reports: list[Report]) -> None:
    users = rows(backstory, "users")
    with (DATA / "sales_teams.csv").open(encoding="utf-8", newline="") as file:
        teams = {row["sales_agent"]: row["manager"] for row in csv.DictReader(file)}
    found = {u.name: users[u.superior_id].name for u in users.values() if u.superior_id}
    assert found == teams


def test_customers_come_as_they_are_spelt(backstory: Backstory, reports: list[Report]) -> None:
    customers = rows(backstory, "customers")
    names = {customer.name: customer for customer in customers.values()}
    with (DATA / "accounts.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            customer = names[row["account"]]
            parent = customers[customer.parent_id].name if customer.parent_id else ""
            assert parent == row["subsidiary_of"]
            assert customer.region == row["office_location"]
            assert customer.employees == int(row["employees"])
            assert customer.annual_revenue.amount == Decimal(row["revenue"]) * 1_000_000
            assert customer.custom == {
                "year_established": int(row["year_established"]),
                "sector": row["sector"],
            }
            assert customer.founded_on is None, "a year is no day"


def test_what_the_files_lack_is_marked_and_listed(
    backstory: Backstory, opportunities: list[Any], expected: Mapping[str, Any]
) -> None:
    traps = expected["traps"]
    lacking = Counter(field for row in opportunities for field in row.incomplete)
    assert lacking == {
        "customer_id": traps["opportunities_without_account"],
        "occurred_at": traps["without_engage_date"],
        "amount": expected["rows"] - expected["by_stage"]["Won"],
    }
    listed = get(backstory, "/v1/queries/incomplete", kind="opportunity")
    assert {UUID(item["id"]): tuple(item["fields"]) for item in listed} == {
        row.id: row.incomplete for row in opportunities if row.incomplete
    }
    customers = get(backstory, "/v1/queries/incomplete", kind="customer")
    assert Counter(field for item in customers for field in item["fields"]) == {
        "source": 85,
        "primary_contact": 85,
    }


def as_the_files_say(pipeline: list[dict[str, str]], end: date) -> dict[str, tuple[int, int]]:
    """Stage → how many, and for how many USD won, at the end of that day."""
    found: Counter[str] = Counter()
    worth = 0
    for row in pipeline:
        engaged, closed = row["engage_date"], row["close_date"]
        if not engaged or date.fromisoformat(engaged) > end:
            continue  # without a date, it is known from the import on only
        is_closed = bool(closed) and date.fromisoformat(closed) <= end
        stage = row["deal_stage"].lower() if is_closed else "first_contact"
        found[stage] += 1
        worth += int(row["close_value"]) if stage == "won" else 0
    return {stage: (n, worth if stage == "won" else 0) for stage, n in found.items()}


@pytest.mark.parametrize("end", MONTH_ENDS, ids=str)
def test_the_pipeline_as_of_each_month_end(
    backstory: Backstory, reports: list[Report], pipeline: list[dict[str, str]], end: date
) -> None:
    found: dict[str, tuple[int, int]] = {}
    for item in get(backstory, "/v1/queries/pipeline", as_of=end.isoformat()):
        amount = item["amount"] or {"amount": "0"}
        found[item["stage"]] = (item["opportunities"], int(Decimal(amount["amount"])))
    assert found == as_the_files_say(pipeline, end)


def test_what_happened_when_is_in_the_log(
    backstory: Backstory, reports: list[Report], pipeline: list[dict[str, str]]
) -> None:
    days: dict[str, list[str]] = {}
    streams: dict[UUID, str] = {}
    for event in events(backstory):
        id = event.envelope.stream_id
        if event.TOPIC == "Opportunity.Opened":
            streams[id] = event.external.id  # type: ignore[attr-defined]
        if id in streams:
            at: datetime = event.envelope.occurred_at
            day = at.astimezone(backstory.timezone).date()
            is_import = day >= event.envelope.recorded_at.date() - timedelta(days=1)
            days.setdefault(streams[id], []).append("" if is_import else day.isoformat())
    assert days == {
        row["opportunity_id"]: [row["engage_date"], *filter(None, [row["close_date"]])]
        for row in pipeline
    }


def test_importing_everything_again_changes_nothing(
    backstory: Backstory, reports: list[Report]
) -> None:
    before = last(backstory)
    again = import_all(backstory)
    assert [counts(report) for report in again] == [
        (0, 0, 35, 0),
        (0, 0, 35, 0),
        (0, 0, 85, 0),
        (0, 0, 8_800, 0),
    ]
    assert last(backstory) == before
