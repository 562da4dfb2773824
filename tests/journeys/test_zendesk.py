"""A help desk's tables go in by commands: what points nowhere is said, every day is right."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.report import Report
from tests.importing import counts, events, last, rows
from tests.journeys.exported_tables import Tables, apart, by_external_id, utc

TABLES = Tables(
    "zendesk",
    {
        "organizations": ("customers", "organization_data"),
        "users": ("users", "user_data"),
        "contacts": ("contacts", "user_data"),
        "tickets": ("tickets", "ticket_data"),
        "ticket-history": ("tickets", "ticket_field_history_data"),
        "ticket-status": ("tickets", "ticket_data"),
        "comments": ("tickets", "ticket_comment_data"),
    },
)
STATUS = {
    "new": "pending",
    "open": "in_progress",
    "pending": "waiting",
    "on-hold": "waiting",
    "solved": "completed",
    "closed": "closed",
    "deleted": "closed",
}
PRIORITY = {"normal": "normal", "medium": "normal", "high": "important", "urgent": "urgent"}

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


@pytest.fixture(scope="module")
def tickets(backstory: Backstory, reports: dict[str, Report]) -> dict[str, Any]:
    return by_external_id(backstory, "tickets")


def external_ids(backstory: Backstory, kind: str) -> dict[Any, str]:
    return {id: row.external.id for id, row in rows(backstory, kind).items() if row.external}


def test_every_row_is_entered_or_said_to_point_nowhere(reports: dict[str, Report]) -> None:
    tickets = {row["id"] for row in TABLES.rows("ticket_data")}
    history, comments = TABLES.rows("ticket_field_history_data"), TABLES.rows("ticket_comment_data")
    lost = [row for row in history if row["ticket_id"] not in tickets]
    assert len({row["ticket_id"] for row in lost}) == 16
    assert not tickets & {row["ticket_id"] for row in comments}
    agents = sum(row["role"] == "agent" for row in TABLES.rows("user_data"))
    assert {name: counts(report) for name, report in reports.items()} == {
        "organizations": (10, 0, 0, 0),
        "users": (agents, 0, 10 - agents, 0),
        "contacts": (10 - agents, 0, agents, 0),
        "tickets": (10, 0, 0, 0),
        "ticket-history": (0, 17, 2, len(lost)),  # medium is normal, the requester is the same
        "ticket-status": (0, 9, 1, 0),  # one is by its history as it stands today
        "comments": (0, 0, 0, len(comments)),
    }
    said = [str(reason) for _, reason in reports["ticket-history"].in_order()]
    assert said == [f"record: there is no ticket {row['ticket_id']!r}" for row in lost]


def test_what_was_entered_without_its_organization_or_requester_is_reported(
    reports: dict[str, Report], tickets: dict[str, Any]
) -> None:
    known = {row["id"] for row in TABLES.rows("organization_data")}
    people = {row["id"] for row in TABLES.rows("user_data") if row["role"] == "end-user"}
    without = {
        line: [
            *(("customer", t["organization_id"]) for _ in "x" if t["organization_id"] not in known),
            *(("contact", t["requester_id"]) for _ in "x" if t["requester_id"] not in people),
        ]
        for line, t in enumerate(TABLES.rows("ticket_data"), start=2)
    }
    expected = {
        line: "; ".join(f"{kind}_id: there is no {kind} {id!r}" for kind, id in missing if id)
        for line, missing in without.items()
    }
    reported = {line.number: str(said) for line, said in reports["tickets"].dangling_in_order()}
    assert reported == {line: said for line, said in expected.items() if said}
    assert len(reported) == 9
    assert all("customer_id" in row.incomplete for row in tickets.values())


def test_replayed_histories_agree_with_the_final_table(
    backstory: Backstory, tickets: dict[str, Any]
) -> None:
    expected = json.loads((TABLES.folder / "expected.json").read_text())
    history = TABLES.rows("ticket_field_history_data")
    assert len(history) == expected["field_history_rows"]
    assert Counter(row["field_name"] for row in history) == expected["fields"]
    names = external_ids(backstory, "users") | external_ids(backstory, "contacts")
    compared = 0
    for final in TABLES.rows("ticket_data"):
        row = tickets[final["id"]]
        assert row.status == STATUS[final["status"]]
        assert (row.subject, row.description) == (final["subject"], final["description"])
        assert row.created_at == utc(final["created_at"])
        told = {h["field_name"] for h in history if h["ticket_id"] == final["id"]}
        compared += len(told)
        if told:
            assert row.priority == PRIORITY[final["priority"]]
            assert names[row.owner_id] == final["assignee_id"]
            assert names[row.contact_id] == final["requester_id"]
    assert compared == 4


def test_each_change_is_in_the_log_on_its_day_and_out_of_order_where_it_was(
    backstory: Backstory, reports: dict[str, Report], tickets: dict[str, Any]
) -> None:
    history = [
        row for row in TABLES.rows("ticket_field_history_data") if row["ticket_id"] == "11071"
    ]
    told = [
        (utc(row["updated"]), STATUS[row["value"]]) for row in history if "status" in row.values()
    ]
    id = tickets["11071"].id
    found = [e for e in events(backstory) if e.TOPIC == "Ticket.StatusRecorded"]
    of_it: list[Any] = [event for event in found if event.envelope.stream_id == id]
    assert [(e.envelope.occurred_at, e.status) for e in of_it] == told
    before = ["pending", *(status for _, status in told)]
    assert [e.irregular for e in of_it] == [a == b for a, b in pairwise(before)]
    others: list[Any] = [event for event in found if event.envelope.stream_id != id]
    assert all(event.irregular for event in others), (
        "closed or solved, and nothing between is known"
    )
    assert {e.envelope.origin for e in found} == {"import"}


def test_importing_everything_again_changes_nothing(
    backstory: Backstory, reports: Mapping[str, Report]
) -> None:
    before = last(backstory)
    again = TABLES.enter_all(backstory)
    assert last(backstory) == before
    for name, report in again.items():
        created, updated, _, refused = counts(report)
        assert (created, updated) == (0, 0), name
        assert refused == counts(reports[name])[3]
        assert report.dangling_in_order() == reports[name].dangling_in_order()
