"""How rows show from which others, however alike, a record was found to be distinct."""

from typing import TypeVar

from aggregates.distinct import Distinguishable, with_one, without_one
from projections.base import Row, everywhere

R = TypeVar("R", bound=Row)


@everywhere(Distinguishable.MarkedDistinct)
def marked_distinct(row: R, event: Distinguishable.MarkedDistinct) -> R:
    known = vars(row)["distinct_from"]
    return row.updated(distinct_from=with_one(known, event.other_id))


@everywhere(Distinguishable.UnmarkedDistinct)
def unmarked_distinct(row: R, event: Distinguishable.UnmarkedDistinct) -> R:
    known = vars(row)["distinct_from"]
    return row.updated(distinct_from=without_one(known, event.other_id))
