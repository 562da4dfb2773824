"""Withdrawing: taking a record back as if it had never been entered, without losing any of it."""

from collections.abc import Iterable
from uuid import UUID

from aggregates.base import Aggregate, Reservation, Trait
from aggregates.errors import Rejected
from aggregates.events import Event
from aggregates.parts import Parted

ENDING = frozenset({"withdraw", "reinstate"})
"""Commands that any record takes, archived ones too."""


class RecordWithdrawn(Rejected):
    """The record was withdrawn."""


class ChangedSince(Rejected):
    """Somebody else has changed the record since."""


class NotRevertible(Rejected):
    """What was done with the record cannot be taken back."""


class Withdrawable(Trait):
    """Can be taken back. What it held, such as its name, is free again; lists leave it out, and
    what was recorded on it, such as interactions; the history keeps all."""

    KEPT = frozenset({"is_withdrawn"})

    is_withdrawn: bool = False

    class Withdrawn(Event):
        def apply(self, aggregate: "Withdrawable") -> None:
            aggregate.is_withdrawn = True

    class Reinstated(Event):
        def apply(self, aggregate: "Withdrawable") -> None:
            aggregate.is_withdrawn = False

    def withdraw(self, parts: Iterable[UUID] = ()) -> None:
        """Take it back, with these parts."""
        if self.is_withdrawn:
            return
        self.record(self.Withdrawn())
        if isinstance(self, Parted):
            for part_id in parts:
                self.record(self.PartWithdrawn(withdrawn_part_id=part_id))

    def reinstate(self, parts: Iterable[UUID] = ()) -> None:
        """Have it again, with these parts, as it was; refused when stored where another record
        holds by now what it held."""
        if not self.is_withdrawn:
            return
        self.record(self.Reinstated())
        if isinstance(self, Parted):
            for part_id in parts:
                self.record(self.PartReinstated(withdrawn_part_id=part_id))

    def take_back(self, then: Aggregate, parts: Iterable[UUID] = ()) -> None:
        """Give it the values that it has in ``then``, and withdraw these parts."""
        if then.version >= self.version:
            return
        if vars(self).get("is_archived") and not vars(then).get("is_archived"):
            self.restore()  # type: ignore[attr-defined]
        self.revert(then)  # type: ignore[attr-defined]
        for part_id in parts:
            self.record(self.PartWithdrawn(withdrawn_part_id=part_id))  # type: ignore[attr-defined]

    def require_usable(self, verb: str) -> None:
        super().require_usable(verb)
        self.require(not self.is_withdrawn or verb in ENDING, RecordWithdrawn)

    def out_of_use(self) -> str | None:
        return "reference-withdrawn" if self.is_withdrawn else super().out_of_use()

    def reservations(self) -> Iterable[Reservation]:
        return () if self.is_withdrawn else super().reservations()
