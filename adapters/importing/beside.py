"""Files that an import leaves beside the one that it read: of rows that were refused, and of rows
of which there is something else to say."""

import csv
import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from adapters.importing.mapping import REPORTED, reported_columns
from adapters.importing.report import Noted, Report, by_line
from adapters.importing.sources import Line
from adapters.importing.totals import is_total
from adapters.remarks import Remark

_OWN_HEADER = re.compile(r"line_*(.)reason_*(\1|$)")
MOST_OF_OTHERS = 10
"""Files of others whose names are avoided."""
ENDING, NOTED = ".refused.csv", ".noted.csv"
LONGEST_NAME = 255
"""Bytes, in most file systems."""


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
    given = report.in_order(), header, delimiter, told
    _write(path, *given, encoding="utf-8-sig" if is_marked else "utf-8")
    return path


def write_notes(
    report: Report,
    header: Sequence[str],
    source: Path,
    delimiter: str,
    *,
    told: Callable[[Remark], str] = str,
    is_marked: bool = False,
) -> Path:
    """Write the rows of which there is something else to say in the same way; answers where."""
    noted = by_line([*report.dangling, *report.suspicious, *report.overwritten])
    path = beside(source, NOTED)
    _write(path, noted, header, delimiter, told, encoding="utf-8-sig" if is_marked else "utf-8")
    return path


def _write(
    path: Path,
    noted: Iterable[Noted],
    header: Sequence[str],
    delimiter: str,
    told: Callable[[Remark], str],
    *,
    encoding: str,
) -> None:
    # A file of refused rows that is imported itself tells of its own lines, not of earlier ones.
    first = reported_columns(header)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow([*_free(header[first:]), *header[first:]])
        for line, reason in noted:
            writer.writerow([line.number, told(reason), *_as_it_was(line, len(header))[first:]])


def discard_refusals(source: Path) -> None:
    """Take away what an earlier import of the file left: it is not what is refused now."""
    with suppress(OSError):
        refused_path(source).unlink(missing_ok=True)


def discard_notes(source: Path) -> None:
    """The same of the rows of which there was something else to say."""
    with suppress(OSError):
        beside(source, NOTED).unlink(missing_ok=True)


def _as_it_was(line: Line, width: int) -> list[str]:
    """The row's cells, and one too many where only they would hide that it is no row."""
    if line.problem is None or is_total(line.problem):  # Which is seen by itself again.
        return line.cells
    looks_right = len(line.cells) == width and not any("\0" in cell for cell in line.cells)
    return [*line.cells, ""] if looks_right else line.cells


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
    """Where the refused rows of a file are."""
    return beside(source, ENDING)


def beside(source: Path, ending: str) -> Path:
    """Beside the file; in the current folder where its own is not to be written to. A file of this
    name that no import has written is left alone: then ours has a number.

    Root may write everywhere; a folder that nobody else may write to is left alone all the same.
    """
    folder = source.absolute().parent
    is_writable = os.access(folder, os.W_OK) and folder.stat().st_mode & 0o222
    place = folder if is_writable else Path.cwd()
    numbered = (f"{ending.removesuffix('.csv')}-{n}.csv" for n in range(2, MOST_OF_OTHERS))
    paths = [place / (_short(source.name) + end) for end in (ending, *numbered)]
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
