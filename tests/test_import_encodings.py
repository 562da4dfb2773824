"""Files in every encoding and dialect in use are read, or refused by line and column."""

import csv
import io
import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.importing.detecting import Finding
from adapters.importing.dialects import delimiter_of
from adapters.importing.opening import source
from adapters.importing.reading import CsvFile
from adapters.importing.sources import FOUND_OUT, Choices, UnreadableFile, width_problem

DATA = Path(__file__).resolve().parents[2] / "shared/data"
CSVKIT, BLNS = DATA / "csvkit-examples", DATA / "blns/blns.json"

CHINESE = [
    ["客户名称", "联系人", "电话", "行业", "来源"],
    ["上海云泽科技有限公司", "张三", "13800000001", "软件", "网站"],
]
TAIWANESE = [["客戶名稱", "聯絡人", "產業"], ["鴻海精密工業股份有限公司", "陳怡君", "製造業"]]
JAPANESE = [
    ["会社名", "担当者", "備考"],
    ["株式会社東京製作所", "佐藤健一", "展示会で、お会いしました"],
]
GERMAN = [["Name", "Ansprechpartner", "Ort"], ["Müller & Söhne", "Jürgen Groß", "Köln"]]
FRENCH = [["Société", "Ville"], ["Café “Été” – 5 €", "Orléans"]]
ALL = [*CHINESE, *([*row[:3], "", ""] for row in (*TAIWANESE, *JAPANESE, *GERMAN))]
ENGLISH = [["name", "city", "note"], *([f"Acme {n}", "London", "hello world"] for n in range(400))]


def text(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def written(folder: Path, content: bytes) -> Path:
    path = folder / "rows.csv"
    path.write_bytes(content)
    return path


def read(path: Path, choices: Choices = FOUND_OUT) -> list[list[str]]:
    file = source(path, choices)
    lines = list(file)
    assert [line.problem for line in lines] == [None] * len(lines)
    return [file.header, *(line.cells for line in lines)]


@pytest.mark.parametrize(
    ("rows", "encoding"),
    [
        *(
            (ALL, one)
            for one in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
        ),
        *((CHINESE, one) for one in ("gb18030", "gbk", "gb2312")),
        (TAIWANESE, "big5"),
        (TAIWANESE, "cp950"),
        (JAPANESE, "shift-jis"),
        (JAPANESE, "cp932"),
        (GERMAN, "latin-1"),
        (GERMAN, "cp1252"),
        (FRENCH, "cp1252"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_an_encoding_and_a_delimiter_are_found_out(
    tmp_path: Path, rows: list[list[str]], encoding: str, delimiter: str
) -> None:
    content = text(rows, delimiter).encode(encoding)
    assert read(written(tmp_path, content)) == rows
    assert read(written(tmp_path, content), Choices(encoding, delimiter)) == rows


@pytest.mark.parametrize(
    ("rows", "encoding"),
    [(CHINESE, "gb18030"), (TAIWANESE, "big5"), (JAPANESE, "shift-jis"), (GERMAN, "latin-1")],
)
def test_few_words_among_much_english_are_found_out(
    tmp_path: Path, rows: list[list[str]], encoding: str
) -> None:
    rows = [*ENGLISH, *(row[:3] for row in rows)]
    assert read(written(tmp_path, text(rows).encode(encoding))) == rows


@given(name=st.text(st.characters(min_codepoint=0x20, codec="gb18030"), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_mapping_says_is_read_exactly(tmp_path: Path, name: str) -> None:
    rows = [["名称", "备注"], [name, "x"]]
    content = text(rows).encode("gb18030")
    assert read(written(tmp_path, content), Choices("gb18030", ",")) == rows


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "rows",
    [
        CHINESE,
        JAPANESE,
        [["名称"], ["上海云泽科技"], ["鸿海精密"]],
        [["Имя", "Город"], ["Ольга", "Москва"]],
        [["名称", "备注"], *[["上海一一〇", "系统上线，上海客户反馈。" * 9]] * 9],
    ],
)
def test_little_text_in_utf16_needs_no_mark(
    tmp_path: Path, rows: list[list[str]], codec: str
) -> None:
    assert read(written(tmp_path, text(rows).encode(codec))) == rows


@pytest.mark.parametrize(
    ("rows", "encoding"),
    [(CHINESE, "utf-8"), (CHINESE, "gb18030"), (GERMAN, "cp1252"), (ENGLISH, "utf-8")],
)
@pytest.mark.parametrize("after", [b",", b"\r\n", b"e"])
def test_a_few_nuls_make_no_utf16(
    tmp_path: Path, rows: list[list[str]], encoding: str, after: bytes
) -> None:
    content = text(rows).encode(encoding).replace(after, after + b"\0", 2)
    file = source(written(tmp_path, content), FOUND_OUT)
    assert "UTF-16" not in str(file.form)


def test_utf16_that_is_said_needs_no_mark(tmp_path: Path) -> None:
    for codec in ("utf-16-le", "utf-16-be"):
        assert read(written(tmp_path, text(ALL).encode(codec)), Choices("utf-16")) == ALL
    path = written(tmp_path, b"a,b\n1,2")
    with pytest.raises(UnreadableFile, match="is not UTF-16, little-endian: at line 1, column 4"):
        source(path, Choices("utf-16"))


def test_a_mark_outweighs_what_is_said(tmp_path: Path) -> None:
    content = text(ALL).encode("utf-8-sig")
    assert read(written(tmp_path, content), Choices("gb18030")) == ALL


def test_what_is_said_wrongly_is_refused_by_line_and_column(tmp_path: Path) -> None:
    path = written(tmp_path, text([*ENGLISH, ["Müller", "Köln", "x"]]).encode("latin-1"))
    with pytest.raises(UnreadableFile, match="is not UTF-8: at line 402, column 2, the byte fc"):
        source(path, Choices("utf-8"))


def test_what_comes_late_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.importing.encodings.SAMPLED", 64)
    rows = [*CHINESE, *[["上海云泽科技有限公司", "李", "1", "软件", "网站"]] * 50]
    content = text(rows).encode("gb18030")
    assert read(written(tmp_path, content)) == rows
    path = written(tmp_path, content + b'"\xff",1,2,3,4\r\n')
    with pytest.raises(UnreadableFile, match="at line 53, column 2, the byte ff"):
        source(path, FOUND_OUT)


@pytest.mark.parametrize("said", [None, "utf-8", "gb18030"])
@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ("utf-8", "gb18030", "UTF-8 down to line 21, GB18030 (GBK) from line 22 on"),
        ("gb18030", "utf-8", "GB18030 (GBK) down to line 21, UTF-8 from line 22 on"),
        ("utf-8-sig", "gb18030", "UTF-8 down to line 21, GB18030 (GBK) from line 22 on"),
    ],
)
def test_a_file_of_two_halves_is_refused_with_the_line_at_which_they_meet(
    tmp_path: Path, first: str, second: str, named: str, said: str | None
) -> None:
    lines = [f"上海云泽第{n}科技有限公司,李四,制造业\n" for n in range(40)]
    halves = (["名称,联系人,行业\n", *lines[:20]], lines[20:])
    content = b"".join("".join(h).encode(c) for h, c in zip(halves, (first, second), strict=True))
    path = written(tmp_path, content)
    with pytest.raises(UnreadableFile) as refusal:
        read(path, Choices(said))
    assert f"is in two encodings: {named}; it was put together of two files" in str(refusal.value)


@pytest.mark.parametrize("many", [1, 30])
def test_a_line_that_is_good_utf8_by_chance_makes_no_two_halves(tmp_path: Path, many: int) -> None:
    rows = [["名称", "行业"], *([f"上海云泽第{n}科技有限公司", "制造业"] for n in range(many))]
    path = written(tmp_path, text([*rows, ["a", "联通"]]).encode("gb18030"))
    assert read(path)[-1] == ["a", "联通"]


def test_a_fault_at_the_end_makes_no_two_halves(tmp_path: Path) -> None:
    path = written(tmp_path, text(CHINESE * 9).encode() + b"x,\xc3\x28,,,\n")
    with pytest.raises(UnreadableFile, match="is not UTF-8: at line 19, column 3, the byte c3"):
        read(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_a_hint_of_the_delimiter_is_no_header(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "sep=;\r\n名称;a,b,c,d\r\n云泽;1,2\r\n宁川\r\n".encode(encoding))
    file = source(path, FOUND_OUT)
    assert file.header == ["名称", "a,b,c,d"]
    first, second = file
    assert (first.number, first.cells) == (3, ["云泽", "1,2"])
    assert (second.number, second.problem) == (4, width_problem(1, 2))
    assert read(written(tmp_path, b"sep=fix\n1\n")) == [["sep=fix"], ["1"]]


@pytest.mark.parametrize("delimiter", [";;", '"', "\n", "\0", ""])
def test_a_delimiter_that_is_none(delimiter: str) -> None:
    with pytest.raises(UnreadableFile, match="must be one character"):
        Choices(delimiter=delimiter)


@pytest.mark.parametrize("name", ["klingon", "base64", "rot13", "zlib", "punycode", "idna"])
def test_an_encoding_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableFile, match="there is no encoding called"):
        source(written(tmp_path, b"a,b\n1,2\n"), Choices(name))


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("a\n4.5\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ('name,"a;b;c;d"\nx,y\n', ","),
        ("name\tnote\nAcme, Ltd\thello; world\n", "\t"),
        ("name|note; or not\nAcme|x\nB|y\n", "|"),
        ("时间\n10:30\n11:45\n", ","),
        ("a^b\n1^2\n", "^"),
        ("名称，电话\n张三，138\n", "，"),
        ("a\x01b\n1\x012\n", "\x01"),
        ("", ","),
    ],
)
def test_what_separates_cells(sample: str, delimiter: str) -> None:
    assert delimiter_of(sample) == delimiter


@pytest.mark.skipif(not BLNS.exists(), reason=f"{BLNS} is not here")
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_naughty_strings_come_back(tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = [["id", "text", "more"]]
    rows += [[str(n), one, one] for n, one in enumerate(json.loads(BLNS.read_text("utf-8")))]
    rows = [row for row in rows if "\0" not in row[1]]
    path = written(tmp_path, text(rows, delimiter).encode(encoding))
    said = Choices("gb18030") if encoding == "gb18030" else FOUND_OUT
    assert read(path, said) == rows


@pytest.mark.skipif(not CSVKIT.exists(), reason=f"{CSVKIT} is not here")
def test_odd_files_are_read_or_refused_and_never_shifted() -> None:
    separators = {"sniff_limit": ";"}
    encodings = {
        "test_latin1": "latin-1",
        "test_utf16_big": "utf-16",
        "test_utf16_little": "utf-16",
    }
    paths = sorted(CSVKIT.glob("*.csv"))
    assert len(paths) > 50
    for path in paths:
        if path.stem == "empty":
            with pytest.raises(UnreadableFile, match="is empty"):
                source(path, FOUND_OUT)
            continue
        file = source(path, FOUND_OUT)
        plain = path.read_bytes().decode(encodings.get(path.stem, "utf-8-sig"))
        reader = csv.reader(
            io.StringIO(plain, newline=""), delimiter=separators.get(path.stem, ",")
        )
        header, *rows = (row for row in reader if row)
        assert file.header == header, path
        lines = list(file)
        assert [line.cells for line in lines] == rows, path
        for line in lines:
            is_row = len(line.cells) == len(header) and not any("\0" in c for c in line.cells)
            assert (line.problem is None) == is_row, (path, line)


def big(path: Path, size: int) -> int:
    """A file of that many bytes; answers its rows."""
    line = "上海云泽科技有限公司,张三,13800000001,2026-03-01,12.50,一段说明文字\n".encode("gb18030")
    count = size // len(line)
    with path.open("wb") as file:
        file.write("客户名称,联系人,电话,日期,金额,备注\n".encode("gb18030"))
        for _ in range(count // 1000):
            file.write(line * 1000)
    return count // 1000 * 1000


def peak_of_reading(path: Path, rows: int) -> int:
    """Bytes of memory taken at most while the file was found out and read."""
    source(path, FOUND_OUT)  # The detector loads what it knows of languages, once.
    tracemalloc.start()
    try:
        file = source(path, FOUND_OUT)
        Finding(file)
        assert sum(line.problem is None for line in file) == rows
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = big(path, 12_000_000)
    assert peak_of_reading(path, rows) < 10_000_000


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_big_file_takes_no_more_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = big(path, 200_000_000)
    assert peak_of_reading(path, rows) < 10_000_000


def test_a_file_without_an_end_of_line_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.importing.reading.LONGEST_ROW", 10_000)
    [line] = CsvFile(written(tmp_path, b"a,b\n" + b"x," * 100_000))
    assert line.number == 2
    assert line.problem is not None
    assert "characters, or a quote" in str(line.problem)
    assert len(line.cells[0]) == 10_000
