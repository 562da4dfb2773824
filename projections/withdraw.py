"""How rows show that a record, and what was recorded with it, is withdrawn."""

from typing import TypeVar

from aggregates.parts import Parted
from aggregates.withdraw import Withdrawable
from projections.base import Row, everywhere

R = TypeVar("R", bound=Row)
Gone = Withdrawable.Withdrawn | Parted.PartWithdrawn
Back = Withdrawable.Reinstated | Parted.PartReinstated


@everywhere(Withdrawable.Withdrawn)
@everywhere(Parted.PartWithdrawn)
def withdrawn(row: R, event: Gone) -> R:
    """Since it was said so: on the clock of occurrence it may never have been there."""
    return row.updated(withdrawn_at=event.envelope.recorded_at)


@everywhere(Withdrawable.Reinstated)
@everywhere(Parted.PartReinstated)
def reinstated(row: R, event: Back) -> R:
    return row.updated(withdrawn_at=None)
