"""What an import reads, whatever it is written in: a header, and rows with where they stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the file as it stands there."""

    number: int
    """The file's line on which it begins, or the sheet's row; the header is on line 1."""
    cells: list[str]
    """As many as the header has, unless there is a problem."""
    problem: str | None = None
    """Why it is no row; ``cells`` then hold what could be read."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody said of the file; None: it is found out."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None

    def over(self, other: "Choices") -> "Choices":
        """These, and where they say nothing, the others."""
        return Choices(
            self.encoding or other.encoding,
            self.delimiter or other.delimiter,
            self.sheet or other.sheet,
        )


FOUND_OUT = Choices()


class Source(Protocol):
    """A file with a header. Iterating reads it anew, row by row."""

    path: Path
    header: list[str]
    delimiter: str
    """Of the file of refused rows."""

    def __iter__(self) -> Iterator[Line]: ...

    @property
    def form(self) -> str:
        """What the file is, in a few words: ``CSV in GB18030 (GBK), separated by ","``."""

    @property
    def is_marked(self) -> bool:
        """Whether its refused rows need a byte order mark, for the mapping may say otherwise."""


def width_problem(found: int, header: int) -> str:
    return f"has {found} cells where the header has {header}"


def require_header(path: Path, names: list[str]) -> list[str]:
    """The names of columns. Raises UnreadableFile where two are the same."""
    named = [name for name in names if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise UnreadableFile(f"{path} has several columns called {', '.join(twice)}")
    return names
