"""How rows show that a record is archived."""

from typing import TypeVar

from aggregates.archive import Archivable
from projections.base import Row, everywhere

R = TypeVar("R", bound=Row)


@everywhere(Archivable.Archived)
def archived(row: R, event: Archivable.Archived) -> R:
    return row.updated(archived_at=event.envelope.occurred_at)


@everywhere(Archivable.Restored)
def restored(row: R, event: Archivable.Restored) -> R:
    return row.updated(archived_at=None)
