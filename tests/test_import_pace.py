"""How fast an import goes, and how long it will still take, as it is said on the way."""

import re
from collections import Counter
from pathlib import Path
from time import monotonic

import openpyxl
import pytest

from adapters.cli.imports import Progress
from adapters.importing.opening import source
from adapters.importing.pace import pace, spoken
from adapters.importing.report import Outcome, Report
from adapters.importing.sources import FOUND_OUT
from tests.importing import write_csv

MANY = 4_000


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "5 s"),
        (41, "40 s"),
        (54, "55 s"),
        (58, "1 min"),
        (200, "3 min"),
        (3_590, "1 h"),
        (7_200, "2 h"),
        (7_900, "2 h 10 min"),
    ],
)
def test_time_is_said_no_more_exactly_than_it_is_known(seconds: float, said: str) -> None:
    assert str(spoken(seconds)) == said


def report(decided: int, seconds: float) -> Report:
    outcomes: Counter[Outcome] = Counter({"created": decided})
    return Report(decided, outcomes, started=monotonic() - seconds)


def test_what_is_left_follows_from_how_much_of_the_file_was_read() -> None:
    at = pace(report(500, 10), 0.25)
    assert at.total == 2_000
    assert at.rate == pytest.approx(50, rel=0.1)
    assert at.seconds_left == pytest.approx(30, rel=0.1)
    assert str(at.said).endswith("rows/s, about 30 s left")


@pytest.mark.parametrize("share", [None, 0.0, 0.001])
def test_nothing_is_said_of_the_rest_before_something_is_known(share: float | None) -> None:
    at = pace(report(500, 10), share)
    assert (at.total, at.seconds_left) == (None, None)
    assert str(at.said).endswith("rows/s")
    assert pace(report(0, 0), 0.5).seconds_left is None


def csv_file(folder: Path) -> Path:
    return write_csv(folder / "f.csv", [["name"], *([f"云上{n:06}有限公司"] for n in range(MANY))])


def workbook(folder: Path) -> Path:
    book = openpyxl.Workbook()
    for row in (["name"], *([f"云上{n:06}有限公司"] for n in range(MANY))):
        book.active.append(row)
    book.save(folder / "f.xlsx")
    return folder / "f.xlsx"


def cards(folder: Path) -> Path:
    path = folder / "f.vcf"
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:{}\nN:{};;;;\nEND:VCARD\n"
    path.write_text("".join(card.format(f"王{n:05}", "王") for n in range(MANY)), "utf-8")
    return path


@pytest.mark.parametrize("made", [csv_file, workbook, cards])
def test_a_file_knows_how_much_of_it_was_read(made: object, tmp_path: Path) -> None:
    file = source(made(tmp_path), FOUND_OUT)  # type: ignore[operator]
    rows = iter(file)
    for _ in range(MANY // 2):
        next(rows)
    assert file.share == pytest.approx(0.5, abs=0.08)
    assert len([*rows]) == MANY // 2
    assert file.share == pytest.approx(1, abs=0.01)


def test_the_command_line_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = source(csv_file(tmp_path), FOUND_OUT)
    rows = iter(file)
    for _ in range(MANY // 2):
        next(rows)
    progress = Progress(file, pause=0)
    progress(report(MANY // 2, 20))
    said = capsys.readouterr().err
    assert re.fullmatch(r"2,000 rows read, 0 refused, \d+ rows/s, about (15|20|25) s left\n", said)
