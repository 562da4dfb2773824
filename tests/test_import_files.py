"""What is refused of any kind of file is mended as CSV and imported with the same mapping."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import Workbook

from adapters.bootstrap import Backstory
from adapters.cli.imports import LISTED
from adapters.importing.beside import refused_path
from adapters.importing.sources import Choices
from tests.commandline import commands
from tests.importing import counts, imported, opened, rows, write_csv

FULL = Path("/dev/full")

MAPPING = """
kind = "customers"
encoding = "gb18030"
[fields]
name = "客户名称"
founded_on = "成立"
annual_revenue = { column = "年收入", currency = "CNY" }
"""
HEADER = ["客户名称", "成立", "年收入"]
ROWS = [
    ["云泽", "25/12/2020", "¥1,000.50"],
    ["宁川", "03/04/2020", "7"],
    ["安和", "32/04/2020", "8"],
]
CARDS = """
kind = "contacts"
external = { system = "phone", id = "uid" }
[fields]
name = "name"
phone = { template = ["{mobile}", "{phone}"] }
email = "email"
job_title = "title"
birthday = "birthday"
customer_id = { column = "company", by = "name" }
"""


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


def as_csv(folder: Path) -> Path:
    path = folder / "rows.csv"
    path.write_bytes("\r\n".join(f'{a},{b},"{c}"' for a, b, c in [HEADER, *ROWS]).encode("gb18030"))
    return path


def as_workbook(folder: Path) -> Path:
    book = Workbook()
    assert book.active is not None
    for row in [HEADER, *ROWS]:
        book.active.append(row)
    book.save(folder / "rows.xlsx")
    return folder / "rows.xlsx"


@pytest.mark.parametrize("written", [as_csv, as_workbook])
def test_what_is_refused_is_mended_and_imported(
    backstory: Backstory, tmp_path: Path, written
) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING, "utf-8")
    path = written(tmp_path)
    assert counts(imported(backstory, "customers", path, mapping)) == (2, 0, 0, 1)
    refused = refused_path(path)
    text = refused.read_text("utf-8-sig")
    assert "安和,32/04/2020,8" in text
    refused.write_text(text.replace("32/04", "30/04"), "utf-8-sig")
    assert counts(imported(backstory, "customers", refused, mapping)) == (1, 0, 0, 0)
    assert counts(imported(backstory, "customers", path, mapping)) == (0, 0, 2, 1)
    found = {row.name: str(row.founded_on) for row in rows(backstory, "customers").values()}
    assert found == {"云泽": "2020-12-25", "宁川": "2020-04-03", "安和": "2020-04-30"}


def test_more_rows_than_are_printed_are_left_in_a_file_to_be_mended(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = commands(database_url, monkeypatch, capsys)
    header = ["客户名称", "联系人", "电话", "行业", "来源"]
    people = [[f"青岛第{n}机械有限公司", f"王{n}", "", "软件", "官网"] for n in range(LISTED + 5)]
    path = write_csv(tmp_path / "客户.csv", [header, *people])
    noted = tmp_path / "客户.csv.noted.csv"
    told = run("import", "customers", str(path), "--language", "zh")
    assert told.code == 0
    assert "另有 5 行请核对" in told.out
    assert f"所有需要说明的行：{noted}" in told.out
    first, *rest = noted.read_text("utf-8-sig").splitlines()
    assert first == "line,reason," + ",".join(header)
    assert len(rest) == LISTED + 5
    assert "缺少联系人电话" in rest[0]
    assert rest[0].endswith(",".join(people[0]))

    noted.write_text(noted.read_text("utf-8-sig").replace(",,软件", ",13800000000,软件"), "utf-8")
    again = run("import", "customers", str(noted), "--on-duplicate", "update", "--language", "zh")
    assert f"更新 {LISTED + 5} 行" in again.out
    people[:] = people[:3]
    run("import", "customers", str(write_csv(path, [header, *people])), "--on-duplicate", "skip")
    assert not noted.exists()


def test_cards_become_contacts(backstory: Backstory, tmp_path: Path) -> None:
    customers, mapping, people = (tmp_path / name for name in ("c.csv", "m.toml", "people.vcf"))
    customers.write_text("name\n云泽\n", "utf-8")
    assert counts(imported(backstory, "customers", customers)) == (1, 0, 0, 0)
    mapping.write_text(CARDS, "utf-8")
    people.write_text(
        "".join(
            f"BEGIN:VCARD\nVERSION:3.0\nUID:{n}\nFN:{name}\nORG:{company}\nTITLE:经理\n"
            f"TEL;TYPE=CELL:1380000000{n}\nBDAY:19800321\nEND:VCARD\n"
            for n, (name, company) in enumerate([("张三", "云泽"), ("李四", "没有")])
        ),
        "utf-8",
    )
    for done in ((1, 0, 0, 1), (0, 0, 1, 1)):
        assert counts(imported(backstory, "contacts", people, mapping)) == done
    [person] = rows(backstory, "contacts").values()
    assert (person.name, person.job_title) == ("张三", "经理")
    assert "没有" in refused_path(people).read_text("utf-8")


def test_what_is_said_outweighs_the_mapping(backstory: Backstory, tmp_path: Path) -> None:
    mapping, path = tmp_path / "mapping.toml", tmp_path / "rows.csv"
    mapping.write_text('kind = "customers"\nencoding = "gb18030"\n[fields]\nname = "Name"\n')
    path.write_bytes("Name\nMüller\n".encode("latin-1"))
    said = Choices(encoding="latin-1")
    assert counts(imported(backstory, "customers", path, mapping, choices=said)) == (1, 0, 0, 0)
    assert [row.name for row in rows(backstory, "customers").values()] == ["Müller"]


def refusing(folder: Path, name: str) -> Path:
    """A file with a row that is refused."""
    return write_csv(folder / name, [["name"], [""], ["上海云泽有限公司"]])


@pytest.mark.skipif(not FULL.exists(), reason=f"{FULL}, a disk that is full, is not here")
def test_a_file_of_refused_rows_that_does_not_fit_on_the_disk_takes_nothing_else_with_it(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "c.csv.refused.csv").symlink_to(FULL)
    with opened(database_url) as backstory:
        report = imported(backstory, "customers", refusing(tmp_path, "c.csv"))
    assert counts(report) == (1, 0, 0, 1)
    assert str(report.unwritten) == "No space left on device"
    assert [path.name for path in tmp_path.iterdir()] == ["c.csv"]


@pytest.mark.parametrize("letter", ["x", "表"])
def test_a_file_of_the_longest_name_has_its_refused_rows_under_a_shorter_one(
    database_url: str, tmp_path: Path, letter: str
) -> None:
    name = letter * (250 // len(letter.encode())) + ".csv"
    with opened(database_url) as backstory:
        report = imported(backstory, "customers", refusing(tmp_path, name))
    assert (counts(report), report.unwritten) == ((1, 0, 0, 1), None)
    assert len([path for path in tmp_path.iterdir() if path.name.startswith(letter * 70)]) == 2
