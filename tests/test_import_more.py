"""Files that tell more of records that are there, and rows that go without what points nowhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.mapping import BadMapping
from adapters.importing.report import Report
from tests.importing import counts, events, imported, last, opened, rows, write_csv

TICKETS = """
kind = "tickets"
external = { system = "desk", id = "id" }
occurred_at = "opened"
[fields]
subject = "subject"
kind = { constant = "request" }
priority = { constant = "normal" }
customer_id = { column = "company", by = "name", missing = "note" }
contact_id = { column = "person", by = "external", missing = "note" }
"""
COMMENTS = """
kind = "tickets"
record = { column = "ticket", by = "external", system = "desk" }
identity = { column = "id" }
occurred_at = "at"
unless = { text = "" }
[[then]]
command = "comment"
fields.text = "text"
"""
TODAY = """
kind = "tickets"
record = { column = "id", by = "external", system = "desk" }
[[then]]
command = "assign"
unless = { owner = "" }
if_differs = true
fields.owner_id = { column = "owner", by = "login", missing = "note" }
[[then]]
command = "record-status"
when = { status = ["pending", "closed"] }
if_differs = true
fields.status = "status"
"""
OPENED = [
    ["id", "opened", "subject", "company", "person"],
    ["1", "2024-03-01", "打印机不工作", "", ""],
    ["2", "2024-03-02", "网络断了", "没有这家公司", "p9"],
]


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


class Folder:
    """Where files and mappings lie."""

    def __init__(self, backstory: Backstory, path: Path) -> None:
        self.backstory, self.path = backstory, path
        self.opened = self.take(TICKETS, OPENED)

    def take(self, mapping: str, lines: list[list[str]], **options: Any) -> Report:
        (self.path / "mapping.toml").write_text(mapping, encoding="utf-8")
        file = write_csv(self.path / "file.csv", lines)
        return imported(self.backstory, "tickets", file, self.path / "mapping.toml", **options)

    def tickets(self) -> dict[str, Any]:
        return {row.external.id: row for row in rows(self.backstory, "tickets").values()}


@pytest.fixture
def folder(backstory: Backstory, tmp_path: Path) -> Folder:
    return Folder(backstory, tmp_path)


def said(found: list[Any]) -> dict[int, str]:
    return {line.number: str(reason) for line, reason in found}


def test_what_is_not_there_is_gone_without_and_reported(folder: Folder) -> None:
    report = folder.opened
    assert counts(report) == (2, 0, 0, 0)
    assert said(report.dangling_in_order()) == {
        3: "customer_id: there is no customer '没有这家公司'; contact_id: there is no contact 'p9'"
    }
    assert folder.tickets()["2"].incomplete == ("customer_id",)
    assert folder.tickets()["1"].incomplete == ("customer_id",)


def test_a_file_of_comments_tells_more_of_tickets_that_are_there(folder: Folder) -> None:
    lines = [
        ["id", "ticket", "at", "text"],
        ["c1", "1", "2024-03-03T10:00:00+08:00", "先重启试试"],
        ["c2", "9", "2024-03-03T10:00:00+08:00", "谁的？"],
        ["c3", "1", "2024-03-02T10:00:00+08:00", "收到"],
        ["c4", "2", "2024-03-02T10:00:00+08:00", ""],
        ["c5", "", "2024-03-02T10:00:00+08:00", "无主"],
    ]
    report = folder.take(COMMENTS, lines)
    assert counts(report) == (0, 2, 1, 2)
    assert said(report.in_order()) == {
        3: "record: there is no ticket '9'",
        6: "record: is required",
    }
    row = folder.tickets()["1"]
    assert row.comments == 2
    assert row.first_response_at.isoformat() == "2024-03-02T02:00:00+00:00"
    before = last(folder.backstory)
    again = folder.take(COMMENTS, [lines[0], *reversed(lines[1:])])
    assert counts(again) == (0, 0, 3, 2), "a comment is the same wherever it stands in the file"
    assert last(folder.backstory) == before


def test_a_dry_run_says_the_same_of_them_and_stores_nothing(folder: Folder) -> None:
    before = last(folder.backstory)
    lines = [["id", "ticket", "at", "text"], ["c1", "1", "2024-03-03", "好"], ["c2", "7", "", "?"]]
    assert counts(folder.take(COMMENTS, lines, is_rehearsal=True)) == (0, 1, 0, 1)
    assert last(folder.backstory) == before


def test_a_step_is_made_only_where_the_record_differs(folder: Folder) -> None:
    header = ["id", "status", "owner"]
    first = folder.take(TODAY, [header, ["1", "pending", ""], ["2", "closed", "nobody"]])
    assert counts(first) == (0, 1, 1, 0)
    assert said(first.dangling_in_order()) == {3: "owner_id: there is no user 'nobody'"}
    recorded: list[Any] = [
        e for e in events(folder.backstory) if e.TOPIC == "Ticket.StatusRecorded"
    ]
    assert [(e.status, e.irregular) for e in recorded] == [("closed", True)]
    second = folder.take(TODAY, [header, ["1", "closed", "local"], ["2", "closed", "local"]])
    assert counts(second) == (0, 2, 0, 0)
    assert {row.status for row in folder.tickets().values()} == {"closed"}
    assert all(row.owner_id for row in folder.tickets().values())


def test_a_row_that_no_step_is_for_is_refused(folder: Folder) -> None:
    report = folder.take(TODAY, [["id", "status", "owner"], ["1", "asleep", ""]])
    assert said(report.in_order()) == {2: "record: no step of the mapping is for this row"}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ('kind = "tickets"\n', "needs either fields"),
        ('kind = "tickets"\nrecord = "id"\n', "goes with then"),
        ('kind = "tickets"\nrecord = "id"\n[fields]\nsubject = "id"\n', "needs either fields"),
        (TODAY.replace('"desk"', '"desk", missing = "invent"'), "missing: must be one of"),
        (TODAY.replace("status = [", "nothing = ["), "no column 'nothing'"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(folder: Folder, wrong: str, reason: str) -> None:
    with pytest.raises(BadMapping, match=reason):
        folder.take(wrong, [["id", "status", "owner"]])
