"""Archiving: taking a record out of use without losing any of it."""

from aggregates.base import Trait
from aggregates.errors import Rejected
from aggregates.events import Event

STILL_TAKEN = frozenset({"archive", "restore", "withdraw", "reinstate"})
"""Commands that an archived record takes."""


class RecordArchived(Rejected):
    """The record is archived."""


class Archivable(Trait):
    """Can be taken out of use and brought back. What it holds, such as its name, stays taken."""

    KEPT = frozenset({"is_archived"})

    is_archived: bool = False

    class Archived(Event):
        STEP = "is_archived"

        def apply(self, aggregate: "Archivable") -> None:
            aggregate.is_archived = True

    class Restored(Event):
        STEP = "is_archived"

        def apply(self, aggregate: "Archivable") -> None:
            aggregate.is_archived = False

    def archive(self) -> None:
        """Hide it from lists and refuse changes until it is restored."""
        if not self.is_archived:
            self.record(self.Archived())

    def restore(self) -> None:
        if self.is_archived:
            self.record(self.Restored())

    def require_usable(self, verb: str) -> None:
        super().require_usable(verb)
        self.require(not self.is_archived or verb in STILL_TAKEN, RecordArchived)
