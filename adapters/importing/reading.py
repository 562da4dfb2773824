"""Reading a CSV file (RFC 4180, UTF-8): rows with the line on which each begins."""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

LONGEST_CELL = 1_000_000
"""Characters; far more than any field takes. A longer cell is a quote that was never closed."""
BLOCK = 1 << 20
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_ZIP = b"PK\x03\x04"


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the file as it stands there."""

    number: int
    """The file's line on which it begins; the header is on line 1."""
    cells: list[str]
    """As many as the header has, unless there is a problem."""
    problem: str | None = None
    """Why it is no row; ``cells`` then hold what could be read."""


class CsvFile:
    """A CSV file with a header. Iterating reads it anew, row by row; blank lines are no rows."""

    def __init__(self, path: Path, delimiter: str = ",") -> None:
        """Raises UnreadableFile."""
        self.path, self.delimiter = path, delimiter
        csv.field_size_limit(LONGEST_CELL)
        try:
            require_utf8(path)
            self.header = self._header()
        except OSError as error:
            raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from error

    def __iter__(self) -> Iterator[Line]:
        with self._opened() as file:
            rows = _rows(file, self.delimiter)
            next(rows)
            for line in rows:
                yield self._checked(line)

    def _opened(self) -> TextIO:
        return self.path.open(encoding="utf-8-sig", newline="")

    def _header(self) -> list[str]:
        with self._opened() as file:
            first = next(_rows(file, self.delimiter), None)
        if first is None:
            raise UnreadableFile(f"{self.path} is empty: its first line should name the columns")
        if first.problem is not None:
            raise UnreadableFile(f"{self.path}: the line of column names {first.problem}")
        named = [name for name in first.cells if name]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise UnreadableFile(f"{self.path} has several columns called {', '.join(twice)}")
        return first.cells

    def _checked(self, line: Line) -> Line:
        problem = line.problem
        if problem is None and len(line.cells) != len(self.header):
            problem = f"has {len(line.cells)} cells where the header has {len(self.header)}"
        elif problem is None and any("\0" in cell for cell in line.cells):
            problem = "contains NUL"
        return line if problem is None else Line(line.number, line.cells, problem)


class _Lines:
    """A file's lines, remembering those that the row being read has taken."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0
        self.taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._file)
        self.number += 1
        self.taken.append(line)
        return line

    @property
    def first(self) -> int:
        """Number of the first line that was taken."""
        return self.number - len(self.taken) + 1


def _rows(file: TextIO, delimiter: str) -> Iterator[Line]:
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            is_endless = "field larger" in str(error)
            yield Line(lines.first, ["".join(lines.taken)], _problem(error, is_endless))
            if is_endless:
                return  # Where the cell should have ended nobody knows.
            continue
        if cells:
            yield Line(lines.first, cells)


def _problem(error: csv.Error, is_endless: bool) -> str:
    if is_endless:
        return (
            f"has a cell of more than {LONGEST_CELL:,} characters, probably a quote that is never "
            "closed: nothing was read from here on"
        )
    return f"is not valid CSV: {error}"


def require_utf8(path: Path) -> None:
    """Raise UnreadableFile, naming the likely encoding, where the file is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with path.open("rb") as file:
        block = file.read(BLOCK)
        if block.startswith(_ZIP):
            raise UnreadableFile(f"{path} is a workbook, not CSV; save it as CSV in UTF-8")
        for mark, name in _BYTE_ORDER_MARKS:
            if block.startswith(mark):
                raise UnreadableFile(f"{path} is {name}; save it as UTF-8 and import it again")
        while True:
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                raise UnreadableFile(_other_encoding(path, line)) from None
            if not block:
                return
            line += block.count(b"\n")
            block = file.read(BLOCK)


def _other_encoding(path: Path, line: int) -> str:
    guess = "another encoding"
    try:
        path.read_bytes().decode("gb18030")
        guess = "probably GB18030 (GBK)"
    except UnicodeDecodeError:
        pass
    return f"{path} is not UTF-8 but {guess} (line {line}); save it as UTF-8 and import it again"
