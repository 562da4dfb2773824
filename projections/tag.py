"""How rows show tags."""

from typing import TypeVar

from aggregates.tag import Taggable, tagged, untagged
from projections.base import Row, everywhere

R = TypeVar("R", bound=Row)


@everywhere(Taggable.Tagged, copies=False)
def was_tagged(row: R, event: Taggable.Tagged) -> R:
    return row.updated(tags=tagged(vars(row)["tags"], event.tags))


@everywhere(Taggable.Untagged, copies=False)
def was_untagged(row: R, event: Taggable.Untagged) -> R:
    return row.updated(tags=untagged(vars(row)["tags"], event.tags))
