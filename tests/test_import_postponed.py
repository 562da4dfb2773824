"""Rows that name rows further down, or what is nowhere: every one of them is accounted for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.report import Report
from tests.importing import counts, imported, opened, rows, write_csv

MAPPING = """
kind = "customers"
external = { system = "old", id = "id" }
[fields]
name = "name"
parent_id = { column = "parent", by = "external" }
"""
NOTED = MAPPING.replace('by = "external"', 'by = "external", missing = "note"')


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


def take(backstory: Backstory, folder: Path, mapping: str, *lines: str) -> Report:
    """The report of rows of id and parent."""
    (folder / "m.toml").write_text(mapping, encoding="utf-8")
    said = [line.split(",") for line in lines]
    cells = [[id, f"第{id}号有限公司", parent] for id, parent in said]
    file = write_csv(folder / "c.csv", [["id", "name", "parent"], *cells])
    return imported(backstory, "customers", file, folder / "m.toml")


def entered(backstory: Backstory) -> dict[str, str | None]:
    """External id → that of the parent."""
    found = rows(backstory, "customers")
    ids = {id: row.external.id for id, row in found.items()}
    return {ids[id]: ids.get(row.parent_id) for id, row in found.items()}


def test_one_that_may_go_without_its_parent_does_and_is_reported(
    backstory: Backstory, tmp_path: Path
) -> None:
    lines = ("1,9", "2,1", "3,8", "4,5", "5,")
    report = take(backstory, tmp_path, NOTED, *lines)
    assert counts(report) == (5, 0, 0, 0)
    assert [(line.number, str(said)) for line, said in report.dangling_in_order()] == [
        (2, "parent_id: there is no customer '9'"),
        (4, "parent_id: there is no customer '8'"),
    ]
    assert entered(backstory) == {"1": None, "2": "1", "3": None, "4": "5", "5": None}


def test_a_row_that_waits_for_one_of_the_same_record_is_taken_though_that_is_refused(
    backstory: Backstory, tmp_path: Path
) -> None:
    report = take(backstory, tmp_path, MAPPING, "1,9", "1,", "2,1", "3,8", "4,2")
    assert counts(report) == (3, 0, 0, 2)
    assert entered(backstory) == {"1": None, "2": "1", "4": "2"}
    again = take(backstory, tmp_path, MAPPING, "1,9", "1,", "2,1", "3,8", "4,2")
    assert counts(again) == (0, 0, 3, 2)


def test_two_that_name_each_other_are_refused_and_go_without_where_they_may(
    backstory: Backstory, tmp_path: Path
) -> None:
    assert counts(take(backstory, tmp_path, MAPPING, "1,2", "2,1")) == (0, 0, 0, 2)
    assert counts(take(backstory, tmp_path, NOTED, "1,2", "2,1")) == (2, 0, 0, 0)
