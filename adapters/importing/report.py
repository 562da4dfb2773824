"""What became of the rows: counts that add up, and a file of those that were refused."""

import csv
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Literal

from adapters.importing.mapping import REPORTED
from adapters.importing.reading import Line

Outcome = Literal["created", "updated", "skipped", "refused"]
OUTCOMES: tuple[Outcome, ...] = ("created", "updated", "skipped", "refused")


@dataclass(slots=True)
class Report:
    """What became of the rows that were read. ``read`` is the sum of the others at the end."""

    read: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    incomplete: int = 0
    """How many of those created lack fields that are required of everybody else."""
    refusals: list[tuple[Line, str]] = field(default_factory=list)
    started: float = field(default_factory=monotonic)

    def refuse(self, line: Line, reason: str) -> None:
        self.outcomes["refused"] += 1
        self.refusals.append((line, reason))

    @property
    def decided(self) -> int:
        return self.outcomes.total()

    @property
    def rate(self) -> float:
        """Rows per second so far."""
        return self.decided / max(monotonic() - self.started, 1e-9)

    def __str__(self) -> str:
        parts = ", ".join(f"{self.outcomes[name]:,} {name}" for name in OUTCOMES)
        return f"{self.read:,} rows read = {parts}"


def write_refusals(report: Report, header: Sequence[str], source: Path, delimiter: str) -> Path:
    """Write the refused rows as they were, with line and reason; answers where."""
    path = refused_path(source)
    width = len(header)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow([*header, *REPORTED])
        for line, reason in sorted(report.refusals, key=lambda refusal: refusal[0].number):
            padded = line.cells[:width] + [""] * (width - len(line.cells))
            writer.writerow([*padded, line.number, reason, *line.cells[width:]])
    return path


def refused_path(source: Path) -> Path:
    """Beside the file; in the current folder where its own is not to be written to.

    Root may write everywhere; a folder that nobody else may write to is left alone all the same.
    """
    name = source.name + ".refused.csv"
    folder = source.absolute().parent
    is_writable = os.access(folder, os.W_OK) and folder.stat().st_mode & 0o222
    return folder / name if is_writable else Path.cwd() / name
