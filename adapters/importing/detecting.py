"""What was found out of a file, shown with samples before it is trusted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from adapters.importing.notations import (
    DateNotation,
    NumberNotation,
    dates,
    decides_date,
    decides_number,
    numbers,
)
from adapters.importing.sources import Form, Source
from adapters.remarks import Either, Remark, several

SAMPLED = 1_000
"""Rows from which notations are found out."""
SPOKEN = 12
"""Columns that are always shown; others only where there is something to say of them."""
SHOWN = 3
"""Values shown of each column."""
LONGEST_SHOWN = 60
"""Characters of a value that is shown."""


@dataclass(frozen=True, slots=True)
class DetectedColumn:
    """A column, and how its dates or numbers are written, if it holds some."""

    name: str
    samples: tuple[str, ...]
    dates: DateNotation | None = None
    numbers: NumberNotation | None = None


@dataclass(frozen=True, slots=True)
class Detected:
    """What a file is, as far as it says so."""

    form: Form
    columns: tuple[DetectedColumn, ...]
    sampled: int
    """Rows from which it was found out."""

    def dates(self, name: str) -> DateNotation | None:
        """How a column's dates are written, if it holds some."""
        return self._column(name).dates

    def numbers(self, name: str) -> NumberNotation | None:
        """How a column's numbers are written, if it holds some."""
        return self._column(name).numbers

    def _column(self, name: str) -> DetectedColumn:
        return next(column for column in self.columns if column.name == name)

    def lines(self) -> Iterator[Remark]:
        """What a person should see of it before it is trusted."""
        yield Remark("file.detected", form=self.form.said, columns=len(self.columns))
        named = [*self.columns[:SPOKEN], *filter(_notes, self.columns[SPOKEN:])]
        yield from map(_spoken, named)
        if len(named) < len(self.columns):
            yield Remark("file.more-columns", more=f"{len(self.columns) - len(named):,}")


class Notations(Protocol):
    """Knows how the columns of a file are written."""

    def dates(self, name: str) -> DateNotation | None: ...
    def numbers(self, name: str) -> NumberNotation | None: ...


class Finding:
    """Finds out what a file is: from its first rows, and of a column that those leave open, where
    it matters, from all of them."""

    def __init__(self, source: Source) -> None:
        self._source = source
        rows = list(islice(self._cells(), SAMPLED))
        self._columns = {
            at: _column(name, [row[at] for row in rows]) for at, name in enumerate(source.header)
        }
        self._sampled = len(rows)

    def detected(self) -> Detected:
        return Detected(self._source.form, tuple(self._columns.values()), self._sampled)

    def dates(self, name: str) -> DateNotation | None:
        """How a column's dates are written, if it holds some."""
        at = self._at(name)
        notation = self._columns[at].dates
        if notation is not None and notation.order is None and not notation.contradicting:
            notation = decides_date(self._further(at), notation)
            self._columns[at] = replace(self._columns[at], dates=notation)
        return notation

    def numbers(self, name: str) -> NumberNotation | None:
        """How a column's numbers are written, if it holds some."""
        at = self._at(name)
        notation = self._columns[at].numbers
        if notation is not None and notation.is_undecided:
            notation = decides_number(self._further(at), notation)
            self._columns[at] = replace(self._columns[at], numbers=notation)
        return notation

    def _at(self, name: str) -> int:
        return self._source.header.index(name)

    def _further(self, at: int) -> Iterator[str]:
        """The column's values behind those that were looked at."""
        return (row[at].strip() for row in islice(self._cells(), self._sampled, None))

    def _cells(self) -> Iterator[list[str]]:
        """Cells, as much of each as is looked at."""
        for line in self._source:
            if line.problem is None:
                yield [cell[: LONGEST_SHOWN + 1] for cell in line.cells]


def _column(name: str, cells: Sequence[str]) -> DetectedColumn:
    filled = [cell.strip() for cell in cells if cell.strip()]
    samples = tuple(_shown(cell) for cell in islice(dict.fromkeys(filled), SHOWN))
    found = dates(filled)
    return DetectedColumn(name, samples, found, None if found else numbers(filled))


def _shown(cell: str) -> str:
    """A cell on one line, none of whose characters does anything to a terminal."""
    text = "".join(sign if sign.isprintable() else " " for sign in cell[: LONGEST_SHOWN + 1])
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _spoken(column: DetectedColumn) -> Remark:
    notes = _notes(column)
    return Remark(
        "file.column",
        column=_shown(column.name) or Remark("suggestion.nameless"),
        samples=" | ".join(column.samples) or "-",
        notes=several(notes) if notes else None,
    )


def _notes(column: DetectedColumn) -> tuple[Remark, ...]:
    return (*_dates(column.dates), *_numbers(column.numbers))


def _dates(found: DateNotation | None) -> Iterator[Remark]:
    if found is None:
        return
    if found.contradicting:
        one, other = found.contradicting
        yield Remark("file.dates-contradict", one=one, other=other)
    elif found.order is None:
        yield Remark("file.dates-undecided", readings=Either(found.readings))
    elif found.because is not None:
        yield Remark("file.dates", order=Remark(f"file.{found.order}"), because=found.because)


def _numbers(found: NumberNotation | None) -> Iterator[Remark]:
    if found is None:
        return
    if found.is_undecided:
        yield Remark("file.numbers-undecided", example=found.example)
    elif found.contradicting is not None:
        yield Remark("file.numbers-contradict", one=found.example, other=found.contradicting)
    elif not found.is_plain and found.because is not None:
        yield Remark("file.decimals", mark=found.mark, because=found.because)
    if found.signs:
        yield Remark("file.currency", signs=" ".join(found.signs))
