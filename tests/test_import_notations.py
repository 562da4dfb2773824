"""Dates and numbers are read as their column says; where nothing decides, nobody guesses."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import registry
from adapters.importing.detecting import Finding
from adapters.importing.jobs import Job, prepare
from adapters.importing.mapping import BadMapping, Mapping
from adapters.importing.notations import dates, mark_of, numbers, plain
from adapters.importing.opening import source
from adapters.importing.plan import Plan
from adapters.importing.sources import FOUND_OUT
from adapters.importing.targets import instant
from adapters.remarks import Remark
from aggregates.errors import Invalid
from tests.importing import write_csv

SHANGHAI = ZoneInfo("Asia/Shanghai")

registry.load()


def filled(folder: Path, cells: list[str], field: str, **rule: Any) -> list[Any]:
    """What a rule makes of a column's cells; the reason where a cell is refused."""
    path = write_csv(folder / "rows.csv", [["name", "c"], *(["Acme", cell] for cell in cells)])
    file = source(path, FOUND_OUT)
    fields = {"name": "name", field: {"column": "c", **rule}}
    mapping = Mapping.model_validate({"kind": "customers", "fields": fields})
    plan = Plan(mapping, file.header, SHANGHAI, Finding(file))
    found: list[Any] = []
    for line in file:
        try:
            value = plan.draft(line).fields.get(field.partition(".")[0])
        except Invalid as error:
            [wrong] = error.errors
            value = str(Remark(wrong.message, **wrong.values))
        found.append(value["n"] if field == "custom.n" and isinstance(value, dict) else value)
    return found


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["03/04/2025", "25/12/2024"], ["2025-04-03", "2024-12-25"]),
        (["3/4/2025", "12/25/2024"], ["2025-03-04", "2024-12-25"]),
        (["03.04.2025", "31.12.2024"], ["2025-04-03", "2024-12-31"]),
        (["03-04-2025", "13-04-2025"], ["2025-04-03", "2025-04-13"]),
        (["2025/3/4", "2025/12/31"], ["2025-03-04", "2025-12-31"]),
        (["2025年3月4日"], ["2025-03-04"]),
        (["2025.03.04"], ["2025-03-04"]),
        (["2025-03-04", ""], ["2025-03-04", None]),
    ],
)
def test_days_are_read_where_the_column_decides(
    tmp_path: Path, cells: list[str], days: list[str]
) -> None:
    assert filled(tmp_path, cells, "founded_on") == days


@pytest.mark.parametrize("cells", [["03/04/2025"], ["1.2.2025", "11.12.2025", ""], ["1-2-2025"]])
def test_day_first_or_month_first_is_never_guessed(tmp_path: Path, cells: list[str]) -> None:
    with pytest.raises(BadMapping) as refusal:
        filled(tmp_path, cells, "founded_on")
    said = str(refusal.value)
    sign = cells[0][-5]
    assert "column 'c': nothing decides whether" in said
    assert f'format = "%d{sign}%m{sign}%Y" or format = "%m{sign}%d{sign}%Y"' in said


def test_a_format_decides(tmp_path: Path) -> None:
    assert filled(tmp_path, ["03/04/2025"], "founded_on", format="%m/%d/%Y") == ["2025-03-04"]


def test_values_that_contradict_each_other_are_no_decision(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match="of 25/12/2024 and 12/25/2024 one begins with the day"):
        filled(tmp_path, ["25/12/2024", "12/25/2024"], "founded_on")


def test_what_decides_may_come_late_and_what_contradicts_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.importing.detecting.SAMPLED", 2)
    cells = ["01/02/2025", "03/04/2025", "05/06/2025", "25/12/2024", "12/25/2024"]
    *days, refused = filled(tmp_path, cells, "founded_on")
    assert days == ["2025-02-01", "2025-04-03", "2025-06-05", "2024-12-25"]
    assert "'12/25/2024' is not written as %d/%m/%Y" in refused


@pytest.mark.parametrize(
    ("cells", "amounts"),
    [
        (["1.234,56", "7"], ["1234.56", "7"]),
        (["1,234.56", "7"], ["1234.56", "7"]),
        (["1,5"], ["1.5"]),
        (["12.50"], ["12.50"]),
        (["1.234.567"], ["1234567"]),
        (["1,234", "1,234,567"], ["1234", "1234567"]),
        (["1.234", "0.5"], ["1.234", "0.5"]),
        (["1.234", "0,5"], ["1234", "0.5"]),
        (["1 234,50", "1\u00a0234,50", "1\u202f234,50"], ["1234.50"] * 3),
        (["1'234.50"], ["1234.50"]),
        (["-1.234,50", "+7,5"], ["-1234.50", "7.5"]),
        (["¥1,234.00", "￥5.50", "6元"], ["1234.00", "5.50", "6"]),
        (["CNY 12.50", "¥1,000.00"], ["12.50", "1000.00"]),
        (["12.5万元", "¥1,200.50", "3.2亿"], ["125000", "1200.50", "320000000"]),
        (["1.234万", "0.0001亿", "1,234万元"], ["12340", "10000", "12340000"]),
        (["12,5万元", "1.234,5 萬"], ["125000", "12345000"]),
        (
            ["3百万", "2千万", "1.5万亿", "-3 万"],
            ["3000000", "20000000", "1500000000000", "-30000"],
        ),
        (["1.2k", "1.25K", "人民币8千元"], ["1200", "1250", "8000"]),
        (["CNY 12.5万", "¥1,000.00"], ["125000", "1000.00"]),
    ],
)
def test_numbers_are_read_where_the_column_decides(
    tmp_path: Path, cells: list[str], amounts: list[str]
) -> None:
    found = filled(tmp_path, cells, "annual_revenue", currency="CNY")
    assert found == [{"amount": amount, "currency": "CNY"} for amount in amounts]


@pytest.mark.parametrize("cell", ["1.234", "1,234", "12.345"])
@pytest.mark.parametrize(
    "rule", [("annual_revenue", {"currency": "CNY"}), ("custom.n", {"type": "number"})]
)
def test_thousands_or_decimals_is_never_guessed(
    tmp_path: Path, cell: str, rule: tuple[str, dict[str, str]]
) -> None:
    field, more = rule
    point = cell.replace(",", ".")
    with pytest.raises(BadMapping, match=f"whether {cell} is {point} or {point.replace('.', '')};"):
        filled(tmp_path, [cell, "7"], field, **more)
    read = {
        mark: filled(tmp_path, [cell], "custom.n", type="number", decimal=mark) for mark in ".,"
    }
    assert sorted(map(str, read.values())) == sorted(
        [f"[{float(point)}]", f"[{point.replace('.', '')}.0]"]
    )


def test_numbers_that_contradict_each_other_are_no_decision(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match="are written differently"):
        filled(tmp_path, ["1,5", "1.5"], "annual_revenue", currency="CNY")


@pytest.mark.parametrize("cell", ["12.5万", "3.2亿元"])
def test_an_amount_is_not_multiplied_twice(tmp_path: Path, cell: str) -> None:
    rule = {"currency": "CNY", "times": 10_000}
    [refused, read] = filled(tmp_path, [cell, "12.5"], "annual_revenue", **rule)
    assert "leave that out of the cells, or times = 10000 out of the mapping" in refused
    assert read == {"amount": "125000", "currency": "CNY"}


@pytest.mark.parametrize(
    "cell", ["1.2M", "约3万", "3万左右", "12万3千", "几百万", "万", "3.2亿美元"]
)
def test_an_amount_that_may_be_another_is_refused(tmp_path: Path, cell: str) -> None:
    [_, _, refused] = filled(tmp_path, ["1", "2", cell], "annual_revenue", currency="CNY")
    try:
        amount = Decimal(refused["amount"])
    except (TypeError, InvalidOperation):
        return
    raise AssertionError(f"{cell} was read as {amount}")


def test_an_amount_in_units_says_its_currency_too(tmp_path: Path) -> None:
    [said] = filled(tmp_path, ["12.5万 USD"], "annual_revenue")
    assert said == {"amount": "125000", "currency": "USD"}
    [unsaid] = filled(tmp_path, ["12.5万"], "annual_revenue")
    assert "is no amount with a currency" in unsaid


MIXED = ["2024/3/5", "2024-03-06", "2024年3月7日", "2024.3.8", "2024/3/9 0:00"]
READ = [f"2024-03-0{n}" for n in range(5, 10)]


@pytest.mark.parametrize("rule", [{}, {"format": "%Y/%m/%d"}, {"format": "%d.%m.%Y"}])
@pytest.mark.parametrize("first", range(4))
def test_dates_that_begin_with_the_year_are_read_whatever_most_of_them_look_like(
    tmp_path: Path, rule: dict[str, str], first: int
) -> None:
    cells, days = [*MIXED, *[MIXED[first]] * 3], [*READ, *[READ[first]] * 3]
    assert filled(tmp_path, cells, "founded_on", **rule) == days


def test_a_date_with_the_year_first_has_to_be_one(tmp_path: Path) -> None:
    cells = ["2024/2/3", "2024/2/30", "2024/13/1", "2024-3-5 10:30", "24/3/5"]
    _, *refused = filled(tmp_path, cells, "founded_on")
    assert all("is not written as %Y/%m/%d" in one for one in refused)
    [read, *turned] = filled(tmp_path, ["2024-13-02", "2024/3/5"], "founded_on", format="%Y-%d-%m")
    assert read == "2024-02-13"
    assert "is not written as" in turned[0]


def test_moments_with_the_year_first() -> None:
    for format in (None, "%Y/%m/%d %H:%M"):
        found = [instant(text, format, SHANGHAI) for text in ("2024-3-5 9:30", "2024年3月5日 9:30")]
        assert [str(one) for one in found] == ["2024-03-05 09:30:00+08:00"] * 2


def test_another_currency_is_refused(tmp_path: Path) -> None:
    [ours, theirs] = filled(tmp_path, ["¥1,000.00", "€5.50"], "annual_revenue", currency="CNY")
    assert ours == {"amount": "1000.00", "currency": "CNY"}
    assert "'€5.50' is not in CNY" in theirs
    [unsaid] = filled(tmp_path, ["$5.50"], "annual_revenue")
    assert "is no amount with a currency" in unsaid


@given(st.integers(0, 10**12), st.integers(0, 99), st.sampled_from([".", ","]))
def test_what_is_written_with_thousands_is_read_back(whole: int, part: int, mark: Any) -> None:
    written = f"{whole:,}.{part:02}"
    if mark == ",":
        written = written.translate({ord(","): ".", ord("."): ","})
    assert mark_of(written) == (mark, True)
    assert plain(written, mark, None) == f"{whole}.{part:02}"


@pytest.mark.parametrize("text", ["1.2.3", "192.168.0.1", "1,23,456.78", "1.23,456,7", "v1.5", "-"])
def test_what_is_no_number_decides_nothing(text: str) -> None:
    found = numbers([text])
    assert found is None or (found.mark is None and not found.is_undecided)


@given(st.text())
def test_any_text_is_looked_at_without_a_crash(text: str) -> None:
    dates([text])
    numbers([text])


def test_what_was_found_out_is_said_with_samples(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = '名称;成立;年收入;备注\n云泽;25/12/2024;"¥1.234,50";a\x1b[31m\n宁川;03/04/2025;¥7;b\n'
    path.write_bytes(rows.encode("gb18030"))
    finding = Finding(source(path, FOUND_OUT))
    assert [*map(str, finding.detected().lines())] == [
        'CSV in GB18030 (GBK), separated by ";"; 4 columns',
        "  名称: 云泽 | 宁川",
        "  成立: 25/12/2024 | 03/04/2025  (dates day-first, by 25/12/2024)",
        "  年收入: ¥1.234,50 | ¥7  (decimals behind ',', by ¥1.234,50; currency ¥)",
        "  备注: a [31m | b",
    ]


def test_of_many_columns_those_are_said_of_which_there_is_something_to_say(
    tmp_path: Path,
) -> None:
    header = [f"c{n}" for n in range(40)]
    path = write_csv(tmp_path / "rows.csv", [header, ["x"] * 39 + ["25.12.2024"]])
    said = [*map(str, Finding(source(path, FOUND_OUT)).detected().lines())]
    assert len(said) == 15
    assert said[-2:] == [
        "  c39: 25.12.2024  (dates day-first, by 25.12.2024)",
        "  and 27 more",
    ]


def test_a_job_says_what_its_file_was_taken_for(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "rows.csv", [["name", "founded_on"], ["Acme", "31.12.2024"]])
    detected = prepare(Job("customers", path), SHANGHAI).detected
    [_, founded] = detected.columns
    assert founded.dates is not None
    assert (founded.dates.order, founded.dates.format) == ("day-first", "%d.%m.%Y")
