"""Ticket: what a customer asks, complains of or needs done, from the first word to the rating."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from aggregates.archive import Archivable
from aggregates.attachment import Attachable
from aggregates.base import Aggregate
from aggregates.callback import COMPLAINT, CalledBack
from aggregates.comment import Commentable
from aggregates.errors import Rejected
from aggregates.events import Created, Event, said
from aggregates.interaction import Interactive
from aggregates.revert import Revertible
from aggregates.ticket_details import TicketDetails
from aggregates.ticket_status import (
    FINISHED,
    IN_HAND,
    LEADS,
    OPEN,
    Status,
    TicketClosed,
    TicketFinished,
    TicketNotCompleted,
    TicketNotFinished,
    TicketNotInHand,
    TicketNotInProgress,
    TicketNotPending,
    TicketNotWaiting,
)
from aggregates.values import CodeText, FreeText, Text
from aggregates.withdraw import Withdrawable

Score = Annotated[int, Field(ge=1, le=5)]


class ContactOfOtherCustomer(Rejected):
    """The contact is one of another customer than the ticket's."""


class Ticket(
    Withdrawable,
    Archivable,
    Attachable,
    Revertible,
    Interactive,
    Commentable,
    CalledBack,
    Aggregate,
):
    SERIES = "GD"
    REVISION = 2
    KEPT = frozenset({"status", "score", "comment"})

    status: Status = "pending"
    subject: str
    kind: str | None = None
    priority: str | None = None
    customer_id: UUID | None = None
    contact_id: UUID | None = None
    owner_id: UUID | None = None
    score: int | None = None
    comment: FreeText | None = None

    class Opened(TicketDetails, Created):
        subject: Text
        customer_id: UUID | None = None
        kind: CodeText | None = None
        priority: CodeText | None = None
        owner_id: UUID | None = None

    class DetailsChanged(TicketDetails, Event):
        subject: Text | None = None
        kind: CodeText | None = None

    class PriorityChanged(Event):
        priority: CodeText

    class Assigned(Event):
        owner_id: UUID

    class Moved(Event):
        """It belongs to another customer; who asked there is said anew."""

        customer_id: UUID
        contact_id: UUID | None = None

    class Started(Event):
        STEP = "status"

        def apply(self, aggregate: "Ticket") -> None:
            aggregate.status = "in_progress"

    class PutOnHold(Event):
        STEP = "status"
        reason: FreeText | None = None

        def apply(self, aggregate: "Ticket") -> None:
            aggregate.status = "waiting"

    class Resumed(Event):
        STEP = "status"

        def apply(self, aggregate: "Ticket") -> None:
            aggregate.status = "in_progress"

    class Escalated(Event):
        reason: FreeText | None = None
        to_id: UUID | None = None

        def apply(self, aggregate: "Ticket") -> None:
            """Where it stands stays as it is."""

    class Completed(Event):
        STEP = "status"
        solution: FreeText

        def apply(self, aggregate: "Ticket") -> None:
            aggregate.status = "completed"

    class Closed(Event):
        STEP = "status"

        def apply(self, aggregate: "Ticket") -> None:
            aggregate.status = "closed"

    class Reopened(Event):
        STEP = "status"
        reason: FreeText
        callback_task_id: UUID | None = None
        """The task of the callback that nobody waits for any more."""

        def apply(self, aggregate: "Ticket") -> None:
            aggregate.take_up_again("in_progress")

    class Rated(Event):
        score: Score
        comment: FreeText | None = None

        def apply(self, aggregate: "Ticket") -> None:
            aggregate.score, aggregate.comment = self.score, self.comment

    class StatusRecorded(Event):
        """What another system says of where it stands."""

        STEP = "status"
        status: Status
        irregular: bool = False
        """Whether nobody here could have led it there."""
        callback_task_id: UUID | None = None
        """The task of the callback that nobody waits for any more."""

        def apply(self, aggregate: "Ticket") -> None:
            if self.status in FINISHED:
                aggregate.status = self.status
            else:
                aggregate.take_up_again(self.status)

    def open(self, *, contact_is_theirs: bool = True, **details: Any) -> None:
        """Enter the ticket; it waits for somebody to take it up."""
        self.require(contact_is_theirs, ContactOfOtherCustomer)
        self.record(self.Opened(**{k: v for k, v in details.items() if v is not None}))

    def change_details(self, *, contact_is_theirs: bool = True, **details: Any) -> None:
        """Correct or complete what is known."""
        self.require_not_closed()
        self.require(contact_is_theirs, ContactOfOtherCustomer)
        kind = self.kind
        self.record_changes(self.DetailsChanged, **details)
        self.mind_callback(kind)

    def revert(self, then: Aggregate) -> None:
        self.require_not_closed()
        kind = self.kind
        super().revert(then)
        self.mind_callback(kind)

    def mind_callback(self, kind: str | None) -> None:
        """Whether a completed ticket is a complaint may turn out later; ``kind``: what it was."""
        if self.kind == kind or self.status not in FINISHED:
            return
        if self.kind == COMPLAINT:
            self.require_callback(self.subject, self.owner_id)
        else:
            self.forgo_callback()

    def change_priority(self, priority: str) -> None:
        self.require_not_closed()
        self.record_changes(self.PriorityChanged, priority=priority)

    def assign(self, owner_id: UUID) -> None:
        self.record_changes(self.Assigned, owner_id=owner_id)

    def move(
        self, customer_id: UUID, contact_id: UUID | None = None, *, contact_is_theirs: bool = True
    ) -> None:
        """Put it under another customer; the contact is one of that customer's, or nobody."""
        self.require_not_closed()
        self.require(contact_is_theirs, ContactOfOtherCustomer)
        if customer_id != self.customer_id or contact_id not in (None, self.contact_id):
            self.record(self.Moved(customer_id=customer_id, contact_id=contact_id))

    def start(self) -> None:
        """Take it up."""
        self.require_status(("pending",), TicketNotPending)
        self.record(self.Started())

    def wait(self, reason: str | None = None) -> None:
        """Stop working on it until somebody else has done something."""
        self.require_status(("in_progress",), TicketNotInProgress)
        self.record(self.PutOnHold(**said(reason=reason)))

    def resume(self) -> None:
        self.require_status(("waiting",), TicketNotWaiting)
        self.record(self.Resumed())

    def escalate(self, reason: str | None = None, to_id: UUID | None = None) -> None:
        """Bring it before somebody who decides more."""
        self.require_status(OPEN, TicketFinished)
        self.record(self.Escalated(**said(reason=reason, to_id=to_id)))

    def complete(self, solution: str) -> None:
        """Say how it was solved; who complained is to be called back."""
        self.require_status(IN_HAND, TicketNotInHand)
        self.record(self.Completed(solution=solution))
        if self.kind == COMPLAINT:
            self.require_callback(self.subject, self.owner_id)

    def close(self) -> None:
        """Nothing more is to come of it."""
        self.require_status(("completed",), TicketNotCompleted)
        self.record(self.Closed())

    def reopen(self, reason: str) -> None:
        """Work on it again."""
        self.require_status(FINISHED, TicketNotFinished)
        self.record(self.Reopened(reason=reason, **said(callback_task_id=self.callback_task_id)))

    def rate(self, score: int, comment: str | None = None) -> None:
        """Record what the customer thinks of how it was dealt with."""
        self.require_status(FINISHED, TicketNotFinished)
        if (score, comment) != (self.score, self.comment):
            self.record(self.Rated(score=score, **said(comment=comment)))

    def record_status(self, status: Status) -> None:
        """Take over what another system says, whatever was before.

        Where opening has led the ticket may be said once: a history begins with it.
        """
        is_beginning = self.version == 1 and status == self.status
        irregular = status not in LEADS[self.status] and not is_beginning
        task_id = None if status in FINISHED else self.callback_task_id
        given_up = said(callback_task_id=task_id)
        self.record(self.StatusRecorded(status=status, irregular=irregular, **given_up))

    def take_up_again(self, status: Status) -> None:
        """Fold of what makes it unfinished: a rating was of what was done before."""
        if self.status in FINISHED:
            self.score = self.comment = None
            self.forget_callback()
        self.status = status

    def require_status(self, allowed: tuple[Status, ...], rejection: type[Rejected]) -> None:
        self.require(self.status in allowed, rejection, state=self.status)

    def require_not_closed(self) -> None:
        self.require(self.status != "closed", TicketClosed, state=self.status)
