"""Workbooks are read as a person would have typed them; vCards as a row for each."""

import json
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import xlsxwriter
from openpyxl import Workbook as NewWorkbook

from adapters.importing.cards import HEADER
from adapters.importing.opening import source
from adapters.importing.sources import FOUND_OUT, Choices, Form, Line, UnreadableFile, width_problem
from adapters.remarks import Remark

DATA = Path(__file__).resolve().parents[2] / "shared/data"
CARDS, BLNS = DATA / "vcard", DATA / "blns/blns.json"


def book(folder: Path, rows: list[list[Any]], sheets: tuple[str, ...] = ("Sheet1",)) -> Path:
    """A workbook whose last sheet has these rows; a pair is a value and its number format."""
    made = NewWorkbook()
    made.remove(made.active)
    for name in sheets:
        sheet = made.create_sheet(name)
    for at, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            value, form = value if isinstance(value, tuple) else (value, None)
            if value is None:
                continue
            cell = sheet.cell(at, column, value)
            if form is not None:
                cell.number_format = form
    path = folder / "rows.xlsx"
    made.save(path)
    return path


def lines(path: Path, **said: str) -> list[Line]:
    return list(source(path, Choices(**said)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("007", "007"),
        (" 云泽 ", " 云泽 "),
        ("a\nb", "a\nb"),
        ("1.0", "1.0"),
        (1, "1"),
        (1.0, "1"),
        (1.5, "1.5"),
        (0.1 + 0.2, "0.3"),
        (-12.50, "-12.5"),
        (13800000001, "13800000001"),
        (13800000001.0, "13800000001"),
        (1e20, "100000000000000000000"),
        (1e-7, "0.0000001"),
        (0, "0"),
        ((1234.5, "#,##0.00"), "1234.5"),
        ((7, "000000"), "000007"),
        ((0.25, "0%"), "0.25"),
        (True, "TRUE"),
        (date(2026, 3, 1), "2026-03-01"),
        (datetime(2026, 3, 1), "2026-03-01T00:00:00"),
        ((datetime(2026, 3, 1), "yyyy/m/d"), "2026-03-01"),
        (datetime(2026, 3, 1, 9, 30), "2026-03-01T09:30:00"),
        ((datetime(2026, 3, 1, 23, 59, 59), "d.m.yyyy hh:mm:ss"), "2026-03-01T23:59:59"),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=30, minutes=5), "30:05:00"),
        ("=1+1", ""),
    ],
)
def test_a_cell_is_what_a_person_would_have_typed(tmp_path: Path, value: Any, text: str) -> None:
    """A formula that was never computed has no result to take."""
    [line] = lines(book(tmp_path, [["a", "b"], [value, "end"]]))
    assert line == Line(2, [text, "end"])


def test_rows_are_those_of_the_sheet(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        [],
        ["a", "b", None],
        ["1"],
        [],
        [None, "2"],
        [None, None, "3"],
        ["4", "5", ""],
    ]
    assert lines(book(tmp_path, rows)) == [
        Line(3, ["1", ""]),
        Line(5, ["", "2"]),
        Line(6, ["", "", "3"], width_problem(3, 2)),
        Line(7, ["4", "5"]),
    ]


def test_a_formula_that_came_to_nothing_is_no_text(tmp_path: Path) -> None:
    """A workbook as the program saves it, with the result beside the formula."""
    path = tmp_path / "rows.xlsx"
    with xlsxwriter.Workbook(path) as made:
        sheet = made.add_worksheet()
        sheet.write_row(0, 0, ["a", "b"])
        sheet.write_formula(1, 0, "=1+1", None, 2)
        sheet.write_formula(1, 1, '="00"&7', None, "007")
        sheet.write_formula(2, 0, "=1/0", None, "#DIV/0!")
    assert lines(path) == [
        Line(2, ["2", "007"]),
        Line(3, ["#DIV/0!", ""], Remark("lines.formula", error="#DIV/0!", cell="A3")),
    ]


def test_a_sheet_is_the_first_or_the_named_one(tmp_path: Path) -> None:
    path = book(tmp_path, [["a"], ["1"]], ("空", "客户"))
    with pytest.raises(UnreadableFile, match=r"the sheet '空' of .* is empty"):
        lines(path)
    assert lines(path, sheet="客户") == [Line(2, ["1"])]
    assert source(path, Choices(sheet="客户")).form == Form(
        "workbook", sheet="客户", sheets=("空", "客户")
    )
    with pytest.raises(UnreadableFile, match="has no sheet 'x'; it has: 空, 客户"):
        lines(path, sheet="x")


def test_a_workbook_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    with ZipFile(path, "w") as archive:
        archive.writestr("rows.csv", "a,b\n")
    with pytest.raises(UnreadableFile, match="is a ZIP archive and no workbook"):
        lines(path)
    with ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x")
        archive.writestr("xl/workbook.xml", "<x")
    with pytest.raises(UnreadableFile, match="is no sound workbook"):
        lines(path)
    sound = book(tmp_path, [["a"], ["1"]]).read_bytes()
    path.write_bytes(sound[: len(sound) // 2])
    with pytest.raises(UnreadableFile, match="is no sound workbook"):
        lines(path)


@pytest.mark.skipif(not BLNS.exists(), reason=f"{BLNS} is not here")
def test_naughty_strings_come_back_from_a_workbook(tmp_path: Path) -> None:
    naughty = [one for one in json.loads(BLNS.read_text("utf-8")) if one]
    path = tmp_path / "rows.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_urls": False}) as made:
        sheet = made.add_worksheet()
        for at, one in enumerate(["text", *naughty, "_x000D_", "\x01"]):
            sheet.write_string(at, 0, one)
            sheet.write_string(at, 1, "end")
    assert [line.cells for line in lines(path)] == [
        [one, "end"] for one in [*naughty, "_x000D_", "\x01"]
    ]


def card(*lines: str, version: str = "3.0") -> str:
    return "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""])


def people(folder: Path, content: str | bytes) -> list[dict[str, str]]:
    """The filled cells of every card."""
    path = folder / "people.vcf"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = lines(path)
    assert [line.problem for line in found] == [None] * len(found)
    return [{n: c for n, c in zip(HEADER, line.cells, strict=True) if c} for line in found]


def test_a_card_is_a_row(tmp_path: Path) -> None:
    content = card(
        "FN:张三\\, 博士",
        "N:张;三;;;",
        "ORG:上海云泽科技有限公司;研发部;一组",
        "TEL;TYPE=FAX:1",
        "TEL;TYPE=HOME:2",
        "TEL;TYPE=WORK,PREF:3",
        "TEL;TYPE=CELL:4",
        "TEL;TYPE=CELL:5",
        "item1.EMAIL:a@example.com",
        "NOTE:line one\\nline",
        "  two",
        "AGENT:",
        "BEGIN:VCARD",
        "FN:Somebody else",
        "END:VCARD",
    )
    assert people(tmp_path, content) == [
        {
            "name": "张三, 博士",
            "family_name": "张",
            "given_name": "三",
            "company": "上海云泽科技有限公司",
            "department": "研发部 一组",
            "phone": "3",
            "other_phones": "2;5",
            "mobile": "4",
            "email": "a@example.com",
            "note": "line one\nline two",
        }
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_cards_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    content = "".join(card(f"FN:{name}") for name in ("张三", "李四", "王小明"))
    names = [one["name"] for one in people(tmp_path, content.encode(encoding))]
    assert names == ["张三", "李四", "王小明"]


def test_a_card_of_an_old_telephone(tmp_path: Path) -> None:
    content = card(
        "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E5=BC=A0;=E4=B8=89;;;",
        "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E5=BC=A0=",
        "=E4=B8=89",
        "TEL;CELL;PREF:13800000001",
        version="2.1",
    )
    assert people(tmp_path, content) == [
        {
            "name": "张三",
            "family_name": "张",
            "given_name": "三",
            "phone": "13800000001",
            "mobile": "13800000001",
        }
    ]


def test_a_card_that_is_wrong_is_no_matter_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "people.vcf"
    wrong = card("FN;ENCODING=QUOTED-PRINTABLE:=FF=FE")
    path.write_text(
        card("FN:A") + wrong + "junk\n" + card("no colon") + card("FN:B\0") + card()[:20]
    )
    first, coded, junk, line, nul, cut = lines(path)
    assert first.problem is None
    assert [one.number for one in (coded, junk, line, nul, cut)] == [5, 9, 10, 14, 18]
    for one, problem in (
        (coded, "no sound vCard"),
        (junk, "outside of every card"),
        (line, "no sound vCard"),
        (nul, "contains NUL"),
        (cut, "has no END:VCARD"),
    ):
        assert one.problem is not None
        assert problem in str(one.problem)


def test_a_card_whose_parameters_make_no_sense_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.vcf"
    path.write_text(card("FN;ENCODING=UTF-8;ENCODING=QUOTED-PRINTABLE:=20") + card("FN:B"))
    first, second = lines(path)
    assert first.problem is not None
    assert "no sound vCard" in str(first.problem)
    assert second.problem is None


@pytest.mark.skipif(not CARDS.exists(), reason=f"{CARDS} is not here")
def test_names_numbers_and_addresses_of_real_cards_are_read_in_full() -> None:
    def read(name: str) -> list[tuple[str, ...]]:
        columns = [
            HEADER.index(n) for n in ("name", "phone", "mobile", "email", "company", "birthday")
        ]
        found = list(source(CARDS / name, FOUND_OUT))
        assert [line.problem for line in found] == [None] * len(found)
        return [tuple(line.cells[at] for at in columns) for line in found]

    assert read("John_Doe_GMAIL.vcf") == [
        (
            *("Mr. John Richter, James Doe Sr.", "905-666-1234", "905-555-1234"),
            *("john.doe@ibm.com", "IBM", "1980-03-22"),
        )
    ]
    assert [name for name, *_ in read("gmail-list.vcf")] == [
        "Arnold Smith",
        "Chris Beatle",
        "Doug White",
    ]
    assert read("gmail-single.vcf") == [
        (
            *("Greg Dartmouth", "555 555 2222", "555 555 1111"),
            *("gdartmouth@hotmail.com", "TheCompany", "1960-09-10"),
        )
    ]
    assert read("outlook-2003.vcf") == [
        (
            *("John Doe III", "BusinessPhone", "MobilePhone"),
            *("jdoe@hotmail.com", "Company, The", "1980-03-21"),
        )
    ]
    assert [(name, phone) for name, phone, *_ in read("rfc2426-example.vcf")] == [
        ("Frank Dawson", "+1-919-676-9515"),
        ("Tim Howes", "+1-415-937-3419"),
    ]
    assert read("rfc6350-example.vcf") == [
        (
            *("Simon Perreault", "+1-418-656-9254;ext=102", "+1-418-262-6501"),
            *("simon.perreault@viagenie.ca", "Viagenie", "--0203"),
        )
    ]


@pytest.mark.parametrize("fill", [b" " * (1 << 20), b"<c/>" * (1 << 18)])
def test_a_small_workbook_that_unpacks_to_endless_cells_is_refused_before_it_is_read(
    tmp_path: Path, fill: bytes
) -> None:
    plain, trap = tmp_path / "plain.xlsx", tmp_path / "trap.xlsx"
    book = NewWorkbook()
    book.active.append(["name"])
    book.save(plain)
    with ZipFile(plain) as there, ZipFile(trap, "w", ZIP_DEFLATED) as made:
        for part in there.infolist():
            text = there.read(part)
            with made.open(part.filename, "w") as file:
                if part.filename.endswith("sheet1.xml"):
                    before, _, text = text.partition(b"</sheetData>")
                    file.write(before + b'<row><c t="inlineStr"><is><t>')
                    for _ in range(70):
                        file.write(fill)
                    text = b"</t></is></c></row></sheetData>" + text
                file.write(text)
    assert trap.stat().st_size < 1 << 20
    with pytest.raises(UnreadableFile, match="endless"):
        source(trap, FOUND_OUT)
