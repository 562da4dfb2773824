"""Histories: what happened to a record, row by row, is replayed in the order of its rows."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.mapping import BadMapping
from adapters.importing.report import Report
from tests.importing import counts, events, imported, last, opened, read_csv, rows, write_csv
from tests.test_import_killed import run, run_until

HISTORY = """
kind = "tickets"
record = { made = "tickets" }
occurred_at = "at"
in_order = true
on_behalf_of = { column = "who", by = "login", missing = "note" }
[[also]]
kind = "tickets"
external = { system = "desk", id = "case" }
occurred_at = "at"
fields.subject = "case"
[[then]]
command = "record-status"
reason = "said"
[then.fields.status]
column = "said"
[then.fields.status.values]
new = "pending"
taken = "in_progress"
held = "waiting"
solved = "completed"
closed = "closed"
"""
HEADER = ["case", "at", "said", "who"]


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


@pytest.fixture
def take(backstory: Backstory, tmp_path: Path) -> Any:
    def taken(lines: list[list[str]], mapping: str = HISTORY, **options: Any) -> Report:
        (tmp_path / "m.toml").write_text(mapping, encoding="utf-8")
        file = write_csv(tmp_path / "history.csv", [HEADER, *lines])
        return imported(backstory, "tickets", file, tmp_path / "m.toml", **options)

    return taken


def told(backstory: Backstory) -> dict[str, list[tuple[str, bool]]]:
    """Case → what was said of it and whether it was irregular, in the order of the log."""
    names = {id: row.external.id for id, row in rows(backstory, "tickets").items()}
    found: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for event in events(backstory):
        if event.TOPIC == "Ticket.StatusRecorded":
            recorded: Any = event
            said = (str(event.envelope.reason), recorded.irregular)
            found[names[event.envelope.stream_id]].append(said)
    return found


def said(found: list[Any]) -> dict[int, str]:
    return {line.number: str(reason) for line, reason in found}


DAY = "2024-03-01T09:00:00+08:00"


def test_rows_of_a_case_that_lie_apart_are_replayed_in_their_order(
    backstory: Backstory, take: Any
) -> None:
    steps = ["new", "taken", "held", "taken", "solved", "closed"]
    cases = [f"工单 {n}" for n in range(300)]
    lines = [[case, DAY, step, "local"] for step in steps for case in cases]
    assert counts(take(lines)) == (300, 1_500, 0, 0)
    assert set(map(tuple, told(backstory).values())) == {tuple((step, False) for step in steps)}


def test_one_case_of_many_rows_at_one_moment(backstory: Backstory, take: Any) -> None:
    steps = ["new", *["taken", "held"] * 600]
    assert counts(take([["1", DAY, step, ""] for step in steps])) == (1, len(steps) - 1, 0, 0)
    assert [step for step, _ in told(backstory)["1"]] == steps
    again = take([["1", DAY, step, ""] for step in steps])
    assert counts(again) == (0, 0, len(steps), 0)


def test_who_did_it_is_with_the_event_and_who_is_not_there_is_reported(
    backstory: Backstory, take: Any
) -> None:
    report = take([["1", DAY, "new", "local"], ["1", DAY, "taken", "nobody"]])
    assert counts(report) == (1, 1, 0, 0)
    assert said(report.dangling_in_order()) == {3: "on_behalf_of: there is no user 'nobody'"}
    local = next(id for id, row in rows(backstory, "users").items() if row.login == "local")
    recorded = [e for e in events(backstory) if e.TOPIC == "Ticket.StatusRecorded"]
    assert [e.envelope.on_behalf_of for e in recorded] == [local, None]
    strict = HISTORY.replace(', missing = "note"', "")
    assert said(take([["2", DAY, "new", "nobody"]], strict).in_order()) == {
        2: "on_behalf_of: there is no user 'nobody'"
    }
    assert "2" not in told(backstory)


def test_after_a_refused_row_the_rest_of_its_case_waits_until_it_is_mended(
    backstory: Backstory, take: Any, tmp_path: Path
) -> None:
    lines = [
        ["1", DAY, "new", ""],
        ["2", DAY, "new", ""],
        ["1", DAY, "asleep", ""],
        ["2", DAY, "taken", ""],
        ["1", DAY, "taken", ""],
        ["1", "yesterday", "solved", ""],
        ["1", DAY, "closed", ""],
    ]
    report = take(lines)
    assert counts(report) == (2, 1, 0, 4)
    reasons = said(report.in_order())
    assert reasons[4].startswith("status: ")
    assert reasons[6] == reasons[8] == "record: of the same record, line 4 was refused"
    assert reasons[7].startswith("tickets.occurred_at: 'yesterday' is no date")
    assert told(backstory) == {"1": [("new", False)], "2": [("new", False), ("taken", False)]}
    refused = read_csv(tmp_path / "history.csv.refused.csv")
    mended = [[row[name] for name in HEADER] for row in refused]
    mended[0][2], mended[2][1] = "taken", DAY
    mended[1][2] = "held"
    assert counts(take(mended)) == (0, 4, 0, 0)
    assert told(backstory)["1"] == [
        (step, False) for step in ("new", "taken", "held", "solved")
    ] + [("closed", False)]


def test_a_row_whose_other_cells_cannot_be_read_stops_its_case_too(
    backstory: Backstory, take: Any
) -> None:
    lines = [["1", DAY, "new", ""], ["1", "yesterday", "taken", ""], ["1", DAY, "solved", ""]]
    assert said(take(lines).in_order())[4] == "record: of the same record, line 3 was refused"
    assert told(backstory) == {"1": [("new", False)]}


def test_a_case_that_does_not_begin_with_an_opening_is_kept_and_flagged(
    backstory: Backstory, take: Any
) -> None:
    assert counts(take([["1", DAY, "solved", ""], ["1", DAY, "new", ""]])) == (1, 1, 0, 0)
    assert told(backstory)["1"] == [("solved", True), ("new", True)]


def test_rows_out_of_the_order_of_time_are_kept_as_given_and_listed(
    backstory: Backstory, take: Any
) -> None:
    lines = [["1", DAY, "new", ""], ["1", "2024-02-01", "taken", ""], ["1", DAY, "solved", ""]]
    report = take(lines)
    assert counts(report) == (1, 2, 0, 0)
    assert said(report.suspicious_in_order()) == {
        3: "dated before an earlier row of the same record"
    }
    assert [step for step, _ in told(backstory)["1"]] == ["new", "taken", "solved"]


def test_the_same_row_twice_in_a_file_is_two_events_and_empty_cells_are_refused(
    backstory: Backstory, take: Any
) -> None:
    lines = [["1", DAY, "new", ""], ["1", DAY, "closed", ""], ["1", DAY, "closed", ""]]
    report = take([*lines, ["", DAY, "new", ""], ["3", DAY, "", ""]])
    assert counts(report) == (1, 2, 0, 2)
    assert set(said(report.in_order())) == {5, 6}
    assert told(backstory) == {"1": [("new", False), ("closed", True), ("closed", True)]}


def test_a_dry_run_gives_the_same_verdicts(backstory: Backstory, take: Any) -> None:
    lines = [["1", DAY, "new", ""], ["1", DAY, "asleep", ""], ["1", DAY, "closed", "nobody"]]
    before = last(backstory)
    rehearsed = take(lines, is_rehearsal=True)
    assert last(backstory) == before
    real = take(lines)
    assert counts(rehearsed) == counts(real) == (1, 0, 0, 2)
    assert said(rehearsed.in_order()) == said(real.in_order())


def test_a_mapping_whose_order_means_nothing_is_refused(take: Any) -> None:
    with pytest.raises(BadMapping, match="in_order goes with record"):
        take([], 'kind = "tickets"\nin_order = true\n[fields]\nsubject = "case"\n')


def test_killed_and_resumed_every_case_is_still_in_its_order(
    database_url: str, tmp_path: Path
) -> None:
    steps = ["new", "taken", "held", "taken", "solved", "closed"]
    lines = [[f"{n}", DAY, step, "local"] for step in steps for n in range(150)]
    (tmp_path / "m.toml").write_text(HISTORY, encoding="utf-8")
    file = write_csv(tmp_path / "history.csv", [HEADER, *lines])
    with opened(database_url) as backstory:
        begun = last(backstory)
    run_until(database_url, file, begun + 100, "tickets")
    run_until(database_url, file, begun + 600, "tickets", lost=False)
    run(database_url, file, "tickets")
    with opened(database_url) as backstory:
        found = Counter(map(tuple, told(backstory).values()))
        assert found == {tuple((step, False) for step in steps): 150}
        before = last(backstory)
        again = imported(backstory, "tickets", file, tmp_path / "m.toml")
        assert counts(again) == (0, 0, 900, 0)
        assert last(backstory) == before
