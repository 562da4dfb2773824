"""Reading a CSV file (RFC 4180): rows with the line on which each begins."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from adapters.importing.dialects import delimiter_of
from adapters.importing.encodings import Encoding, encoding_of
from adapters.importing.sources import (
    Form,
    Line,
    UnreadableFile,
    Watched,
    require_header,
    width_problem,
)
from adapters.remarks import Remark, of_system

LONGEST_CELL = 1_000_000
"""Characters; far more than any field takes. A longer cell is a quote that was never closed."""
PATIENCE = 50 * LONGEST_CELL
"""Characters that are read again, in all, for a row turned out to be none."""
LONGEST_ROW = 20 * LONGEST_CELL
"""Characters, so that a file without an end of line does not fill the memory."""
HINT = re.compile(r"\ufeff?sep=([^\r\n\"\0])\r?\n")
"""A line that spreadsheets put before the header, for each other, and that is none of it."""
SAMPLED = 1 << 14
"""Characters at the beginning from which the delimiter is found out."""


class CsvFile:
    """A CSV file with a header. Iterating reads it anew, row by row; blank lines are no rows."""

    def __init__(
        self,
        path: Path,
        delimiter: str | None = None,
        encoding: Encoding | str | None = None,
    ) -> None:
        """None: found out. Raises UnreadableFile."""
        self.path, self._watched = path, Watched()
        csv.field_size_limit(LONGEST_CELL)
        try:
            if not isinstance(encoding, Encoding):
                encoding = encoding_of(path, encoding)
            self.encoding = encoding
            sample = self._sample()
            hint = HINT.match(sample)
            self._hints = 0 if hint is None else 1
            self.delimiter = delimiter or (hint[1] if hint else delimiter_of(sample))
            self.header = self._header()
        except OSError as error:
            raise UnreadableFile(
                "file.unreadable", path=str(path), said=of_system(error)
            ) from error

    def __iter__(self) -> Iterator[Line]:
        with self._opened() as file:
            self._watched.watch(file)
            rows = self._lines(file)
            next(rows)
            for line in rows:
                yield self._checked(line)

    @property
    def form(self) -> Form:
        codec, by = self.encoding.codec, self.encoding.by
        return Form("CSV", codec, str(self.encoding), by, self.delimiter)

    @property
    def share(self) -> float:
        return self._watched.share

    def _opened(self) -> TextIO:
        return self.path.open(encoding=self.encoding.codec, newline="")

    def _sample(self) -> str:
        """The first lines of the file, whole where they are not too long."""
        with self._opened() as file:
            sample = file.read(SAMPLED)
        whole = max(sample.rfind("\n"), sample.rfind("\r")) + 1
        return sample[:whole] if len(sample) == SAMPLED and whole else sample

    def _lines(self, file: TextIO) -> Iterator[Line]:
        lines = _Lines(file)
        for _ in range(self._hints):
            next(lines)
        return _rows(lines, self.delimiter)

    def _header(self) -> list[str]:
        with self._opened() as file:
            first = next(self._lines(file), None)
        if first is None:
            raise UnreadableFile("file.empty", path=str(self.path))
        if first.problem is not None:
            raise UnreadableFile("file.header", path=str(self.path), said=first.problem)
        return require_header(self.path, first.cells)

    def _checked(self, line: Line) -> Line:
        problem = line.problem
        if problem is None and len(line.cells) != len(self.header):
            problem = width_problem(len(line.cells), len(self.header))
        elif problem is None and "\0" in "".join(line.cells):
            problem = Remark("lines.nul")
        return line if problem is None else Line(line.number, line.cells, problem)


class _Lines:
    """A file's lines, remembering those that the row being read has taken."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._returned: deque[str] = deque()
        self.number = 0
        self.taken: list[str] = []
        self.size = 0
        """Characters of those."""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else self._file.readline(LONGEST_ROW)
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        self.size += len(line)
        if self.size >= LONGEST_ROW:
            self._skip_rest(line)
            raise csv.Error("field larger than a row may be")
        return line

    def _skip_rest(self, line: str) -> None:
        """Of a line that is longer than a row may be, the rest is not kept."""
        while line and not line.endswith(("\n", "\r")):
            line = self._file.readline(LONGEST_ROW)

    def begin(self) -> None:
        """A new row."""
        self.taken.clear()
        self.size = 0

    def give_back(self) -> None:
        """Read all lines that were taken again, but the first."""
        self._returned.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1

    @property
    def first(self) -> int:
        """Number of the first line that was taken."""
        return self.number - len(self.taken) + 1


def _rows(lines: _Lines, delimiter: str) -> Iterator[Line]:
    """Rows; where one is no valid CSV, its first line is refused, and the next line begins a row:
    a quote that is never closed takes one row with it, and not the rest of the file."""
    reader, patience = csv.reader(lines, delimiter=delimiter, strict=True), PATIENCE
    while patience > 0:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            refused = Line(lines.first, [lines.taken[0].rstrip("\r\n")], _problem(error))
            patience -= lines.size if len(lines.taken) > 1 else 0
            lines.give_back()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            yield refused
            continue
        if cells:
            yield Line(lines.first, cells)
    yield from _unread(lines)


def _unread(lines: _Lines) -> Iterator[Line]:
    """The rest of a file that is in no order."""
    while True:
        lines.begin()
        try:
            text = next(lines)
        except StopIteration:
            return
        except csv.Error:
            text = lines.taken[0]
        text = text.rstrip("\r\n")
        yield Line(lines.first, [text], Remark("lines.unread"))


def _problem(error: csv.Error) -> Remark:
    said = str(error)
    if "field larger" in said:
        return Remark("lines.long-cell", most=f"{LONGEST_CELL:,}")
    if "unexpected end" in said:
        return Remark("lines.open-quote")
    if "expected after" in said:
        return Remark("lines.after-quote")
    return Remark("lines.no-csv", said=said)
