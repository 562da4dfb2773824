"""A sales system's tables go in by commands: what points nowhere is said, histories are right."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.mapping import BadMapping
from adapters.importing.report import Report
from tests.importing import counts, events, imported, last, rows, write_csv
from tests.journeys.exported_tables import ROOT, Tables, apart, by_external_id, utc

TABLES = Tables(
    "salesforce",
    {
        "users": ("users", "sf_user_data"),
        "accounts": ("customers", "sf_account_data"),
        "contacts": ("contacts", "sf_contact_data"),
        "opportunities": ("opportunities", "sf_opportunity_data"),
        "account-history": ("customers", "sf_account_history_data"),
        "contact-history": ("contacts", "sf_contact_history_data"),
        "opportunity-history": ("opportunities", "sf_opportunity_history_data"),
        "tasks": ("tasks", "sf_task_data"),
        "leads": ("customers", "sf_lead_data"),
        "lead-contacts": ("contacts", "sf_lead_data"),
        "events": ("customers", "sf_event_data"),
        "deleted-accounts": ("customers", "sf_account_data"),
        "deleted-opportunities": ("opportunities", "sf_opportunity_data"),
    },
)
HOMELESS = {
    "sf_order_data": "orders",
    "sf_opportunity_line_item_data": "opportunity_line_items",
    "sf_product_2_data": "products",
    "sf_user_role_data": "user_roles",
}
"""Tables of things that are not kept here, and what their kind would be called."""
ONLY_NAMES = """
kind = "{kind}"
external = {{ system = "salesforce", id = "id" }}
[fields]
name = "name"
"""

pytestmark = TABLES.needed


@pytest.fixture(scope="module")
def backstory(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backstory]:
    with apart(module_database_url, tmp_path_factory.mktemp("refused")) as backstory:
        yield backstory


@pytest.fixture(scope="module")
def reports(backstory: Backstory) -> dict[str, Report]:
    return TABLES.enter_all(backstory)


def test_every_row_is_entered_or_said_why_not(reports: dict[str, Report]) -> None:
    assert {name: counts(report) for name, report in reports.items()} == {
        "users": (10, 0, 0, 0),
        "accounts": (9, 0, 0, 1),
        "contacts": (3, 0, 0, 1),
        "opportunities": (10, 0, 0, 0),
        "account-history": (0, 0, 9, 1),  # it says what the accounts say
        "contact-history": (0, 0, 3, 1),
        "opportunity-history": (0, 9, 1, 0),  # one is still open
        "tasks": (10, 0, 0, 0),
        "leads": (1, 0, 0, 0),
        "lead-contacts": (1, 0, 0, 0),
        "events": (0, 0, 0, 10),  # of accounts that the export does not have
        "deleted-accounts": (0, 8, 1, 1),
        "deleted-opportunities": (0, 10, 0, 0),
    }
    refused = {
        name: [(li.number, str(why)) for li, why in r.in_order()] for name, r in reports.items()
    }
    [(line, why)] = refused["accounts"]
    assert line == 5
    assert why.startswith("exists already"), "two accounts are called Blue Test"
    accounts = [row["account_id"] for row in TABLES.rows("sf_event_data")]
    nowhere = [f"record: there is no customer {account!r}" for account in accounts]
    assert [why for _, why in refused["events"]] == nowhere
    assert refused["contacts"] == [(2, "name: is required")]
    twin = "record: there is no customer '001q000000wW9BZAA0'"
    assert refused["account-history"] == refused["deleted-accounts"] == [(5, twin)]


@pytest.mark.parametrize(
    ("name", "column", "field"),
    [
        ("accounts", "owner_id", "owner_id: there is no user"),
        ("contacts", "account_id", "customer_id: there is no customer"),
        ("opportunities", "account_id", "customer_id: there is no customer"),
        ("opportunities", "owner_id", "owner_id: there is no user"),
        ("opportunity-history", "owner_id", "owner_id: there is no user"),
        ("tasks", "owner_id", "owner_id: there is no user"),
        ("leads", "owner_id", "owner_id: there is no user"),
        ("tasks", "what_id", "about: there is no customer or opportunity or ticket"),
    ],
)
def test_everything_that_points_nowhere_is_reported(
    reports: dict[str, Report], name: str, column: str, field: str
) -> None:
    refused = {line.number for line, _ in reports[name].in_order()}
    said = {line.number: str(why) for line, why in reports[name].dangling_in_order()}
    lines = dict(enumerate(TABLES.rows(TABLES.files[name][1]), start=2))
    assert lines
    for number, row in lines.items():
        if row[column] and number not in refused:
            assert f"{field} {row[column]!r}" in said[number]


def test_what_was_entered_is_what_the_tables_say(
    backstory: Backstory, reports: dict[str, Report]
) -> None:
    users, customers = by_external_id(backstory, "users"), by_external_id(backstory, "customers")
    active = {user["id"]: user["is_active"] == "true" for user in TABLES.rows("sf_user_data")}
    assert {id: row.active for id, row in users.items()} == active
    for account in TABLES.rows("sf_account_data"):
        row = customers.get(account["id"])
        if row is not None:
            assert (row.name, row.created_at) == (account["name"], utc(account["_fivetran_synced"]))
            assert (row.archived_at is not None) == (account["is_deleted"] == "true")
            assert str(row.employees or "") == account["number_of_employees"]
    for task in TABLES.rows("sf_task_data"):
        planned = by_external_id(backstory, "tasks")[task["id"]]
        assert planned.due_at == utc(task["activity_date"])
        assert (planned.status == "completed") == (task["is_closed"] == "TRUE")
    for contact in TABLES.rows("sf_contact_data")[1:]:
        person = by_external_id(backstory, "contacts")[contact["id"]]
        told = (person.name, person.job_title, person.email or "")
        assert told == (contact["name"], contact["title"], contact["email"])


def test_replayed_opportunity_histories_agree_with_the_final_table(
    backstory: Backstory, reports: dict[str, Report]
) -> None:
    expected = json.loads((TABLES.folder / "expected.json").read_text())
    final = TABLES.rows("sf_opportunity_data")
    history = {row["id"]: row for row in TABLES.rows("sf_opportunity_history_data")}
    assert len(final) == expected["opportunities"]
    assert len(history) == expected["opportunity_history_rows"]
    opportunities = by_external_id(backstory, "opportunities")
    for row in final:
        found = opportunities[row["id"]]
        ended = {"true": "won", "false": "lost"}[row["is_won"]]
        assert found.stage == (ended if row["is_closed"] == "true" else "lead")
        closed_on = found.won_on or found.lost_on
        assert str(closed_on or "") == (row["close_date"][:10] if closed_on else "")
        assert (closed_on is not None) == (row["is_closed"] == "true")
        assert str(found.expected_close_on) == row["close_date"][:10]
        assert (found.amount and found.amount.amount) == (
            Decimal(row["amount"]) if row["amount"] else None
        )
    recorded: list[Any] = [e for e in events(backstory) if e.TOPIC == "Opportunity.StatusRecorded"]
    known = {opportunity.id: id for id, opportunity in opportunities.items()}
    starts = {known[e.envelope.stream_id]: e.envelope.occurred_at for e in recorded}
    assert starts == {
        id: utc(row["_fivetran_start"]) for id, row in history.items() if row["is_closed"] == "true"
    }
    assert not any(event.irregular for event in recorded)


def test_histories_alone_say_what_the_final_tables_say(database_url: str, tmp_path: Path) -> None:
    """Entered by name only, accounts and contacts become by their histories what they are."""
    with apart(database_url, tmp_path) as backstory:
        for kind, name in (("customers", "account"), ("contacts", "contact")):
            mapping = tmp_path / f"{kind}.toml"
            mapping.write_text(ONLY_NAMES.format(kind=kind))
            imported(backstory, kind, TABLES.folder / f"sf_{name}_data.csv", mapping)
            assert counts(TABLES.enter(backstory, f"{name}-history"))[1] > 0
        customers = by_external_id(backstory, "customers")
        for account in TABLES.rows("sf_account_data"):
            row = customers.get(account["id"])
            if row is None:
                continue
            told = {"website": account["website"], "postcode": account["billing_postal_code"]}
            assert {n: getattr(row, n) or "" for n in told} == told
            kept = row.custom or {}
            assert kept.get("type", "") == account["type"]
            assert kept.get("industry", "") == account["industry"]
        for contact in TABLES.rows("sf_contact_data")[1:]:
            person = by_external_id(backstory, "contacts")[contact["id"]]
            assert (person.job_title, person.email or "") == (contact["title"], contact["email"])
        changed = [e for e in events(backstory) if e.TOPIC.endswith(".DetailsChanged")]
        starts = {
            utc(row["_fivetran_start"])
            for name in ("account", "contact")
            for row in TABLES.rows(f"sf_{name}_history_data")
        }
        assert {event.envelope.occurred_at for event in changed} <= starts
        assert len(changed) > 5


def test_importing_everything_again_changes_nothing(
    backstory: Backstory, reports: dict[str, Report]
) -> None:
    before = last(backstory)
    for name in TABLES.files:
        again = TABLES.enter(backstory, name)
        assert counts(again)[:2] == (0, 0), name
        assert counts(again)[3] == counts(reports[name])[3], name
    assert last(backstory) == before


def test_a_lead_is_a_prospect(backstory: Backstory, reports: dict[str, Report]) -> None:
    [lead] = TABLES.rows("sf_lead_data")
    row = by_external_id(backstory, "customers")[lead["id"]]
    assert (row.name, row.type) == (lead["company"], "prospect")
    assert row.created_at == utc(lead["created_date"])
    assert row.custom["converted_account"] == lead["converted_account_id"]
    assert row.custom["industry"] == lead["industry"]
    assert row.annual_revenue.amount == Decimal(lead["annual_revenue"])
    [person] = [c for c in rows(backstory, "contacts").values() if c.customer_id == row.id]
    assert (person.name, person.email) == ("H Croc", lead["email"])


def test_events_of_accounts_that_are_there_are_interactions(
    database_url: str, tmp_path: Path
) -> None:
    """The export has none of their accounts: entered by nothing but an id and a name here."""
    told = TABLES.rows("sf_event_data")
    ids = dict.fromkeys(row["account_id"] for row in told)
    accounts = [["id", "name"], *([id, f"第{n}有限公司"] for n, id in enumerate(ids))]
    people = [["id", "name"], *([row["who_id"], "王芳"] for row in told[:4])]
    with apart(database_url, tmp_path) as backstory:
        for kind, lines in (("customers", accounts), ("contacts", people)):
            mapping = tmp_path / f"{kind}.toml"
            mapping.write_text(ONLY_NAMES.format(kind=kind))
            imported(backstory, kind, write_csv(tmp_path / f"{kind}.csv", lines), mapping)
        report = TABLES.enter(backstory, "events")
        assert counts(report) == (0, 10, 0, 0), report.in_order()
        assert [line.number for line, _ in report.dangling_in_order()] == [*range(6, 12)]
        known = by_external_id(backstory, "customers")
        contacts = by_external_id(backstory, "contacts")
        found: list[Any] = [
            e for e in events(backstory) if e.TOPIC == "Customer.InteractionRecorded"
        ]
        for event, row in zip(found, told, strict=True):
            assert event.envelope.stream_id == known[row["account_id"]].id
            assert event.envelope.occurred_at == utc(row["start_date_time"])
            assert event.channel == row["type"].lower()
            assert (event.subject, event.content) == (row["subject"], row["description"])
            assert event.duration_seconds == int(row["duration_in_minutes"]) * 60
            who = contacts.get(row["who_id"])
            assert event.contact_ids == (() if who is None else (who.id,))
        before = last(backstory)
        assert counts(TABLES.enter(backstory, "events"))[:2] == (0, 0)
        assert last(backstory) == before


def test_what_has_no_home_is_said_table_by_table(backstory: Backstory, tmp_path: Path) -> None:
    mapped = {table for _, table in TABLES.files.values()}
    assert {file.stem for file in TABLES.folder.glob("*.csv")} == mapped | HOMELESS.keys()
    said = (ROOT / "docs/importing.md").read_text(encoding="utf-8")
    for table, kind in HOMELESS.items():
        assert f"`{table}.csv`" in said
        with pytest.raises(BadMapping, match=f"'{kind}'.*customers"):
            imported(backstory, kind, TABLES.folder / f"{table}.csv")
