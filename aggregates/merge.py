"""Merging: two records turn out to be one; and taking that back."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from aggregates.base import Trait
from aggregates.errors import FieldError, Invalid, Rejected
from aggregates.events import Event
from aggregates.values import Ref, Value

MOST_LISTED = 1_000
CORRECTIONS = frozenset({"amend-interaction", "retract-interaction", "detach"})
"""What a merged one still takes: what was recorded on it stays there, and may have been wrong."""


class CustomerMerged(Rejected):
    """The customer was merged into another one."""


class NotMerged(Rejected):
    """The customer is not merged into another one."""


CustomerId = Annotated[UUID, Ref("Customer")]


class Made(Value):
    """A record that was made for the survivor after a merge."""

    kind: str
    id: UUID


Listed = Annotated[tuple[Made, ...], Field(max_length=MOST_LISTED)]


class Mergeable(Trait):
    """Can be merged into another record of its kind, which survives.

    What belongs to the merged one goes on belonging to it; reads show both as one family. So a
    merge is undone by one event, in any order among several, and moves nothing.
    """

    KEPT = frozenset({"merged_into", "absorbed", "into_id", "merged_id", "from_id", "made_since"})

    merged_into: CustomerId | None = None
    absorbed: tuple[CustomerId, ...] = ()
    """Those that were merged into this one and were not separated again."""

    class Merged(Event):
        """This one is the same as another, which goes on for both."""

        into_id: CustomerId

        def apply(self, aggregate: "Mergeable") -> None:
            aggregate.merged_into = self.into_id

    class Absorbed(Event):
        """Another one was merged into this one."""

        merged_id: CustomerId

        def apply(self, aggregate: "Mergeable") -> None:
            aggregate.absorbed = (*aggregate.absorbed, self.merged_id)

    class Unmerged(Event):
        """It was another one after all. What was made for the survivor since stays there."""

        from_id: CustomerId
        made_since: Listed = ()

        def apply(self, aggregate: "Mergeable") -> None:
            aggregate.merged_into = None

    class Separated(Event):
        """One that was merged into this one stands for itself again."""

        merged_id: CustomerId
        made_since: Listed = ()
        """What was made since the merge and stays here."""

        def apply(self, aggregate: "Mergeable") -> None:
            left = (id for id in aggregate.absorbed if id != self.merged_id)
            aggregate.absorbed = tuple(left)

    def merge(self, survivor: "Mergeable") -> None:
        """Make the survivor go on for both. Both record it, so that two merges of the same pair
        cannot pass each other."""
        if survivor.id == self.id:
            raise Invalid(FieldError("into_id", "itself"))
        survivor.require_usable("absorb")
        self.record(self.Merged(into_id=survivor.id))
        survivor.record(survivor.Absorbed(merged_id=self.id))

    def unmerge(self, survivor: "Mergeable", made_since: tuple[Made, ...]) -> None:
        """Let it stand for itself again."""
        listed = made_since[:MOST_LISTED]
        self.record(self.Unmerged(from_id=survivor.id, made_since=listed))
        survivor.record(survivor.Separated(merged_id=self.id, made_since=listed))

    def out_of_use(self) -> str | None:
        return super().out_of_use() if self.merged_into is None else "reference-merged"

    def require_usable(self, verb: str) -> None:
        super().require_usable(verb)
        if verb == "unmerge":
            self.require(self.merged_into is not None, NotMerged)
        elif verb not in CORRECTIONS:
            into = {"into_id": str(self.merged_into)}
            self.require(self.merged_into is None, CustomerMerged, **into)
