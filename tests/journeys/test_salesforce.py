"""A sales system's tables go in by commands: what points nowhere is said, histories are right."""

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.report import Report
from tests.importing import counts, events, imported, last, opened, rows

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared/data/fivetran-salesforce"
MAPPINGS = ROOT / "docs/mappings"
FILES = {
    "users": ("users", "sf_user_data"),
    "accounts": ("customers", "sf_account_data"),
    "contacts": ("contacts", "sf_contact_data"),
    "opportunities": ("opportunities", "sf_opportunity_data"),
    "account-history": ("customers", "sf_account_history_data"),
    "contact-history": ("contacts", "sf_contact_history_data"),
    "opportunity-history": ("opportunities", "sf_opportunity_history_data"),
    "tasks": ("tasks", "sf_task_data"),
    "deleted-accounts": ("customers", "sf_account_data"),
    "deleted-opportunities": ("opportunities", "sf_opportunity_data"),
}
ONLY_NAMES = """
kind = "{kind}"
external = {{ system = "salesforce", id = "id" }}
[fields]
name = "name"
"""

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is not here")


def import_named(backstory: Backstory, name: str) -> Report:
    kind, file = FILES[name]
    mapping = MAPPINGS / f"salesforce-{name}.toml"
    return imported(backstory, kind, DATA / f"{file}.csv", mapping)


@pytest.fixture(scope="module")
def backstory(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backstory]:
    with pytest.MonkeyPatch.context() as patch, opened(module_database_url) as backstory:
        patch.chdir(tmp_path_factory.mktemp("refused"))  # The data's own folder is not ours.
        yield backstory


@pytest.fixture(scope="module")
def reports(backstory: Backstory) -> dict[str, Report]:
    return {name: import_named(backstory, name) for name in FILES}


def table(name: str) -> list[dict[str, str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_id(backstory: Backstory, kind: str) -> dict[str, Any]:
    found = rows(backstory, kind).values()
    return {row.external.id: row for row in found if row.external is not None}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


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
        "deleted-accounts": (0, 8, 1, 1),
        "deleted-opportunities": (0, 10, 0, 0),
    }
    refused = {name: [(li.number, why) for li, why in r.in_order()] for name, r in reports.items()}
    [(line, why)] = refused["accounts"]
    assert line == 5
    assert why.startswith("exists already"), "two accounts are called Blue Test"
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
        ("tasks", "what_id", "about: there is no customer or opportunity or ticket"),
    ],
)
def test_everything_that_points_nowhere_is_reported(
    reports: dict[str, Report], name: str, column: str, field: str
) -> None:
    refused = {line.number for line, _ in reports[name].in_order()}
    said = {line.number: why for line, why in reports[name].dangling_in_order()}
    lines = dict(enumerate(table(FILES[name][1]), start=2))
    assert lines
    for number, row in lines.items():
        if row[column] and number not in refused:
            assert f"{field} {row[column]!r}" in said[number]


def test_what_was_entered_is_what_the_tables_say(
    backstory: Backstory, reports: dict[str, Report]
) -> None:
    users, customers = by_id(backstory, "users"), by_id(backstory, "customers")
    active = {user["id"]: user["is_active"] == "true" for user in table("sf_user_data")}
    assert {id: row.active for id, row in users.items()} == active
    for account in table("sf_account_data"):
        row = customers.get(account["id"])
        if row is not None:
            assert (row.name, row.created_at) == (account["name"], utc(account["_fivetran_synced"]))
            assert (row.archived_at is not None) == (account["is_deleted"] == "true")
            assert str(row.employees or "") == account["number_of_employees"]
    for task in table("sf_task_data"):
        planned = by_id(backstory, "tasks")[task["id"]]
        assert planned.due_at == utc(task["activity_date"])
        assert (planned.status == "completed") == (task["is_closed"] == "TRUE")
    for contact in table("sf_contact_data")[1:]:
        person = by_id(backstory, "contacts")[contact["id"]]
        told = (person.name, person.job_title, person.email or "")
        assert told == (contact["name"], contact["title"], contact["email"])


def test_replayed_opportunity_histories_agree_with_the_final_table(
    backstory: Backstory, reports: dict[str, Report]
) -> None:
    expected = json.loads((DATA / "expected.json").read_text())
    final = table("sf_opportunity_data")
    history = {row["id"]: row for row in table("sf_opportunity_history_data")}
    assert len(final) == expected["opportunities"]
    assert len(history) == expected["opportunity_history_rows"]
    opportunities = by_id(backstory, "opportunities")
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


def test_histories_alone_say_what_the_final_tables_say(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entered by name only, accounts and contacts become by their histories what they are."""
    monkeypatch.chdir(tmp_path)
    with opened(database_url) as backstory:
        for kind, name in (("customers", "account"), ("contacts", "contact")):
            mapping = tmp_path / f"{kind}.toml"
            mapping.write_text(ONLY_NAMES.format(kind=kind))
            imported(backstory, kind, DATA / f"sf_{name}_data.csv", mapping)
            assert counts(import_named(backstory, f"{name}-history"))[1] > 0
        customers = by_id(backstory, "customers")
        for account in table("sf_account_data"):
            row = customers.get(account["id"])
            if row is None:
                continue
            told = {"website": account["website"], "postcode": account["billing_postal_code"]}
            assert {n: getattr(row, n) or "" for n in told} == told
            kept = row.custom or {}
            assert kept.get("type", "") == account["type"]
            assert kept.get("industry", "") == account["industry"]
        for contact in table("sf_contact_data")[1:]:
            person = by_id(backstory, "contacts")[contact["id"]]
            assert (person.job_title, person.email or "") == (contact["title"], contact["email"])
        changed = [e for e in events(backstory) if e.TOPIC.endswith(".DetailsChanged")]
        starts = {
            utc(row["_fivetran_start"])
            for name in ("account", "contact")
            for row in table(f"sf_{name}_history_data")
        }
        assert {event.envelope.occurred_at for event in changed} <= starts
        assert len(changed) > 5


def test_importing_everything_again_changes_nothing(
    backstory: Backstory, reports: dict[str, Report]
) -> None:
    before = last(backstory)
    for name in FILES:
        again = import_named(backstory, name)
        assert counts(again)[:2] == (0, 0), name
        assert counts(again)[3] == counts(reports[name])[3], name
    assert last(backstory) == before
