"""Distinct: two records look the same, and somebody has found that they are not."""

from typing import Annotated
from uuid import UUID

from aggregates.base import Trait
from aggregates.errors import FieldError, Invalid
from aggregates.events import Event
from aggregates.values import Ref

MOST_DISTINCT = 1_000
"""Of one record, so many others may be marked."""
Other = Annotated[UUID, Ref("Customer", "Contact")]


class Distinguishable(Trait):
    """Can be told from others of its kind, however alike: no possible duplicate of them."""

    KEPT = frozenset({"other_id"})

    distinct_from: tuple[Other, ...] = ()

    class MarkedDistinct(Event):
        """The other record is another, however alike."""

        ADDS = frozenset({"other_id"})
        other_id: Other

        def apply(self, aggregate: "Distinguishable") -> None:
            aggregate.distinct_from = with_one(aggregate.distinct_from, self.other_id)

    class UnmarkedDistinct(Event):
        """That judgement was taken back."""

        REMOVES = frozenset({"other_id"})
        other_id: Other

        def apply(self, aggregate: "Distinguishable") -> None:
            aggregate.distinct_from = without_one(aggregate.distinct_from, self.other_id)

    def mark_distinct(self, other_id: UUID) -> None:
        """Say that the other record is another; it is enough that one of the two says so."""
        if other_id == self.id:
            raise Invalid(FieldError("other_id", "itself"))
        if other_id not in self.distinct_from:
            self.require_at_most("other_id", len(self.distinct_from) + 1, MOST_DISTINCT)
            self.record(self.MarkedDistinct(other_id=other_id))

    def unmark_distinct(self, other_id: UUID) -> None:
        """Take that back."""
        if other_id in self.distinct_from:
            self.record(self.UnmarkedDistinct(other_id=other_id))


def with_one(ids: tuple[UUID, ...], id: UUID) -> tuple[UUID, ...]:
    """The ids with this one, once."""
    return ids if id in ids else (*ids, id)


def without_one(ids: tuple[UUID, ...], id: UUID) -> tuple[UUID, ...]:
    """The ids without this one."""
    return tuple(known for known in ids if known != id)
