"""Telling: how far an import is and what was noticed, as it is kept and answered."""

from collections.abc import Iterator, Sequence
from typing import Any

from adapters.importing.detecting import Detected, DetectedColumn
from adapters.importing.pace import pace
from adapters.importing.report import OUTCOMES, Report
from adapters.importing.sources import Line

LISTED = 20
"""Rows that are told with their reasons; of refused ones, all are in their file."""
MOST_COLUMNS = 200


def told(report: Report, detected: Detected, share: float | None) -> dict[str, Any]:
    """Counts, pace, and the first of what was noticed."""
    at = pace(report, share)
    return {
        **begun(detected),
        "rows_read": report.read,
        **{f"rows_{name}": report.outcomes[name] for name in OUTCOMES},
        "rows_total": at.total,
        "rows_per_second": round(at.rate, 1),
        "seconds_left": None if at.seconds_left is None else round(at.seconds_left),
        "incomplete": report.incomplete,
        "entered_on_the_way": dict(report.parts),
        "refused": _listed(report.refusals, "reason"),
        "suspicious": _listed(report.suspicious, "says"),
        "dangling": _listed(report.dangling, "lacks"),
        "overwritten": _listed(report.overwritten, "replaces"),
    }


def begun(detected: Detected) -> dict[str, Any]:
    """What a file was taken for."""
    form = detected.form
    return {
        "detected": {
            "kind": form.kind,
            "encoding": form.encoding_name,
            "delimiter": form.delimiter,
            "sheet": form.sheet,
            "sheets": list(form.sheets),
            "columns": [*map(_column, detected.columns[:MOST_COLUMNS])],
        }
    }


def _column(column: DetectedColumn) -> dict[str, Any]:
    said: dict[str, Any] = {"name": column.name, "samples": list(column.samples)}
    if column.dates is not None:
        said["dates"] = {"order": column.dates.order, "decided_by": column.dates.because}
    if column.numbers is not None:
        said["numbers"] = {"decimal": column.numbers.mark, "signs": list(column.numbers.signs)}
    return said


def _listed(rows: Sequence[tuple[Line, str]], called: str) -> dict[str, Any]:
    return {"count": len(rows), "first": [*_first(rows, called)]}


def _first(rows: Sequence[tuple[Line, str]], called: str) -> Iterator[dict[str, Any]]:
    for line, said in sorted(rows[:LISTED], key=lambda row: row[0].number):
        yield {"line": line.number, called: said}
