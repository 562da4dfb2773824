"""Opportunities that a file says are won or lost: the steps that make them so."""

import tomllib
from datetime import date
from pathlib import Path

import pytest

from adapters.importing.choosing import Hints, suggested
from adapters.importing.coding import declared
from adapters.importing.mapping import Mapping
from adapters.importing.showing import text
from adapters.importing.suggesting import Suggestion
from tests.importing import counts, imported, opened, rows, write_csv
from tests.test_import_cards import SHANGHAI

HEADER = ["商机名称", "金额", "阶段", "赢单日期"]
LINES = [
    ["三台加工中心", "860000", "赢单", "2026-03-01"],
    ["一台机床", "120000", "谈判", ""],
    ["二手设备", "50000", "赢单 ", "2026-04-01"],
]


def of(path: Path, *lines: list[str], **hints: object) -> Suggestion:
    hinted = Hints(currency="CNY", **hints)  # type: ignore[arg-type]
    return suggested("opportunities", write_csv(path, lines), hinted, declared, SHANGHAI)


@pytest.mark.parametrize("custom", [False, True])
def test_where_a_column_says_on_which_day_they_are_won(
    custom: bool, database_url: str, tmp_path: Path
) -> None:
    found = of(tmp_path / "o.csv", HEADER, *LINES, with_custom=custom)
    assert [one for one in map(str, found.to_decide) if "customer_id" not in one] == []
    assert [step.command for step in found.mapping.then] == ["win"]
    with opened(database_url) as backstory:
        report = imported(backstory, "opportunities", tmp_path / "o.csv", found.mapping)
        assert counts(report) == (3, 0, 0, 0), report.refusals
        known = {r.title: (r.stage, r.won_on) for r in rows(backstory, "opportunities").values()}
    assert known == {
        "三台加工中心": ("won", date(2026, 3, 1)),
        "一台机床": ("negotiating", None),
        "二手设备": ("won", date(2026, 4, 1)),
    }


def test_won_and_lost_have_a_day_each_or_share_one(tmp_path: Path) -> None:
    each = of(
        tmp_path / "a.csv",
        ["商机名称", "Stage", "Won date", "Lost date"],
        ["a", "Closed Won", "2026-03-01", ""],
        ["b", "Closed Lost", "", "2026-03-02"],
    )
    shared = of(
        tmp_path / "b.csv",
        ["商机名称", "Stage", "Close date"],
        ["a", "成交", "2026-03-01"],
        ["b", "输单", "2026-03-02"],
    )
    days = [[next(iter(s.fields.values())).column for s in f.mapping.then] for f in (each, shared)]
    assert days == [["Won date", "Lost date"], ["Close date", "Close date"]]
    assert all(
        f.mapping.then[1].fields["lost_reason"].constant == "not_recorded" for f in (each, shared)
    )


def test_why_one_was_lost_is_what_a_column_says(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    found = of(
        path,
        ["商机名称", "阶段", "关闭时间", "丢单原因"],
        ["a", "输单", "2026-03-01", "价格太高"],
        ["b", "输单", "2026-03-02", "选择了竞争对手"],
        ["c", "输单", "2026-03-03", ""],
        ["d", "谈判", "", ""],
    )
    assert [one for one in found.to_decide if "customer_id" not in str(one)] == []
    assert "Not imported" not in text(found)
    with opened(database_url) as backstory:
        report = imported(backstory, "opportunities", path, found.mapping)
        assert counts(report) == (4, 0, 0, 0), report.refusals
        why = {r.title: r.lost_reason for r in rows(backstory, "opportunities").values()}
    assert why == {"a": "price", "b": "competitor", "c": "not_recorded", "d": None}


def test_a_reason_that_nobody_knows_is_asked_about(tmp_path: Path) -> None:
    header = ["商机名称", "阶段", "关闭时间", "Lost reason"]
    found = of(tmp_path / "o.csv", header, ["a", "输单", "2026-03-01", "天晓得"])
    said = "Lost reason: which code of “lost_reason” does “天晓得” stand for?"
    assert any(str(one).startswith(said) for one in found.to_decide)


def test_where_no_column_says_so_the_steps_stand_ready_to_be_completed(tmp_path: Path) -> None:
    found = of(
        tmp_path / "o.csv", ["商机名称", "阶段"], ["a", "赢单"], ["b", "输单"], ["c", "谈判"]
    )
    assert found.mapping.then == []
    assert any(
        one.startswith("阶段: on which day “赢单”, “输单”?") for one in map(str, found.to_decide)
    )
    written = text(found)
    assert Mapping.model_validate(tomllib.loads(written)) == found.mapping
    head, _, steps = written.partition("# [[then]]")
    uncommented = "\n".join(
        line.removeprefix("# ").removeprefix("#") for line in steps.splitlines()
    )
    whole = Mapping.model_validate(tomllib.loads(f"{head}[[then]]{uncommented}"))
    assert [step.command for step in whole.then] == ["win", "lose"]


def test_a_stage_that_nobody_knows_is_asked_about_first(tmp_path: Path) -> None:
    found = of(tmp_path / "o.csv", ["商机名称", "阶段"], ["a", "赢单"], ["b", "天晓得"])
    assert any(
        "which code of “stage” does “天晓得” stand for?" in one for one in map(str, found.to_decide)
    )
    assert not found.mapping.then


def test_one_that_is_won_nobody_knows_when_is_not_won_in_silence(
    database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "o.csv"
    found = of(path, HEADER, *LINES, ["没有日期", "1", "赢单", ""])
    with opened(database_url) as backstory:
        report = imported(backstory, "opportunities", path, found.mapping)
        known = {r.title: r.stage for r in rows(backstory, "opportunities").values()}
    assert counts(report) == (3, 0, 0, 1)
    assert "没有日期" not in known


def test_columns_of_tickets(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "t.csv",
        [["Ticket No", "Subject", "Opened"], ["7", "漏油", "2026-03-01"]],
    )
    hints = Hints(system="desk")
    mapping = suggested("tickets", path, hints, declared, SHANGHAI).mapping
    assert mapping.external is not None
    assert mapping.external.id.column == "Ticket No"
    assert mapping.occurred_at is not None
    assert mapping.occurred_at.column == "Opened"
