"""What adds up the rows above it is no record, and nothing else is taken for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.importing.beside import refused_path
from adapters.importing.opening import source
from adapters.importing.sources import FOUND_OUT, Line
from adapters.importing.suggesting import sample
from adapters.importing.totals import LAST, MOST_HELD, without_totals
from tests.importing import counts, imported, opened, rows, write_csv

HEADER = ["name", "industry", "annual_revenue", "employees"]
COMPANY = ["云泽有限公司", "software", "12.50", "7"]


def refused(*rows: list[str]) -> list[int]:
    """The numbers of the rows that are totals; the first is 0."""
    lines = [Line(at, cells) for at, cells in enumerate(rows)]
    found = list(without_totals(lines))
    assert [line.cells for line in found] == list(rows)
    return [line.number for line in found if line.problem is not None]


@pytest.mark.parametrize(
    "total",
    [
        ["合计", "", "12.50", "7"],
        ["合 计：", "", "¥1,234.50", ""],
        ["总计", "", "12.5万元", "7"],
        ["", "Total", "12.50", "-"],
        ["Grand total:", "", "1.234,50 €", "100%"],
        ["Summe", "", "", ""],
        ["小計", "", "12", "7"],
    ],
)
def test_a_total_at_the_end_is_none_of_the_rows(total: list[str]) -> None:
    assert refused(COMPANY, total) == [1]
    assert refused(COMPANY, total, ["", "", "", ""], ["制表人：王芳", "", "", ""]) == [1]
    assert refused(total, *[COMPANY] * LAST) == []


@pytest.mark.parametrize(
    "company",
    [
        ["Total", "energy", "12.50", "7"],
        ["合计", "software", "", ""],
        ["Total SE", "", "12.50", ""],
        ["合计软件有限公司", "", "", ""],
        ["Sum", "12.50", "", "about seven"],
        ["总计" * 30, "", "", ""],
        ["", "", "", ""],
        ["Total"],
    ],
)
def test_a_company_that_is_called_so_is_a_row(company: list[str]) -> None:
    assert refused(COMPANY, company) == []


def test_rows_with_nothing_in_them_are_not_gathered_without_end() -> None:
    empty, count = ["", "", "", ""], 3 * MOST_HELD
    read = 0

    def lines() -> Iterator[Line]:
        nonlocal read
        while read < count:
            yield Line(read, empty)
            read += 1

    for line in without_totals(lines()):
        assert read - line.number <= MOST_HELD
    assert read == count


def test_a_total_is_refused_with_what_it_is(database_url: str, tmp_path: Path) -> None:
    header = ["name", "industry", "annual_revenue"]
    lines = [["云泽有限公司", "software", "1 CNY"], ["合计", "", "1"]]
    path = write_csv(tmp_path / "customers.csv", [header, *lines])
    with opened(database_url) as backstory:
        for is_rehearsal in (True, False):
            report = imported(backstory, "customers", path, is_rehearsal=is_rehearsal)
            assert counts(report) == (1, 0, 0, 1)
            [(line, reason)] = report.refusals
            assert line.number == 3
            assert str(reason).startswith("adds up the rows above it ('合计')")
        left = refused_path(path)
        assert left.read_text("utf-8-sig").splitlines()[1].endswith(",合计,,1")
        again = imported(backstory, "customers", left)
        assert counts(again) == (0, 0, 0, 1)
        assert str(again.refusals[0][1]) == str(reason)
        assert [row.name for row in rows(backstory, "customers").values()] == ["云泽有限公司"]


def test_a_total_says_nothing_of_what_its_column_means(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "customers.csv", [HEADER, COMPANY, ["合计", "", "12.50", "7"]])
    assert sample(source(path, FOUND_OUT)) == [COMPANY]
