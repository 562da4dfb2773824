"""What an import says of itself counts all its runs: what an earlier one has entered is entered."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.jobs import Job, prepare, run
from adapters.importing.report import Report
from aggregates.importing import Import
from tests.importing import counts, opened, write_csv

HEADER = ["id", "name", "region", "stage"]
CUSTOMERS = """
kind = "customers"
external = { system = "resumed", id = "id" }
[fields]
name = "name"
region = "region"
"""
DEALS = """
kind = "opportunities"
record = { made = "deal" }
[[also]]
name = "deal"
kind = "opportunities"
external = { system = "resumed", id = "id" }
fields.title = "name"
[[then]]
command = "advance"
fields.stage = "stage"
"""


class Cut(Exception):
    """The run ends here, as if it were killed."""


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


@pytest.fixture
def take(backstory: Backstory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports rows; ``cut``: behind so many."""
    for module in ("running", "crew"):
        monkeypatch.setattr(f"adapters.importing.{module}.CHUNK", 2)

    def take(
        lines: list[list[str]], mapping: str = CUSTOMERS, *, cut: int | None = None, **options: Any
    ) -> Report:
        kind = "customers" if mapping is CUSTOMERS else "opportunities"
        path = write_csv(tmp_path / f"{kind}.csv", [HEADER, *lines])
        (tmp_path / "m.toml").write_text(mapping, encoding="utf-8")
        job = Job(kind, path, tmp_path / "m.toml", **options)
        prepared = prepare(job, backstory.timezone)

        def look(report: Report) -> None:
            if cut is not None and report.decided >= cut:
                raise Cut

        try:
            return run(backstory, prepared, look)[0]
        except Cut:
            return Report()

    return take


def recorded(backstory: Backstory, report: Report) -> tuple[int, ...]:
    """What its record says: read, created, updated, skipped, refused."""
    assert report.import_id is not None
    events = backstory.mapper.read_all(backstory.log.stream(report.import_id))
    *_, end = (event for event in events if isinstance(event, Import.Finished))
    return (
        *(end.rows_read, end.rows_created, end.rows_updated, end.rows_skipped, end.rows_refused),
    )


def rows(many: int, region: str = "华东") -> list[list[str]]:
    return [[str(n), f"云泽{n}号有限公司", region, ""] for n in range(many)]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_entered_before_it_was_cut_off_is_entered(
    backstory: Backstory, take: Any, workers: int
) -> None:
    lines = [*rows(9), ["", "", "", ""], rows(1)[0]]
    take(lines, cut=4)
    report = take(lines, workers=workers)
    assert counts(report)[0] < 9
    assert sum(counts(report)) == 11
    assert recorded(backstory, report) == (11, 9, 0, 1, 1), "one is there twice, one lacks all"
    assert recorded(backstory, take(lines)) == (11, 9, 0, 1, 1)
    assert len(backstory.log.stream(report.import_id)) == 2, "nothing new is said again"


def test_who_was_refused_has_not_entered_what_another_row_has(
    backstory: Backstory, take: Any
) -> None:
    first, *others = rows(3)
    lines = [first, ["1", first[1], "华东", ""], *others]  # The name is the first one's.
    take(lines, cut=3)
    report = take(lines)
    assert recorded(backstory, report) == (4, 3, 0, 0, 1)


def test_each_is_counted_once_however_many_processes_go_on(
    backstory: Backstory, take: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.importing.crew.BATCH", 5)
    lines = [*rows(120), *rows(120)]
    take(lines, cut=100)
    assert recorded(backstory, take(lines, workers=3)) == (240, 120, 0, 120, 0)
    again = take(lines, workers=3)
    assert (again.in_all["created"], again.in_all["skipped"]) == (120, 120)


def test_one_that_was_not_cut_off_says_what_it_did(backstory: Backstory, take: Any) -> None:
    report = take(rows(5))
    assert (counts(report), report.sum_in_all) == ((5, 0, 0, 0), None)
    longer = take(rows(7))
    assert counts(longer) == (2, 0, 5, 0), "what another import has entered is skipped"
    assert (recorded(backstory, longer), longer.sum_in_all) == ((7, 2, 0, 5, 0), None)


def test_what_was_brought_up_to_date_before_it_was_cut_off_is_updated(
    backstory: Backstory, take: Any
) -> None:
    take(rows(6))
    lines = [*rows(6, "华北"), rows(1, "华北")[0]]
    take(lines, cut=4, on_duplicate="update")
    report = take(lines, on_duplicate="update")
    assert counts(report)[1] < 6
    assert recorded(backstory, report) == (7, 0, 6, 1, 0)


def test_rows_of_one_record_count_one_by_one(backstory: Backstory, take: Any) -> None:
    stages = ("first_contact", "proposal", "negotiating")
    lines = [[str(n), f"第 {n} 单", "", stage] for stage in stages for n in range(3)]
    take(lines, DEALS, cut=4)
    report = take(lines, DEALS)
    assert counts(report)[2] > 0
    assert recorded(backstory, report) == (9, 3, 6, 0, 0)
    assert str(report.sum_in_all) == ("9 rows read = 3 created, 6 updated, 0 skipped, 0 refused")
