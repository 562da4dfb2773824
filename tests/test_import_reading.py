"""Any CSV file is read cell for cell, or refused by line and reason; nothing is repaired."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.importing.opening import source
from adapters.importing.reading import LONGEST_CELL, CsvFile
from adapters.importing.sources import FOUND_OUT, UnreadableFile

SPECTRUM = Path(__file__).resolve().parents[2] / "shared/data/csv-spectrum"
CELLS = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    ['"', '""', "a,b", "a\nb", "a\r\nb", "\r", " x ", "=1+1", "\ufeff", "\x1a", "\u2028", "'"]
)
ROWS = st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=8)

one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "rows.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(folder: Path, content: str | bytes) -> list[tuple[int, list[str], str | None]]:
    file = CsvFile(written(folder, content))
    return [(li.number, li.cells, str(li.problem) if li.problem else None) for li in file]


@one_file
@given(rows=ROWS, bom=st.booleans(), end=st.sampled_from(["\n", "\r\n"]))
def test_cells_come_back_byte_for_byte(
    tmp_path: Path, rows: list[list[str]], bom: bool, end: str
) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end).writerows([["one", "two"], *rows])
    content = ("\ufeff" if bom else "") + text.getvalue()
    read = lines(tmp_path, content)
    assert [cells for _, cells, _ in read] == rows
    for _, cells, problem in read:
        has_nul = any("\0" in cell for cell in cells)
        assert problem == ("contains NUL" if has_nul else None)


@one_file
@given(content=st.binary(max_size=200))
def test_no_bytes_whatsoever_crash_the_reader(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, b"a,b\n" + content)
    try:
        file = source(path, FOUND_OUT)
    except UnreadableFile:
        return
    ends = content.count(b"\n") + content.count(b"\r")
    for line in file:
        assert 2 <= line.number <= ends + 2
        assert line.problem is not None or len(line.cells) == len(file.header)


@one_file
@given(text=st.text(st.sampled_from('ab",\n\r '), max_size=60))
def test_what_is_quoted_wrongly_is_refused_and_later_rows_are_read(
    tmp_path: Path, text: str
) -> None:
    read = lines(tmp_path, f'a,b\n{text}\n"\nlast,row\n')
    assert all(problem is not None or len(cells) == 2 for _, cells, problem in read)
    numbers = [number for number, _, _ in read]
    assert numbers == sorted(set(numbers))


def test_the_line_is_that_on_which_a_row_begins(tmp_path: Path) -> None:
    read = lines(tmp_path, 'a,b\n\n1,"x\ny"\n\n2,z\n')
    assert [(number, cells[0]) for number, cells, _ in read] == [(3, "1"), (6, "2")]


def test_ragged_rows_are_refused_with_all_their_cells(tmp_path: Path) -> None:
    assert lines(tmp_path, "a,b\n1\n1,2,3\n1,2\n") == [
        (2, ["1"], "has 1 cells where the header has 2"),
        (3, ["1", "2", "3"], "has 3 cells where the header has 2"),
        (4, ["1", "2"], None),
    ]


def test_a_quote_that_nothing_closes_takes_one_row_with_it(tmp_path: Path) -> None:
    assert lines(tmp_path, 'a,b\n1,2\n3,"4\n5,6\n\n"x\ny",8\n') == [
        (2, ["1", "2"], None),
        (3, ['3,"4'], "is not valid CSV: a closing quote is followed by something else"),
        (4, ["5", "6"], None),
        (6, ["x\ny", "8"], None),
    ]
    assert lines(tmp_path, 'a,b\n3,"4\n5,6\n') == [
        (2, ['3,"4'], "has a quote that nothing closes"),
        (3, ["5", "6"], None),
    ]


def test_rows_behind_a_cell_that_is_too_long_are_read(tmp_path: Path) -> None:
    many = LONGEST_CELL // 4 + 10
    content = 'a,b\n1,2\n3,"' + "x,y\n" * many + "7,8\n"
    [good, (number, cells, problem), *rest] = lines(tmp_path, content)
    assert good == (2, ["1", "2"], None)
    assert (number, cells) == (3, ['3,"x,y'])
    assert problem is not None
    assert "more than 1,000,000 characters" in problem
    assert [line for line in rest if line[2] is not None] == []
    assert rest[0] == (4, ["x", "y"], None)
    assert rest[-1] == (many + 3, ["7", "8"], None)
    content = "a,b\n" + "长" * (LONGEST_CELL + 1) + ",2\n7,8\n"
    [(_, cells, problem), last] = lines(tmp_path, content)
    assert (len(cells[0]), last) == (LONGEST_CELL + 3, (3, ["7", "8"], None))
    assert problem is not None


def test_every_line_of_a_file_full_of_open_quotes_is_accounted_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.importing.reading.PATIENCE", 10_000)
    many = 5_000
    read = lines(tmp_path, "a,b\n" + '"x\n"y"z\n' * many + "7,8")
    assert [number for number, _, _ in read] == [*range(2, 2 * many + 3)]
    assert all(problem is not None for _, _, problem in read)
    assert "too many quotes" in str(read[-1][2])
    assert {tuple(cells) for _, cells, _ in read} <= {('"x',), ('"y"z',), ("7,8",)}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n\xff\xfe\x00\x81\n", "at line 2, column 4, the byte 81"),
        ("a,b\n中,文\n文,".encode() + b"\xff\n", "not UTF-8: at line 3, column 3, the byte ff"),
        (b"PK\x03\x04\x14\x00xl/workbook.xml", "is no sound workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "a workbook of the old form"),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,a\n", "several columns called a"),
        (b'a,"b\n', "line of column names"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile) as refusal:
        source(written(tmp_path, content), FOUND_OUT)
    assert reason in str(refusal.value)


def test_a_character_across_two_blocks_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.importing.encodings.BLOCK", 3)
    assert lines(tmp_path, "a,b\n中文,文中\n") == [(2, ["中文", "文中"], None)]


@pytest.mark.skipif(not SPECTRUM.exists(), reason=f"{SPECTRUM} is not here")
def test_the_spectrum_of_valid_files_is_read_as_its_answers_say(tmp_path: Path) -> None:
    answers = {path.stem: json.loads(path.read_text()) for path in SPECTRUM.glob("json/*.json")}
    del answers["location_coordinates"]  # Its answer is that of another file.
    assert len(answers) > 5
    for name, answer in answers.items():
        content = (SPECTRUM / f"csvs/{name}.csv").read_bytes()
        if name.endswith("_crlf"):  # Some copies have lost what their name promises.
            content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        file = CsvFile(written(tmp_path, content))
        read = [dict(zip(file.header, line.cells, strict=True)) for line in file]
        assert read == answer, name
