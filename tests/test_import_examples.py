"""The mappings of docs/mappings with the files that they are for: counts, facts read by hand."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from tests.importing import counts, imported, last, opened, rows, write_csv

ROOT = Path(__file__).resolve().parents[1]
DATA, MAPPINGS = ROOT.parent / "shared/data", ROOT / "docs/mappings"


class Folder:
    """A folder of somebody's files, and the process that takes them."""

    def __init__(self, name: str, backstory: Backstory, scratch: Path, limit: int | None) -> None:
        self.path, self.backstory = DATA / name, backstory
        self._scratch, self._limit = scratch, limit

    def take(self, kind: str, file: str, mapping: str) -> Any:
        """The report of importing a file, or the first rows of it."""
        path = self.path / file
        if self._limit is not None:
            with path.open(encoding="utf-8", newline="") as whole:
                path = write_csv(
                    self._scratch / file, list(islice(csv.reader(whole), self._limit + 1))
                )
        return imported(self.backstory, kind, path, MAPPINGS / f"{mapping}.toml")

    def rows(self, kind: str) -> dict[str, Any]:
        found = rows(self.backstory, kind).values()
        return {row.external.id: row for row in found if row.external is not None}

    def expected(self) -> Any:
        return json.loads((self.path / "expected.json").read_text())


SOME, ALL = 400, None
"""Rows of a file: enough to see each kind of row, and the whole."""
SIZES = [
    pytest.param(SOME, id="some"),
    pytest.param(ALL, id="all", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
]


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


@pytest.fixture
def folder(request: pytest.FixtureRequest, backstory: Backstory, tmp_path: Path) -> Folder:
    name, limit = request.param
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is not here")
    return Folder(name, backstory, tmp_path, limit)


def of(name: str, *sizes: Any) -> pytest.MarkDecorator:
    given = [pytest.param((name, *p.values), id=p.id, marks=p.marks) for p in sizes]
    return pytest.mark.parametrize("folder", given, indirect=True)


WHOLE = pytest.param(ALL, id="all")


@of("northwind", WHOLE)
def test_northwind_customers(folder: Folder) -> None:
    report = folder.take("contacts", "customers.csv", "northwind-customers")
    assert counts(report) == (folder.expected()["customers"], 0, 0, 0) == (91, 0, 0, 0)
    assert report.parts == {"customers": 91}
    customers = folder.rows("customers")
    bottom = customers["BOTTM"]
    assert (bottom.name, bottom.region, bottom.postcode) == (
        *("Bottom-Dollar Markets", "Canada"),
        "T2F 8M4",
    )
    assert bottom.address == "23 Tsawassen Blvd., Tsawassen, BC"
    assert customers["ALFKI"].address == "Obere Str. 57, Berlin"
    assert customers["ALFKI"].custom["phone"] == "030-0074321"
    people = {row.customer_id: row for row in rows(folder.backstory, "contacts").values()}
    assert len(people) == 91
    ana = people[customers["ANATR"].id]
    assert (ana.name, ana.job_title) == ("Ana Trujillo", "Owner")
    before = last(folder.backstory)
    again = folder.take("contacts", "customers.csv", "northwind-customers")
    assert counts(again) == (0, 0, 91, 0)
    assert last(folder.backstory) == before


@of("telco-churn", *SIZES)
def test_telco_customers(folder: Folder) -> None:
    report = folder.take("customers", "Telco-Customer-Churn.csv", "telco-customers")
    customers = folder.rows("customers")
    assert counts(report) == (len(customers), 0, 0, 0)
    first = customers["7590-VHVEG"].custom
    assert (first["tenure_months"], first["monthly_charges"], first["churn"]) == (1, 29.85, "No")
    assert customers["5575-GNVDE"].custom["total_charges"] == 1889.5
    if len(customers) > SOME:
        expected = folder.expected()
        assert len(customers) == expected["rows"] == 7_043
        churned = Counter(row.custom["churn"] for row in customers.values())
        assert churned == {"Yes": expected["churn_yes"], "No": 7_043 - expected["churn_yes"]}
        blank = sum("total_charges" not in row.custom for row in customers.values())
        assert blank == expected["blank_TotalCharges"] == 11


@of("olist-funnel", *SIZES)
def test_olist_leads_and_those_that_were_won(folder: Folder) -> None:
    leads = folder.take("customers", "marketing_qualified_leads.csv", "olist-leads")
    customers = folder.rows("customers")
    assert counts(leads) == (len(customers), 0, 0, 0)
    assert {row.type for row in customers.values()} == {"prospect"}
    first = customers["dac32acd4db4c29c230538b72f8dd87d"]
    assert (first.source, first.custom["origin"]) == ("advertisement", "social")
    assert first.created_at == datetime.fromisoformat("2018-02-01T00:00:00+08:00")
    deals = folder.take("opportunities", "closed_deals.csv", "olist-deals")
    converted = folder.take("customers", "closed_deals.csv", "olist-converted")
    won = folder.rows("opportunities")
    assert counts(deals) == (len(won), 0, 0, deals.read - len(won))
    assert counts(converted) == (0, len(won), 0, converted.read - len(won))
    customers = folder.rows("customers")
    types = Counter(row.type for row in customers.values())
    assert types == {"customer": len(won), "prospect": len(customers) - len(won)}
    assert all(row.stage == "won" for row in won.values())
    if len(customers) > SOME:
        expected = folder.expected()
        assert (len(customers), len(won)) == (expected["mqls"], expected["closed_deals"])
        assert (len(customers), len(won)) == (8_000, 842)
        months = Counter(f"{row.won_on:%Y-%m}" for row in won.values())
        assert months == expected["deals_by_won_month"]
        assert months["2018-04"] == 207
        origins = Counter(customers[id].custom.get("origin", "") for id in won)
        assert origins == expected["deals_by_origin"]
        assert deals.parts == {"users": 41}, "22 who sold and 32 who found leads, 13 did both"


@of("support-tickets-text", *SIZES)
def test_support_tickets_with_text_channel_priority_and_satisfaction(folder: Folder) -> None:
    report = folder.take("tickets", "customer_support_tickets.csv", "support-tickets")
    tickets = folder.rows("tickets")
    assert counts(report) == (len(tickets), 0, 0, 0)
    third = tickets["3"]
    assert (third.status, third.rating, third.custom["priority"]) == ("closed", 3, "Low")
    assert third.solution == "Case maybe show recently my computer follow."
    assert tickets["1"].description.startswith("I'm having an issue with the {product_purchased}.")
    assert third.first_response_at == datetime.fromisoformat("2023-06-01T11:14:38+08:00")
    assert third.completed_at == datetime.fromisoformat("2023-06-01T18:05:38+08:00")
    assert tickets["1"].status == "waiting"
    suspicious = {line.cells[0] for line, said in report.suspicious}
    assert {str(said) for _, said in report.suspicious} == {"resolved before the first response"}
    assert "4" in suspicious, "answered at 07:29, resolved at 01:57"
    for id in suspicious:
        said = tickets[id].custom
        assert said["resolved_at"] < said["responded_at"]
        assert tickets[id].completed_at < tickets[id].opened_at
        assert tickets[id].status == "closed"
    if len(tickets) > SOME:
        expected = folder.expected()
        assert len(tickets) == expected["rows"] == 8_469
        assert len(suspicious) == expected["resolved_before_first_response"] == 1_365
        for field, by in (("priority", "by_priority"), ("channel", "by_channel")):
            assert Counter(row.custom[field] for row in tickets.values()) == expected[by]
        assert sum(row.rating is not None for row in tickets.values()) == 2_769
