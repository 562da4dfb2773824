"""Imports speak Chinese to whoever does: on the command line, and over HTTP."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters import registry
from adapters.cli.speaking import spoken_here
from adapters.importing.report import Report
from adapters.remarks import Remark
from adapters.texts import LANGUAGES, Texts
from tests.commandline import commands
from tests.importing import counts, imported, opened, read_csv, write_csv
from tests.service import Service, database, running

registry.load()
TEXTS = Texts()
CUSTOMERS = ["客户名称", "联系人", "电话", "行业", "成立日期"]
MAPPING = """
kind = "customers"
external = { system = "old-crm", id = "编号" }
[fields]
name = "客户"
founded_on = "成立"
industry = "行业"
annual_revenue = { column = "年收入", currency = "CNY" }
parent_id = { column = "上级", by = "name" }
phone = "总机"
[[then]]
command = "tag"
when = { "标签" = ["vip", "bad tag\\n"] }
fields.tags = "标签"
"""
HEADER = ["编号", "客户", "成立", "行业", "年收入", "上级", "总机", "标签"]
TECHNICAL = re.compile(
    r"[\w./\\-]*(\.csv|\.toml|/v1/)[\w./?=\\-]*|（[a-z_.]+[），]|--[a-z-]+|\[[0-9a-f-]{36}\]|KH-\d+-\d+"
    r"|[0-9a-f]{8}-[0-9a-f-]{27}|\b(CSV|UTF-8|GET|vip|software|mining|times|values|column|CNY|by"
    r"|backstory|mapping|import|customers|trim|true)\b|“[^”]*”|format: \S+|\d{4}-\d\d-\d\dT[\d:]+"
)
"""Names of files, fields, options, addresses and codes, and what stands in a file."""


def english(text: str) -> list[str]:
    """Words that are left of an English sentence."""
    return re.findall(r"[A-Za-z]{2,}", TECHNICAL.sub("", text))


@pytest.fixture
def run(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Any:
    """Runs the command in this process where people speak Chinese; answers exit code and text."""
    monkeypatch.delenv("BACKSTORY_LANGUAGE")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.chdir(tmp_path)
    of_command = commands(database_url, monkeypatch, capsys)

    def run(*arguments: str) -> tuple[int, str]:
        said = of_command(*arguments)
        return said.code, said.out + said.err

    return run


def row(**cells: str) -> list[str]:
    fitting = {"编号": "1", "客户": "甲有限公司", "行业": "software"}
    return [{**fitting, **cells}.get(name, "") for name in HEADER]


WRONG: dict[str, tuple[list[str], str]] = {
    "a date": (
        row(成立="昨天"),
        "成立日期（founded_on，列“成立”）：“昨天”不是 2026-03-01 这样的日期",
    ),
    "a day": (row(成立="2024-02-30"), "没有“2024-02-30”这一天"),
    "a code": (row(行业="mining"), "行业（industry）：字典“行业”中没有代码“mining”"),
    "a text for a code": (
        row(行业="采 矿"),
        "字典“行业”中没有代码“采 矿”：请在映射中该字段的 values",
    ),
    "a reference": (
        row(上级="乙有限公司"),
        "上级公司（parent_id，列“上级”）：没有客户“乙有限公司”",
    ),
    "a phone": (row(总机="x"), "电话（phone，列“总机”）：不是有效的电话号码"),
    "too few cells": (row()[:3], "有 3 个单元格，而表头有 8 个"),
    "a required field": (row(客户=""), "名称（name，列“客户”）：必须填写"),
}
"""What is wrong → the row, and how its reason begins or what it says."""


def told(report: Report, language: str) -> list[str]:
    return [TEXTS.told(said, language) for _, said in report.in_order()]


def test_a_refused_row_of_every_family_says_why_in_both_languages(
    database_url: str, tmp_path: Path
) -> None:
    lines = [cells for cells, _ in WRONG.values()]
    for number, cells in enumerate(lines):
        cells[0] = str(number)
    file = write_csv(tmp_path / "客户.csv", [HEADER, *lines])
    mapping = tmp_path / "m.toml"
    mapping.write_text(MAPPING, encoding="utf-8")
    with opened(database_url) as backstory:
        report = imported(backstory, "customers", file, mapping, language="zh")
        for (family, (_, expected)), reason in zip(WRONG.items(), told(report, "zh"), strict=True):
            assert expected in reason, family
            assert english(reason) == [], reason
        assert not any(re.search("[\u4e00-\u9fff]{2}", r.split("'")[0]) for r in told(report, "en"))
        written = read_csv(tmp_path / "客户.csv.refused.csv")
        assert [one["reason"] for one in written] == told(report, "zh"), "for whoever ran it"
        mended = write_csv(tmp_path / "m.csv", [HEADER, row(), row(行业="retail")])
        assert counts(imported(backstory, "customers", mended, mapping))[0] == 1
        differs = imported(backstory, "customers", mended, mapping)
    [reason] = told(differs, "zh")
    assert reason.startswith("已有记录 KH-")
    assert "行业（industry）" in reason
    assert english(reason) == []


def test_a_chinese_session_on_the_command_line(run: Any, tmp_path: Path) -> None:
    good = ["云泽青峰有限公司", "张三", "13800000001", "软件业", "2001-02-03"]
    bad = ["宁川机械有限公司", "李四", "x", "软件业", "2001-02-03"]
    write_csv(tmp_path / "客户.csv", [CUSTOMERS, good, bad])
    code, said = run("mapping", "customers", "客户.csv", "--out", "客户.toml")
    assert code == 0
    assert "\n电话 → 联系人电话（primary_contact.phone），在人名旁边：13800000001, x\n" in said
    assert english(said) == [], said
    code, said = run("import", "customers", "客户.csv", "--mapping", "客户.toml", "--dry-run")
    assert (code, english(said)) == (1, []), said
    assert said.startswith('CSV，编码 UTF-8，分隔符为 ","；共 5 列\n')
    assert (
        "共读取 2 行 = 新建 1 行，更新 0 行，跳过 0 行，拒绝 1 行（试运行：没有保存任何内容）"
        in said
    )
    assert "第 3 行：联系人电话（primary_contact.phone，列“电话”）：不是有效的电话号码" in said
    code, said = run("import", "customers", "客户.csv", "--mapping", "客户.toml")
    assert (code, "拒绝第 3 行：联系人电话" in said) == (1, True), said
    id = said.split()[-1]
    code, said = run("import", "--revert", id)
    assert (code, said) == (0, "撤回 2 条记录，0 条恢复原值，0 条保持不变\n")
    code, said = run("import", "customers", "客户.csv", "--language", "en", "--dry-run")
    assert "2 rows read = 1 created" in said


def test_what_is_to_be_decided_and_what_is_wrong_is_said_in_chinese(
    run: Any, tmp_path: Path
) -> None:
    awkward = [["客户名称", "行业", "天书", "年收入"], ["甲有限公司", "养蜂", "?", "12"]]
    write_csv(tmp_path / "c.csv", awkward)
    code, said = run("import", "customers", "c.csv")
    assert code == 2
    assert "有待确定：" in said
    assert "行业：“养蜂”代表字典“行业”（industry）中的哪个代码？" in said
    assert "金额是什么币种？" in said
    assert "没有找到与“天书”对应的字段" in said
    assert "没有导入任何内容" in said
    for arguments, expected in (
        (("import", "customers", "nowhere.csv"), "没有这个文件"),
        (("import", "dragons", "c.csv"), "“dragons”不能导入；可以导入：contacts"),
        (("import", "customers"), "请说明各行是什么"),
        (
            ("mapping", "customers", "c.csv", "--currency", "XYZ"),
            "不是 CNY 这样的 ISO 4217 币种代码",
        ),
    ):
        code, said = run(*arguments)
        assert (code, expected in said) == (2, True), said


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "zh_TW", "LANG": "de_DE"}, "zh"),
        ({"LC_ALL": "", "LANG": "zh"}, "zh"),
        ({"BACKSTORY_LANGUAGE": "zh", "LANG": "de_DE"}, "zh"),
        ({"BACKSTORY_LANGUAGE": "en", "LANG": "zh_CN"}, "en"),
        ({"BACKSTORY_LANGUAGE": "Klingon", "LANG": "zh_CN"}, "zh"),
    ],
)
def test_what_is_spoken_is_said_by_the_surroundings(
    environment: dict[str, str], language: str
) -> None:
    assert spoken_here(environment) == language


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


def test_over_http_the_reader_says_which_language(service: Service) -> None:
    content = "客户名称,行业,天书\n甲有限公司,养蜂,?\n".encode()
    said = {}
    for language in LANGUAGES:
        answer = service.client.post(
            "/v1/imports/suggest",
            files={"file": ("客户.csv", content)},
            data={"kind": "customers"},
            headers={"Accept-Language": language},
        )
        assert answer.headers["Content-Language"] == language
        said[language] = answer.json()
    assert said["zh"]["to_decide"][-1] == "没有找到与“天书”对应的字段"
    assert said["en"]["to_decide"][-1] == "no field was found for “天书”"
    assert "# 有待确定：行业：" in said["zh"]["toml"]
    assert said["zh"]["mapping"] == said["en"]["mapping"]
    refused = service.client.post(
        "/v1/imports",
        files={"file": ("客户.csv", b"%PDF-1.7")},
        data={"kind": "customers"},
        headers={"Accept-Language": "zh"},
    ).json()
    assert refused["errors"] == [
        {"field": "file", "message": "无法读取：客户.csv 是 PDF 文件；请另存为 .xlsx 或 CSV"}
    ]


def test_the_time_that_is_left_is_said_in_chinese() -> None:
    left = Remark("pace.rate", rate="1,200", left=Remark("pace.hours", hours=2, minutes=10))
    assert TEXTS.told(left, "zh") == "每秒 1,200 行，约需 2 小时 10 分钟"
