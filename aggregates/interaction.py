"""Interactions: calls, visits, messages and the like, recorded on the record they concern."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from aggregates.base import derived
from aggregates.errors import Rejected
from aggregates.events import PartEvent
from aggregates.parts import Parted
from aggregates.values import CodeText, FreeText, Personal, Text, Value

Direction = Literal["in", "out"]
Seconds = Annotated[int, Field(ge=0, le=31_536_000)]
"""Up to a year."""
Companions = Annotated[tuple[Text, ...], Field(max_length=100), Personal("customer")]
"""Names of those who came along."""


class NoSuchInteraction(Rejected):
    """The record has no such interaction, or it was retracted."""


class InteractionDetails(Value):
    """What may be known of an interaction beside its channel and subject."""

    content: FreeText | None = None
    direction: Direction | None = None
    contact_ids: Annotated[tuple[UUID, ...], Field(max_length=100)] = ()
    companions: Companions = ()
    opportunity_id: UUID | None = None
    ticket_id: UUID | None = None
    duration_seconds: Seconds | None = None


class _Interaction(PartEvent):
    interaction_id: UUID

    @property
    def part_id(self) -> UUID:
        return self.interaction_id


class Interactive(Parted):
    """Keeps a record of interactions. Each has an id that follows from the stream's and from the
    version at which it was recorded, so no interaction of another stream has it."""

    KEPT = frozenset({"interactions"})

    interactions: tuple[UUID, ...] = ()
    """Those that were not retracted."""

    class InteractionRecorded(InteractionDetails, _Interaction):
        BEGINS = True
        channel: CodeText
        subject: Annotated[Text, Personal("customer")]

        def apply(self, aggregate: "Interactive") -> None:
            aggregate.interactions = (*aggregate.interactions, self.interaction_id)

    class InteractionAmended(InteractionDetails, _Interaction):
        channel: CodeText | None = None
        subject: Annotated[Text, Personal("customer")] | None = None

    class InteractionRetracted(_Interaction):
        reason: FreeText

        def apply(self, aggregate: "Interactive") -> None:
            left = (i for i in aggregate.interactions if i != self.interaction_id)
            aggregate.interactions = tuple(left)

    def record_interaction(self, **said: Any) -> None:
        """Add an interaction under an id of its own."""
        id = interaction_id(self.id, self.version + 1)
        self.record(self.InteractionRecorded(interaction_id=id, **said))

    def amend_interaction(self, interaction_id: UUID, **said: Any) -> None:
        """Correct what was recorded; both versions stay in the history."""
        self.require(interaction_id in self.interactions, NoSuchInteraction)
        if said:
            self.record(self.InteractionAmended(interaction_id=interaction_id, **said))

    def retract_interaction(self, interaction_id: UUID, reason: str) -> None:
        """Take back what was recorded by mistake; the history keeps it."""
        self.require(interaction_id in self.interactions, NoSuchInteraction)
        self.record(self.InteractionRetracted(interaction_id=interaction_id, reason=reason))


def interaction_id(stream_id: UUID, version: int) -> UUID:
    """The id of the interaction that a stream's event of this version records."""
    return derived(stream_id, f"interaction/{version}")
