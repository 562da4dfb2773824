"""What may be asked of every record that interactions are recorded on."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from aggregates.interaction import InteractionDetails, Interactive
from aggregates.values import Code, CodeText, FreeText, Ref, Text, left_out
from commands.base import Changes

NOT_YET = UUID(int=0)
ChannelCode = Annotated[CodeText, Code("channel")]


class References(InteractionDetails):
    """The details, with what they refer to checked."""

    contact_ids: Annotated[tuple[Annotated[UUID, Ref("Contact")], ...], Field(max_length=100)] = ()
    opportunity_id: Annotated[UUID, Ref("Opportunity")] | None = None
    ticket_id: Annotated[UUID, Ref("Ticket")] | None = None


class RecordInteraction(References, Changes[Interactive]):
    """Record a call, a visit, a message or another interaction."""

    MERGES = True
    channel: ChannelCode
    subject: Text

    def handle(self, record: Interactive, /) -> None:
        record.record_interaction(**self.given())

    @property
    def part_id(self) -> UUID:
        """One that is not there yet: nobody has written anything of it."""
        return NOT_YET


class AmendInteraction(References, Changes[Interactive]):
    """Correct what was recorded of an interaction."""

    MERGES = True
    interaction_id: UUID
    channel: ChannelCode = left_out()
    subject: Text = left_out()

    def handle(self, record: Interactive, /) -> None:
        record.amend_interaction(**self.given())

    @property
    def part_id(self) -> UUID:
        return self.interaction_id


class RetractInteraction(Changes[Interactive]):
    """Take back an interaction that was recorded by mistake; the history keeps it."""

    MERGES = True
    interaction_id: UUID
    reason: FreeText

    def handle(self, record: Interactive, /) -> None:
        record.retract_interaction(**self.given())

    @property
    def part_id(self) -> UUID:
        return self.interaction_id
