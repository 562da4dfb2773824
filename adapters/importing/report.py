"""What became of the rows: counts that add up, and a file of those that were refused."""

import csv
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Literal
from uuid import UUID

from adapters.importing.mapping import REPORTED, is_reported
from adapters.importing.sources import Line
from adapters.remarks import Remark, Saying

Noted = tuple[Line, Remark]
"""A row, and what there is to say of it."""
Outcome = Literal["created", "updated", "skipped", "refused"]
_OWN_HEADER = re.compile(r"line_*(.)reason_*(\1|$)")
MOST_OF_OTHERS = 10
"""Files of others whose names are avoided."""
ENDING = ".refused.csv"
LONGEST_NAME = 255
"""Bytes, in most file systems."""
OUTCOMES: tuple[Outcome, ...] = ("created", "updated", "skipped", "refused")


@dataclass(slots=True)
class Report:
    """What became of the rows that were read. ``read`` is the sum of the others at the end."""

    read: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    shifted: Counter[Outcome] = field(default_factory=Counter)
    """What is to be added so that the outcomes are those of all runs of the import together: a row
    that an earlier one has entered is skipped by this one."""
    incomplete: int = 0
    """How many of those created lack, after all their commands, fields that are required of
    everybody else."""
    refusals: list[Noted] = field(default_factory=list)
    """In the order in which they were decided."""
    dangling: list[Noted] = field(default_factory=list)
    """Rows that were taken without something they refer to, for it is not there."""
    suspicious: list[Noted] = field(default_factory=list)
    """Rows that were taken as they are, and look wrong."""
    overwritten: list[Noted] = field(default_factory=list)
    """Rows that replaced what was recorded, and what."""
    parts: Counter[str] = field(default_factory=Counter)
    """What was entered beside the rows' own records: kind → how many."""
    unwritten: Saying | None = None
    """Why there is no file of the refused rows, where it could not be written."""
    is_resumed: bool = False
    """Whether it goes on with an import that has begun before and did not come to its end."""
    import_id: UUID | None = None
    """The import's, by which it can be reverted; None in a rehearsal."""
    started: float = field(default_factory=monotonic)

    def add(self, other: "Report") -> None:
        """Count what became of further rows, too."""
        self.read += other.read
        self.incomplete += other.incomplete
        self.outcomes.update(other.outcomes)
        self.shifted.update(other.shifted)
        self.parts.update(other.parts)
        self.refusals += other.refusals
        self.dangling += other.dangling
        self.suspicious += other.suspicious
        self.overwritten += other.overwritten

    def count(self, outcome: Outcome, before: Outcome | None) -> None:
        """Account for a row that was taken; ``before``: what earlier runs have made of it."""
        self.outcomes[outcome] += 1
        if before is not None:
            self.shifted[outcome] -= 1
            self.shifted[before] += 1

    @property
    def in_all(self) -> Counter[Outcome]:
        """What became of the rows in all runs of the import: they add up to those read, too."""
        return Counter({name: self.outcomes[name] + self.shifted[name] for name in OUTCOMES})

    @property
    def to_show(self) -> Counter[Outcome]:
        """Of one that goes on where it was cut off, what all runs did; else what this one did."""
        return self.in_all if self.is_resumed else self.outcomes

    def refuse(self, line: Line, reason: Remark) -> None:
        self.outcomes["refused"] += 1
        self.refusals.append((line, reason))

    def in_order(self) -> list[Noted]:
        """The refusals in the order of the file."""
        return _by_line(self.refusals)

    def dangling_in_order(self) -> list[Noted]:
        """What points nowhere, in the order of the file."""
        return _by_line(self.dangling)

    def suspicious_in_order(self) -> list[Noted]:
        """What looks wrong, in the order of the file."""
        return _by_line(self.suspicious)

    def overwritten_in_order(self) -> list[Noted]:
        """What was replaced, in the order of the file."""
        return _by_line(self.overwritten)

    @property
    def decided(self) -> int:
        return self.outcomes.total()

    @property
    def rate(self) -> float:
        """Rows per second so far."""
        return self.decided / max(monotonic() - self.started, 1e-9)

    @property
    def sum(self) -> Remark:
        """That every row is accounted for."""
        return self._sum(self.outcomes)

    @property
    def sum_in_all(self) -> Remark | None:
        """The same of all runs of the import; None where that is the same."""
        return self._sum(self.in_all) if any(self.shifted.values()) else None

    def _sum(self, outcomes: Counter[Outcome]) -> Remark:
        counts = {name: f"{outcomes[name]:,}" for name in OUTCOMES}
        return Remark("report.sum", read=f"{self.read:,}", **counts)

    def __str__(self) -> str:
        return str(self.sum)


def _by_line(rows: Iterable[Noted]) -> list[Noted]:
    return sorted(rows, key=lambda row: row[0].number)


def write_refusals(
    report: Report,
    header: Sequence[str],
    source: Path,
    delimiter: str,
    *,
    told: Callable[[Remark], str] = str,
    is_marked: bool = False,
) -> Path:
    """Write the refused rows as they were, line and reason before them; answers where.

    Unrepaired, they are refused again: a row with too few cells is written with too few.
    ``told``: says a reason in the language of whoever mends them.
    ``is_marked``: it begins with a byte order mark, which outweighs an encoding in a mapping.
    """
    path = refused_path(source)
    # A file of refused rows that is imported itself tells of its own lines, not of earlier ones.
    first = len(REPORTED) if [*map(is_reported, header[: len(REPORTED)])] == [True, True] else 0
    with path.open("w", encoding="utf-8-sig" if is_marked else "utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow([*_free(header[first:]), *header[first:]])
        for line, reason in report.in_order():
            writer.writerow([line.number, told(reason), *_as_it_was(line, len(header))[first:]])
    return path


def discard_refusals(source: Path) -> None:
    """Take away what an earlier import of the file left: it is not what is refused now."""
    with suppress(OSError):
        refused_path(source).unlink(missing_ok=True)


def _as_it_was(line: Line, width: int) -> list[str]:
    """The row's cells, and one too many where only they would hide that it is no row."""
    looks_right = len(line.cells) == width and not any("\0" in cell for cell in line.cells)
    return [*line.cells, ""] if line.problem is not None and looks_right else line.cells


def _free(taken: Sequence[str]) -> list[str]:
    """Names of the columns of line and reason that are not taken."""
    names = []
    for name in REPORTED:
        while name in taken:
            name += "_"
        names.append(name)
    return names


def _short(name: str) -> str:
    """The name, or where no file could be called so with an ending, its beginning and a digest."""
    given, most = os.fsencode(name), LONGEST_NAME - len(ENDING)
    if len(given) <= most:
        return name
    digest = sha256(given).hexdigest()[:8]
    return given[: most - len(digest) - 1].decode(errors="ignore") + "-" + digest


def refused_path(source: Path) -> Path:
    """Beside the file; in the current folder where its own is not to be written to. A file of this
    name that no import has written is left alone: then ours has a number.

    Root may write everywhere; a folder that nobody else may write to is left alone all the same.
    """
    folder = source.absolute().parent
    is_writable = os.access(folder, os.W_OK) and folder.stat().st_mode & 0o222
    place = folder if is_writable else Path.cwd()
    endings = (ENDING, *(f".refused-{number}.csv" for number in range(2, MOST_OF_OTHERS)))
    paths = [place / (_short(source.name) + ending) for ending in endings]
    return next((path for path in paths if _is_ours(path)), paths[0])


def _is_ours(path: Path) -> bool:
    """Whether nothing is there, or what an import has written."""
    if not path.is_file():
        return True
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _OWN_HEADER.match(file.readline(100)) is not None
    except (OSError, UnicodeDecodeError):
        return False
