"""What may be asked of every record that interactions are recorded on."""

from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from aggregates.base import Aggregate
from aggregates.contact import Contact
from aggregates.errors import FieldError, Invalid, kebab
from aggregates.interaction import InteractionDetails, Interactive
from aggregates.opportunity import Opportunity
from aggregates.ticket import Ticket
from aggregates.values import Code, CodeText, FreeText, Ref, Text, left_out
from commands.base import Changes, Known
from commands.known import require_theirs

NOT_YET = UUID(int=0)
Named = tuple[str, type[Aggregate], UUID]
ChannelCode = Annotated[CodeText, Code("channel")]


class References(InteractionDetails):
    """The details, with what they refer to checked."""

    contact_ids: Annotated[tuple[Annotated[UUID, Ref("Contact")], ...], Field(max_length=100)] = ()
    opportunity_id: Annotated[UUID, Ref("Opportunity")] | None = None
    ticket_id: Annotated[UUID, Ref("Ticket")] | None = None

    def named(self) -> list[Named]:
        """Field, kind and id of what is referred to."""
        found: list[Named] = [("contact_ids", Contact, id) for id in self.contact_ids]
        if self.opportunity_id is not None:
            found.append(("opportunity_id", Opportunity, self.opportunity_id))
        if self.ticket_id is not None:
            found.append(("ticket_id", Ticket, self.ticket_id))
        return found

    def require_own(self, record: Interactive, known: Known) -> None:
        """Refuse a contact that is named twice, and another ticket or opportunity than the record
        itself, where it is one. An import tells what was told there."""
        if known.is_import:
            return
        own = f"{kebab(record.KIND)}_id"
        if own in self.model_fields_set and getattr(self, own, record.id) != record.id:
            raise Invalid(FieldError(own, "recorded-here"))
        if len(set(self.contact_ids)) < len(self.contact_ids):
            raise Invalid(FieldError("contact_ids", "given-twice"))


class RecordInteraction(References, Changes[Interactive]):
    """Record a call, a visit, a message or another interaction."""

    MERGES = True
    channel: ChannelCode
    subject: Text

    def gather(self, record: Interactive, known: Known, /) -> None:
        self.require_own(record, known)
        require_theirs(record.root_customer_id, self.named(), known)

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

    def gather(self, record: Interactive, known: Known, /) -> None:
        self.require_own(record, known)
        with suppress(Invalid):
            return require_theirs(record.root_customer_id, self.named(), known)
        customer_id, already = _said(self.interaction_id, record, known)
        left = [named for named in self.named() if named[2] not in already]
        return require_theirs(customer_id, left, known)

    def handle(self, record: Interactive, /) -> None:
        record.amend_interaction(**self.given())

    @property
    def part_id(self) -> UUID:
        return self.interaction_id


def _said(id: UUID, record: Interactive, known: Known) -> tuple[UUID | None, set[UUID]]:
    """With which customer the interaction was had, whosever the record is by now; and what was
    referred to in it before."""
    customer_id, already = record.root_customer_id, set[UUID]()
    of_it: list[Any] = [e for e in known.events(record.id) if getattr(e, "part_id", None) == id]
    for event in of_it:
        if isinstance(event, InteractionDetails):
            named = *event.contact_ids, event.opportunity_id, event.ticket_id
            already |= {i for i in named if i is not None}
        if event.BEGINS:
            customer_id = event.envelope.customer_id
    return customer_id, already


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
