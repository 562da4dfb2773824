"""What became of the rows: counts that add up, and what there is to say of single ones."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal
from uuid import UUID

from adapters.importing.sources import Line
from adapters.remarks import Remark, Saying

Noted = tuple[Line, Remark]
"""A row, and what there is to say of it."""
Outcome = Literal["created", "updated", "skipped", "refused"]
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
        return by_line(self.refusals)

    def dangling_in_order(self) -> list[Noted]:
        """What points nowhere, in the order of the file."""
        return by_line(self.dangling)

    def suspicious_in_order(self) -> list[Noted]:
        """What looks wrong, in the order of the file."""
        return by_line(self.suspicious)

    def overwritten_in_order(self) -> list[Noted]:
        """What was replaced, in the order of the file."""
        return by_line(self.overwritten)

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


def by_line(rows: Iterable[Noted]) -> list[Noted]:
    """In the order of the file."""
    return sorted(rows, key=lambda row: row[0].number)
