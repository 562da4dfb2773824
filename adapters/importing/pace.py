"""Pace: how fast an import goes, and how long it will still take, in a person's terms."""

from dataclasses import dataclass

from adapters.importing.report import Report
from adapters.remarks import Remark

SETTLED = 0.01
"""How much of the file must be read before anything is said of the rest."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How far an import is."""

    rate: float
    """Rows per second so far."""
    total: int | None
    """About how many rows the file has; None: nobody knows yet."""
    seconds_left: float | None

    @property
    def said(self) -> Remark:
        left = None if self.seconds_left is None else spoken(self.seconds_left)
        return Remark("pace.rate", rate=f"{self.rate:,.0f}", left=left)


def pace(report: Report, share: float | None) -> Pace:
    """``share``: how much of the file was read, from 0 to 1, if that is known."""
    if share is None or share < SETTLED or not report.decided:
        return Pace(report.rate, None, None)
    total = max(report.read, round(report.read / share))
    return Pace(report.rate, total, max(0.0, (total - report.decided) / report.rate))


def spoken(seconds: float) -> Remark:
    """``40 s``, ``3 min``, ``2 h 10 min``: no more exact than it can be known."""
    if seconds < 55:
        return Remark("pace.seconds", seconds=max(5, 5 * round(seconds / 5)))
    minutes = round(seconds / 60)
    if minutes < 60:
        return Remark("pace.minutes", minutes=minutes)
    hours, rest = divmod(10 * round(minutes / 10), 60)
    return Remark("pace.hours", hours=hours, minutes=rest or None)
