"""A help desk's whole history, replayed event by event: in its order, by whom, under which name."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.mapping import load
from adapters.importing.report import Report
from aggregates.events import Event
from aggregates.ticket_status import LEADS
from tests.importing import counts, events, imported, last, opened, rows

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT.parent / "shared/data/helpdesk-italian/Helpdesk.csv"
MAPPING = ROOT / "docs/mappings/helpdesk-italian.toml"
CASES, EVENTS = 4_580, 21_348

pytestmark = [
    pytest.mark.skipif(not FILE.exists(), reason=f"{FILE} is not here"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def backstory(module_database_url: str) -> Iterator[Backstory]:
    with opened(module_database_url) as backstory:
        yield backstory


@pytest.fixture(scope="module")
def report(backstory: Backstory) -> Report:
    return imported(backstory, "tickets", FILE, MAPPING)


@pytest.fixture(scope="module")
def cases() -> Mapping[str, list[dict[str, str]]]:
    """What the file says of each case, in its order."""
    found = defaultdict(list)
    with FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["case:concept:name"]].append(row)
    return found


@pytest.fixture(scope="module")
def told(backstory: Backstory, report: Report) -> Mapping[Any, list[Any]]:
    """The events of each ticket in the log, by the ticket's id."""
    found: dict[Any, list[Event]] = defaultdict(list)
    for event in events(backstory):
        if event.TOPIC.startswith("Ticket."):
            found[event.envelope.stream_id].append(event)
    return found


def test_every_row_is_entered(report: Report) -> None:
    assert counts(report) == (CASES, EVENTS - CASES, 0, 0)
    assert report.parts == {"tickets": CASES, "users": 22}
    assert not report.suspicious, "no case is out of the order of time in the file"


def test_each_ticket_has_its_events_in_the_given_order_equal_times_included(
    backstory: Backstory, told: Mapping[Any, list[Any]], cases: Mapping[str, list[dict[str, str]]]
) -> None:
    step = load(MAPPING).then[0]
    status = step.fields["status"].values
    users = {id: row.name for id, row in rows(backstory, "users").items()}
    variants, equal = set(), 0
    for first, *recorded in told.values():
        case = cases[first.external.id]
        assert first.TOPIC == "Ticket.Opened"
        assert [
            (e.status, e.envelope.reason, users[e.envelope.on_behalf_of], e.envelope.occurred_at)
            for e in recorded
        ] == [
            (
                status[row["Activity"]],
                row["Activity"],
                row["Resource"],
                datetime.fromisoformat(row["time:timestamp"]),
            )
            for row in case
        ]
        times = [e.envelope.occurred_at for e in recorded]
        assert times == sorted(times)
        assert first.envelope.occurred_at == times[0]
        equal += len(set(times)) < len(times)
        variants.add(tuple(e.envelope.reason for e in recorded))
    assert len(told) == len(cases) == CASES
    assert sum(len(of) for of in told.values()) == CASES + EVENTS
    assert (equal, len(variants)) == (129, 226)


def test_what_nobody_here_could_have_done_is_flagged(told: Mapping[Any, list[Any]]) -> None:
    flagged: Counter[str] = Counter()
    for _, *recorded in told.values():
        before = ["pending", *(e.status for e in recorded)]
        expected = [to not in LEADS[was] for was, to in pairwise(before)]
        expected[0] &= recorded[0].status != "pending"
        assert [e.irregular for e in recorded] == expected
        flagged.update(e.status for e in recorded if e.irregular)
    assert flagged == {
        "pending": 554,
        "completed": 519,
        "waiting": 255,
        "in_progress": 111,
        "closed": 15,
    }


def test_a_case_read_by_hand(
    backstory: Backstory, told: Mapping[Any, list[Any]], report: Report
) -> None:
    tickets = {row.external.id: row for row in rows(backstory, "tickets").values()}
    ticket = tickets["Case3608"]
    assert (ticket.status, ticket.subject, ticket.custom["variant"]) == (
        *("closed", "Case3608"),
        "Variant 33",
    )
    assert ticket.opened_at == datetime.fromisoformat("2010-01-13T08:40:25+02:00")
    assert ticket.completed_at == datetime.fromisoformat("2010-01-29T08:52:34+02:00")
    _, *recorded = told[ticket.id]
    assert [(e.envelope.reason, e.irregular) for e in recorded] == [
        ("Assign seriousness", False),
        ("Take in charge ticket", False),
        ("Resolve ticket", False),
        ("Closed", False),
        ("Closed", True),  # the same once more, at the same moment
    ]
    assert Counter(row.status for row in tickets.values()) == {
        "closed": 4557,
        "completed": 11,
        "waiting": 11,
        "in_progress": 1,
    }


def test_importing_it_again_changes_nothing(backstory: Backstory, report: Report) -> None:
    before = last(backstory)
    again = imported(backstory, "tickets", FILE, MAPPING)
    assert counts(again) == (0, 0, EVENTS, 0)
    assert last(backstory) == before
