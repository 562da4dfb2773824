"""What may be asked of tickets."""

from typing import Annotated, Any
from uuid import UUID

from aggregates.contact import Contact
from aggregates.ticket import Score, Ticket
from aggregates.ticket_details import TicketDetails
from aggregates.ticket_status import Status
from aggregates.values import Code, CodeText, FreeText, Ref, Text, left_out
from commands.base import Changes, Command, Creates, Known
from commands.known import is_one
from commands.revert import Revert

KindCode = Annotated[CodeText, Code("ticket_kind")]
PriorityCode = Annotated[CodeText, Code("priority")]


def is_theirs(command: Command[Ticket], customer_id: UUID | None, known: Known) -> bool:
    """Whether the contact that a command names is one of the customer, or of one merged into it.

    Of what an import records nobody is asked whether it should have been so.
    """
    contact = command.referred.get("contact_id")
    if contact is None or customer_id is None or known.is_import:
        return True
    return is_one(contact.customer_id, customer_id, known)


class OpenTicket(TicketDetails, Creates[Ticket]):
    """Enter what a customer asks, complains of or needs done."""

    customer_id: Annotated[UUID, Ref("Customer")]
    subject: Text
    kind: KindCode
    priority: PriorityCode
    owner_id: Annotated[UUID, Ref("User")] | None = None

    def gather(self, ticket: Ticket, known: Known, /) -> bool:
        return is_theirs(self, self.customer_id, known)

    def handle(self, ticket: Ticket, /) -> None:
        ticket.open(contact_is_theirs=self.gathered, **self.given())


class ChangeTicketDetails(TicketDetails, Changes[Ticket]):
    """Correct or complete what is known of a ticket."""

    MERGES = True
    subject: Text = left_out()
    kind: KindCode = left_out()

    def gather(self, ticket: Ticket, known: Known, /) -> bool:
        is_named_already = self.contact_id == ticket.contact_id
        return is_named_already or is_theirs(self, ticket.customer_id, known)

    def handle(self, ticket: Ticket, /) -> None:
        ticket.change_details(contact_is_theirs=self.gathered, **self.given())


class ChangeTicketPriority(Changes[Ticket]):
    """Change how urgent a ticket is."""

    priority: PriorityCode

    def handle(self, ticket: Ticket, /) -> None:
        ticket.change_priority(self.priority)


class AssignTicket(Changes[Ticket]):
    """Make somebody the owner of a ticket."""

    owner_id: Annotated[UUID, Ref("User")]

    def handle(self, ticket: Ticket, /) -> None:
        ticket.assign(self.owner_id)


class MoveTicket(Changes[Ticket]):
    """Put a ticket under another customer."""

    customer_id: Annotated[UUID, Ref("Customer")]
    contact_id: Annotated[UUID, Ref("Contact")] | None = None
    """Who asks there; None: nobody is named."""

    def gather(self, ticket: Ticket, known: Known, /) -> bool:
        return is_theirs(self, self.customer_id, known)

    def handle(self, ticket: Ticket, /) -> None:
        ticket.move(self.customer_id, self.contact_id, contact_is_theirs=self.gathered)


class RevertTicket(Revert, of=Ticket):
    """Make a ticket what it was at an earlier version, as a new event.

    Who asked then and is with another customer by now is named no more.
    """

    def gather(self, ticket: Ticket, known: Known, /) -> Any:  # type: ignore[override]
        then: Any = super().gather(ticket, known)
        was, now = ((t.customer_id, t.contact_id) for t in (then, ticket))
        if was != now and None not in was:
            contact = known.get(Contact, then.contact_id)
            if contact.is_retired or not is_one(contact.customer_id, then.customer_id, known):
                then.contact_id = None
        return then


class StartTicket(Changes[Ticket]):
    """Take up a pending ticket."""

    def handle(self, ticket: Ticket, /) -> None:
        ticket.start()


class WaitTicket(Changes[Ticket]):
    """Put a ticket on hold until somebody else has done something."""

    reason: FreeText | None = None

    def handle(self, ticket: Ticket, /) -> None:
        ticket.wait(self.reason)


class ResumeTicket(Changes[Ticket]):
    """Work again on a ticket that was on hold."""

    def handle(self, ticket: Ticket, /) -> None:
        ticket.resume()


class EscalateTicket(Changes[Ticket]):
    """Bring a ticket before somebody who decides more."""

    reason: FreeText | None = None
    to_id: Annotated[UUID, Ref("User")] | None = None

    def handle(self, ticket: Ticket, /) -> None:
        ticket.escalate(self.reason, self.to_id)


class CompleteTicket(Changes[Ticket]):
    """Say how a ticket was solved."""

    solution: FreeText

    def handle(self, ticket: Ticket, /) -> None:
        ticket.complete(self.solution)


class CloseTicket(Changes[Ticket]):
    """Close a completed ticket."""

    def handle(self, ticket: Ticket, /) -> None:
        ticket.close()


class ReopenTicket(Changes[Ticket]):
    """Work again on a completed or closed ticket."""

    reason: FreeText

    def handle(self, ticket: Ticket, /) -> None:
        ticket.reopen(self.reason)


class RecordTicketCallback(Changes[Ticket]):
    """Record that the customer was called back, and what came of it."""

    reached: bool = True
    """Whether somebody answered."""
    satisfied: bool | None = None
    note: FreeText | None = None

    def handle(self, ticket: Ticket, /) -> None:
        ticket.record_callback(**self.given())


class RateTicket(Changes[Ticket]):
    """Record how satisfied the customer is, from 1 to 5."""

    score: Score
    comment: FreeText | None = None

    def handle(self, ticket: Ticket, /) -> None:
        ticket.rate(self.score, self.comment)


class RecordTicketStatus(Changes[Ticket]):
    """Take over where another system says that a ticket stands."""

    IMPORT_ONLY = True
    status: Status

    def handle(self, ticket: Ticket, /) -> None:
        ticket.record_status(self.status)
