"""What an import reads, whatever it is written in: a header, and rows with where they stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from os import fstat
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TextIO

from adapters.remarks import Remark, Remarkable, Saying


class UnreadableFile(Remarkable):
    """The file as a whole cannot be read; the message says why and what to do."""


class NoSheet(UnreadableFile):
    """The file has no sheet of the name that was given."""


class Line(NamedTuple):
    """One row of the file as it stands there."""

    number: int
    """The file's line on which it begins, or the sheet's row; the header is on line 1."""
    cells: list[str]
    """As many as the header has, unless there is a problem."""
    problem: Remark | None = None
    """Why it is no row; ``cells`` then hold what could be read."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody said of the file; None: it is found out."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        """Raises UnreadableFile where the delimiter cannot be one."""
        given = self.delimiter
        if given is not None and (len(given) != 1 or given in '"\r\n\0'):
            raise UnreadableFile("file.delimiter")

    def over(self, other: "Choices") -> "Choices":
        """These, and where they say nothing, the others."""
        return Choices(
            self.encoding or other.encoding,
            self.delimiter or other.delimiter,
            self.sheet or other.sheet,
        )


FOUND_OUT = Choices()


@dataclass(frozen=True, slots=True)
class Form:
    """What a file is."""

    kind: Literal["CSV", "workbook", "vCard"]
    encoding: str | None = None
    """Its name among codecs; ``encoding_name`` is that for people. None for a workbook."""
    encoding_name: str | None = None
    encoding_by: Literal["mark", "mapping", "content"] | None = None
    """Who says that it is this encoding: the file's mark, somebody, or its content."""
    delimiter: str | None = None
    sheet: str | None = None
    sheets: tuple[str, ...] = ()

    @property
    def said(self) -> Remark:
        if self.sheet is not None:
            others = tuple(name for name in self.sheets if name != self.sheet)
            return Remark("file.workbook", sheet=self.sheet, others=others or None)
        between = None if self.delimiter is None else spoken(self.delimiter)
        return Remark("file.text", kind_of=self.kind, encoding=self.encoding_name, between=between)

    @property
    def is_utf8(self) -> bool:
        return self.encoding == "utf-8-sig"


def spoken(delimiter: str) -> Saying:
    """A delimiter as one says it."""
    if delimiter == "\t":
        return Remark("file.tabs")
    return f'"{delimiter}"' if delimiter.isprintable() else repr(delimiter)


class Source(Protocol):
    """A file with a header. Iterating reads it anew, row by row."""

    path: Path
    header: list[str]
    delimiter: str
    """Of the file of refused rows."""

    def __iter__(self) -> Iterator[Line]: ...

    @property
    def form(self) -> Form: ...

    @property
    def share(self) -> float | None:
        """How much of it the latest iteration has read, from 0 to 1; None: nobody knows."""
        ...


class Watched:
    """A text file that is being read, and how much of it was."""

    def __init__(self) -> None:
        self._file: TextIO | None = None
        self._size = 0

    def watch(self, file: TextIO) -> None:
        self._file, self._size = file, fstat(file.fileno()).st_size

    @property
    def share(self) -> float:
        if self._file is None:
            return 0.0
        if self._file.closed or not self._size:
            return 1.0
        return min(1.0, self._file.buffer.tell() / self._size)


def width_problem(found: int, header: int) -> Remark:
    return Remark("lines.width", found=found, header=header)


def require_header(path: Path, names: list[str]) -> list[str]:
    """The names of columns. Raises UnreadableFile where two are the same."""
    named = [name for name in names if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise UnreadableFile("file.twice", path=str(path), names=tuple(twice))
    return names
