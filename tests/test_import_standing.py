"""Tickets of which a file says where they stand: the step that records it."""

import tomllib
from pathlib import Path

import pytest

from adapters.importing.choosing import Hints, suggested
from adapters.importing.coding import declared
from adapters.importing.mapping import Mapping
from adapters.importing.showing import columns, text
from adapters.importing.suggesting import Suggestion
from tests.importing import counts, imported, opened, rows, write_csv
from tests.test_import_cards import SHANGHAI


def of(path: Path, *lines: list[str], **hints: object) -> Suggestion:
    hinted = Hints(system="desk", **hints)  # type: ignore[arg-type]
    return suggested("tickets", write_csv(path, lines), hinted, declared, SHANGHAI)


def read(path: Path, heading: str, *statuses: str) -> dict[str, str]:
    """Text → status, as the suggested step takes them."""
    found = of(path, ["主题", heading], *(["漏油", status] for status in statuses))
    assert [one for one in found.to_decide if heading in str(one)] == []
    [step] = found.mapping.then
    assert step.command == "record-status"
    values = step.fields["status"].values
    return {text: str(values.get(text, text)) for text in statuses}


@pytest.mark.parametrize(
    ("heading", "stands_for"),
    [
        ("状态", {"待处理": "pending", "处理中": "in_progress", "已解决": "completed"}),
        ("工单状态", {"新建": "pending", "挂起": "waiting", "已关闭": "closed"}),
        ("Status", {"New": "pending", "Open": "in_progress", "On hold": "waiting"}),
        ("Ticket Status", {"Open": "pending", "Closed": "closed"}),
        ("status", {"open": "pending", "pending": "waiting", "solved": "completed"}),
        ("State", {"pending": "pending", "in_progress": "in_progress", "completed": "completed"}),
    ],
)
def test_what_is_written_for_each_status(
    heading: str, stands_for: dict[str, str], tmp_path: Path
) -> None:
    assert read(tmp_path / "t.csv", heading, *stands_for) == stands_for


@pytest.mark.parametrize("custom", [False, True])
def test_tickets_stand_where_the_file_says_since_it_says_so(
    custom: bool, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    header = ["工单编号", "主题", "提交时间", "状态", "关闭时间"]
    found = of(
        path,
        header,
        ["1", "漏油", "2026-03-01", "已关闭", "2026-03-05"],
        ["2", "异响", "2026-03-02", "处理中", ""],
        ["3", "停机", "2026-03-03", "待处理", ""],
        ["4", "过热", "2026-03-04", "", ""],
        with_custom=custom,
    )
    assert found.to_decide == []
    shown = {column["column"]: column["step"] for column in columns(found, str)}
    assert shown["状态"] == shown["关闭时间"] == "record-status"
    assert "Not imported" not in text(found)
    with opened(database_url) as backstory:
        for expected in ((4, 0, 0, 0), (0, 0, 4, 0)):
            report = imported(backstory, "tickets", path, found.mapping)
            assert counts(report) == expected, report.refusals
        known = {row.subject: row for row in rows(backstory, "tickets").values()}
        zone = backstory.timezone
    assert {subject: row.status for subject, row in known.items()} == {
        "漏油": "closed",
        "异响": "in_progress",
        "停机": "pending",
        "过热": "pending",
    }
    assert known["漏油"].closed_at.astimezone(zone).date().isoformat() == "2026-03-05"


def test_a_status_that_nobody_knows_is_asked_about(tmp_path: Path) -> None:
    found = of(tmp_path / "t.csv", ["主题", "状态"], ["a", "已关闭"], ["b", "搁浅"])
    [asked] = [one for one in found.to_decide if str(one).startswith("状态: ")]
    assert str(asked).startswith(
        "状态: where does a ticket stand that is “搁浅”? There are: pending (待处理"
    )
    assert found.mapping.then == []
    written = text(found)
    assert Mapping.model_validate(tomllib.loads(written)) == found.mapping
    assert '# command = "record-status"' in written


def test_a_column_that_says_something_else_is_none(tmp_path: Path) -> None:
    found = of(tmp_path / "t.csv", ["主题", "状态"], ["a", "良好"], ["b", "一般"])
    assert "no field was found for “状态”" in map(str, found.to_decide)
    assert (found.mapping.then, found.steps) == ([], ())
