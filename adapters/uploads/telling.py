"""Telling: how far an import is and what was noticed, as it is kept and answered."""

from collections.abc import Sequence
from typing import Any

from adapters.importing.detecting import Detected, DetectedColumn
from adapters.importing.pace import pace
from adapters.importing.report import OUTCOMES, Noted, Report
from adapters.remarks import Saying
from adapters.texts import LANGUAGES, Texts

LISTED = 20
"""Rows that are told with their reasons; of refused ones, all are in their file."""
MOST_COLUMNS = 200


def told(report: Report, detected: Detected, share: float | None, texts: Texts) -> dict[str, Any]:
    """Counts, pace, and the first of what was noticed, in every language."""
    at = pace(report, share)
    return {
        **begun(detected),
        "rows_read": report.read,
        **{f"rows_{name}": report.to_show[name] for name in OUTCOMES},
        "rows_total": at.total,
        "rows_per_second": round(at.rate, 1),
        "seconds_left": None if at.seconds_left is None else round(at.seconds_left),
        "incomplete": report.incomplete,
        "entered_on_the_way": dict(report.parts),
        "refused": _listed(report.refusals, "reason", texts),
        "suspicious": _listed(report.suspicious, "says", texts),
        "dangling": _listed(report.dangling, "lacks", texts),
        "overwritten": _listed(report.overwritten, "replaces", texts),
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


def _listed(rows: Sequence[Noted], called: str, texts: Texts) -> dict[str, Any]:
    first = sorted(rows[:LISTED], key=lambda row: row[0].number)
    told = [{"line": line.number, called: in_all(said, texts)} for line, said in first]
    return {"count": len(rows), "first": told}


def in_all(saying: Saying, texts: Texts) -> dict[str, str]:
    """What is said, in every language: so it can be read when its key is no more."""
    return {language: texts.told(saying, language) for language in LANGUAGES}


def spoken(told: Any, language: str) -> Any:
    """What was kept, in one language; a text that was kept alone is what it is."""
    if isinstance(told, list):
        return [spoken(one, language) for one in told]
    if not isinstance(told, dict):
        return told
    if told.keys() == set(LANGUAGES):
        return told[language]
    return {name: spoken(one, language) for name, one in told.items()}
