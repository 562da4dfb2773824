"""Steps: what moves a record's state on is not dated before what moved it last.

Folded in the order of occurrence, a step that is put before the last one would be answered as done
and change nothing, while policies act on it.
"""

from collections.abc import Iterable
from datetime import datetime

from aggregates.base import Aggregate
from aggregates.errors import FieldError, Invalid
from aggregates.events import Event
from commands.ports import NeedsIO
from commands.repository import Repository


def require_in_order(
    touched: Iterable[Aggregate], named: datetime | None, repository: Repository, *, offline: bool
) -> None:
    """Refuse pending steps at a named moment that is before the last step of the same state.

    Raises Invalid, or NeedsIO where ``offline`` and the log has to say when that was.
    """
    if named is None:
        return
    for aggregate in touched:
        latest = aggregate.latest_at
        for step in _steps(aggregate.pending) if latest and named < latest else ():
            if offline:
                raise NeedsIO
            moved_at = repository.stepped_at(aggregate, step)
            if moved_at is not None and named < moved_at:
                raise Invalid(FieldError("meta.occurred_at", "before-last-step"))


def _steps(pending: Iterable[Event]) -> set[str]:
    return {event.STEP for event in pending if event.STEP is not None}
