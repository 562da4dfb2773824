"""Importing without a mapping: what is certain is imported, what is not is asked about."""

import csv
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import xlsxwriter

from adapters.cli import main
from adapters.importing import mapping
from adapters.importing.coding import Codes, entries
from adapters.seeds import LOCAL
from commands.base import COMMANDS
from commands.requests import Caller, Request
from tests.importing import SECRET, opened, rows

HEADER = ["客户名称", "联系人", "电话", "行业", "来源"]
SHEET = [
    HEADER,
    ["北屿机械有限公司", "张三", "13800000001", "制造业", "展会"],
    ["云泽软件有限公司", "李四", "010-62581234", "软件业", "官网"],
    ["南棠物流有限公司", "王五", "13900000002", "物流", "客户介绍"],
]


@pytest.fixture(autouse=True)
def surroundings(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BACKSTORY_DATABASE_URL", database_url)
    monkeypatch.setenv("BACKSTORY_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def sheet(folder: Path, rows: Sequence[Sequence[str]] = SHEET) -> str:
    """A spreadsheet as a Chinese Excel saves it: GB18030, lines ending as on Windows."""
    path = folder / "客户.csv"
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(rows)
    return str(path)


def customers(database_url: str) -> dict[str, tuple[str, str]]:
    """Name → industry and source."""
    with opened(database_url) as backstory:
        found = rows(backstory, "customers").values()
    return {row.name: (row.industry, row.source) for row in found}


EXPECTED = {
    "北屿机械有限公司": ("manufacturing", "exhibition"),
    "云泽软件有限公司": ("software", "website"),
    "南棠物流有限公司": ("logistics", "referral"),
}


def test_a_chinese_spreadsheet_is_in_with_three_commands_and_no_mapping_by_hand(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = sheet(tmp_path)
    assert run("mapping", "customers", file, "--out", "客户.toml") == 0
    assert run("import", "customers", file, "--mapping", "客户.toml", "--dry-run") == 0
    assert customers(database_url) == {}
    assert run("import", "customers", file, "--mapping", "客户.toml") == 0
    assert "3 rows read = 3 created" in capsys.readouterr().out
    assert customers(database_url) == EXPECTED
    with opened(database_url) as backstory:
        contacts = {(c.name, c.phone) for c in rows(backstory, "contacts").values()}
    assert contacts == {(row[1], row[2]) for row in SHEET[1:]}


def test_where_every_column_is_certain_no_mapping_is_needed(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", "customers", sheet(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "客户名称 → name (another word for it): 北屿机械有限公司, " in out
    assert "    软件业 = software\n" in out
    assert customers(database_url) == EXPECTED


def test_where_one_is_not_nothing_is_imported_and_what_to_decide_is_named(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = sheet(tmp_path, [[*HEADER, "传真"], *([*row, "1"] for row in SHEET[1:])])
    assert run("import", "customers", file) == 2
    said = capsys.readouterr()
    assert "\nTo decide:\n  no field was found for “传真”\n" in said.out
    assert "nothing was imported" in said.err
    assert "backstory mapping customers" in said.err
    assert customers(database_url) == {}


def test_a_mapping_that_is_written_says_what_is_open_and_replaces_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = sheet(tmp_path, [[*HEADER, "传真"], *([*row, "1"] for row in SHEET[1:])])
    out = tmp_path / "m.toml"
    assert run("mapping", "customers", file, "--out", str(out)) == 0
    assert out.read_text("utf-8").startswith(
        "# To decide: no field was found for “传真”\n# Not imported: 传真\n"
    )
    assert mapping.load(out).kind == "customers"
    assert run("mapping", "customers", file, "--out", str(out)) == 2
    assert "is there already" in capsys.readouterr().err
    assert run("mapping", "customers", file, "--custom", "--out", str(tmp_path / "n.toml")) == 0
    assert "custom.chuan_zhen" in (mapping.load(tmp_path / "n.toml").fields or {})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("parcels", "客户.csv"), "cannot be imported"),
        (("customers", "nowhere.csv"), "cannot be read"),
        (("customers", "客户.csv", "--currency", "RMB"), "RMB is no currency"),
        (("customers", "客户.csv", "--system", "旧系统"), "is no name of a system"),
        (("customers", "客户.csv", "--out", "none/m.toml"), "cannot be written"),
    ],
)
def test_what_is_asked_wrongly_is_said(
    arguments: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet(tmp_path)
    assert run("mapping", *arguments) == 2
    assert said in capsys.readouterr().err


def test_a_tab_is_written_as_people_write_it_in_a_shell(tmp_path: Path) -> None:
    file, out = tmp_path / "tabs.txt", tmp_path / "m.toml"
    file.write_text("客户名称\t电话; 手机\n北屿机械有限公司\t;\n", encoding="utf-8")
    assert run("mapping", "customers", str(file), "--delimiter", r"\t", "--out", str(out)) == 0
    assert mapping.load(out).delimiter == "\t"


def test_nothing_is_begun_where_there_is_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BACKSTORY_DATABASE_URL")
    monkeypatch.setenv("BACKSTORY_DATA", str(tmp_path / "data"))
    assert run("mapping", "customers", sheet(tmp_path)) == 0
    assert "    软件业 = software\n" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()


def test_the_dictionaries_are_those_of_the_log(database_url: str) -> None:
    """An entry that was added, renamed or retired counts as it is now, projected or not."""
    with opened(database_url) as backstory:
        application = backstory.application

        def do(name: str, id: UUID | None = None, **fields: object) -> None:
            asked = Request(COMMANDS[f"dictionary-entries/{name}"].model_validate(fields), id=id)
            application.dispatch(asked, Caller(LOCAL))

        farming = uuid4()
        do("add", farming, dictionary="industry", code="farming", zh="农业", en="Farming")
        assert Codes("industry", entries(backstory)["industry"]).of("农业") is not None
        do("rename", farming, zh="农林牧渔", en="Farming")
        codes = Codes("industry", entries(backstory)["industry"])
        assert codes.of("农业") is None
        assert codes.of("农林牧渔业") is not None
        do("retire", farming)
        assert Codes("industry", entries(backstory)["industry"]).of("农林牧渔") is None


def test_a_workbook_is_suggested_a_mapping_too(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "客户.xlsx"
    with xlsxwriter.Workbook(path) as made:
        made.add_worksheet("说明").write(0, 0, "请看下一页")
        page = made.add_worksheet("名单")
        day = made.add_format({"num_format": "yyyy/m/d"})
        for at, cells in enumerate(SHEET):
            page.write_row(at, 0, cells)
        page.write(0, len(HEADER), "成立日期")
        page.write_datetime(1, len(HEADER), datetime(2003, 5, 1), day)
    out = str(tmp_path / "m.toml")
    assert run("mapping", "customers", str(path), "--sheet", "名单", "--out", out) == 0
    assert mapping.load(Path(out)).sheet == "名单"
    assert run("import", "customers", str(path), "--mapping", out) == 0
    assert customers(database_url) == EXPECTED
    with opened(database_url) as backstory:
        founded = {row.name: row.founded_on for row in rows(backstory, "customers").values()}
    assert founded["北屿机械有限公司"] == date(2003, 5, 1)


def test_refused_rows_are_mended_and_imported_without_a_mapping_again(
    database_url: str, tmp_path: Path
) -> None:
    wrong = ["西岭电气有限公司", "赵六", "12", "制造业", "官网"]
    file = sheet(tmp_path, [*SHEET, wrong])
    assert run("import", "customers", file) == 1
    refused = Path(f"{file}.refused.csv")
    refused.write_text(refused.read_text("utf-8-sig").replace(",12,", ",13800000004,"), "utf-8")
    assert run("import", "customers", str(refused)) == 0
    assert set(customers(database_url)) == {*EXPECTED, "西岭电气有限公司"}


def test_importing_again_changes_nothing(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = sheet(tmp_path)
    assert run("import", "customers", file) == 0
    capsys.readouterr()
    assert run("import", "customers", file) == 0
    assert "3 rows read = 0 created, 0 updated, 3 skipped" in capsys.readouterr().out
