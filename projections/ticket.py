"""Tickets, as lists and the service desk show them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from aggregates.callback import CALLED_BACK_WITHIN, COMPLAINT
from aggregates.events import Event
from aggregates.ticket import Ticket
from aggregates.ticket_details import TicketDetails
from aggregates.ticket_status import FINISHED, Status
from aggregates.values import Ref
from projections.base import Projection, Row


class TicketRow(Row, table="tickets", details=TicketDetails):
    """``first_response_at``: when the customer was first answered, by a comment that is not
    internal or, where there was none before, by the solution. Taking the ticket up is no answer."""

    owner = "owner_id"
    searched = ("subject", "number", "description", "solution", "external")

    subject: str = ""
    customer_id: UUID | None = None
    kind: str | None = None
    priority: str | None = None
    status: Status = "pending"
    owner_id: UUID | None = None
    waits_for: str | None = None
    solution: str | None = None
    opened_at: datetime | None = None
    started_at: datetime | None = None
    first_response_at: datetime | None = None
    completed_at: datetime | None = None
    closed_at: datetime | None = None
    reopened: int = 0
    """How often."""
    escalated: int = 0
    """How often."""
    escalated_to_id: Annotated[UUID, Ref("User")] | None = None
    comments: int = 0
    last_comment_at: datetime | None = None
    rating: int | None = None
    rating_comment: str | None = None
    callback: Literal["due", "done"] | None = None
    callback_due_at: datetime | None = None
    callback_task_id: Annotated[UUID, Ref("Task")] | None = None
    """The task that was planned for it."""
    callback_at: datetime | None = None
    callback_satisfied: bool | None = None
    callback_note: str | None = None


tickets = Projection(TicketRow, Ticket, revision=6)


@tickets.on(Ticket.Opened)
def opened(row: TicketRow, event: Ticket.Opened) -> TicketRow:
    return row.updated(opened_at=event.envelope.occurred_at)


@tickets.on(Ticket.Started)
def started(row: TicketRow, event: Ticket.Started) -> TicketRow:
    return in_status(row, "in_progress", event)


@tickets.on(Ticket.PutOnHold)
def put_on_hold(row: TicketRow, event: Ticket.PutOnHold) -> TicketRow:
    return in_status(row, "waiting", event).updated(waits_for=event.reason)


@tickets.on(Ticket.Resumed)
def resumed(row: TicketRow, event: Ticket.Resumed) -> TicketRow:
    return in_status(row, "in_progress", event)


@tickets.on(Ticket.Completed)
def completed(row: TicketRow, event: Ticket.Completed) -> TicketRow:
    row = answered(in_status(row, "completed", event), event)
    return row.updated(solution=event.solution)


@tickets.on(Ticket.Closed)
def closed(row: TicketRow, event: Ticket.Closed) -> TicketRow:
    return in_status(row, "closed", event)


@tickets.on(Ticket.Reopened, copies=False)
def reopened(row: TicketRow, event: Ticket.Reopened) -> TicketRow:
    return in_status(row, "in_progress", event)


@tickets.on(Ticket.StatusRecorded, copies=False)
def status_recorded(row: TicketRow, event: Ticket.StatusRecorded) -> TicketRow:
    return in_status(row, event.status, event)


@tickets.on(Ticket.Commented)
def commented(row: TicketRow, event: Ticket.Commented) -> TicketRow:
    last_at = _last(row.last_comment_at, event)
    row = row.updated(comments=row.comments + 1, last_comment_at=last_at)
    is_answer = not event.internal and event.author_id is None
    return answered(row, event) if is_answer else row


@tickets.on(Ticket.Escalated)
def escalated(row: TicketRow, event: Ticket.Escalated) -> TicketRow:
    return row.updated(
        escalated=row.escalated + 1, escalated_to_id=event.to_id or row.escalated_to_id
    )


@tickets.on(Ticket.CallbackRequired, copies=False)
def callback_required(row: TicketRow, event: Ticket.CallbackRequired) -> TicketRow:
    """That it is due follows from where the ticket stands; there is no task yet."""
    return row


@tickets.on(Ticket.CallbackPlanned, copies=False)
def callback_planned(row: TicketRow, event: Ticket.CallbackPlanned) -> TicketRow:
    return row.updated(callback_task_id=event.callback_task_id) if row.callback == "due" else row


@tickets.on(Ticket.CallbackForgone, copies=False)
def callback_forgone(row: TicketRow, event: Ticket.CallbackForgone) -> TicketRow:
    return row.updated(callback_task_id=None)


@tickets.on(Ticket.CallbackRecorded, copies=False)
def callback_recorded(row: TicketRow, event: Ticket.CallbackRecorded) -> TicketRow:
    """Where nobody answered, the customer is still to be called; and so is one who was called
    before the ticket was completed."""
    row = row.updated(
        callback_at=event.envelope.occurred_at,
        callback_satisfied=event.satisfied,
        callback_note=event.note,
    )
    is_done = event.reached and row.status in FINISHED
    return row.updated(callback="done", callback_due_at=None) if is_done else row


@tickets.on(Ticket.Rated)
def rated(row: TicketRow, event: Ticket.Rated) -> TicketRow:
    return row.updated(rating=event.score, rating_comment=event.comment)


@tickets.on(Ticket.DetailsChanged)
@tickets.on(Ticket.Reverted)
def details_changed(row: TicketRow, event: Event) -> TicketRow:
    return with_callback(row)


def in_status(row: TicketRow, status: Status, event: Event) -> TicketRow:
    """The row once the ticket has come to a status, from wherever."""
    at, was = event.envelope.occurred_at, row.status
    row = row.updated(status=status, waits_for=None)
    if status in FINISHED:
        closed_at = (row.closed_at or at) if status == "closed" else None
        return with_callback(row.updated(completed_at=row.completed_at or at, closed_at=closed_at))
    if was in FINISHED:
        row = row.updated(reopened=row.reopened + 1, **dict.fromkeys(_OF_THE_END))
    return row if status == "pending" else row.updated(started_at=row.started_at or at)


_OF_THE_END = (
    *("solution", "completed_at", "closed_at", "rating", "rating_comment"),
    *("callback", "callback_due_at", "callback_task_id"),
)
"""What is true of a ticket's end, and so no longer once it is worked on again."""


def with_callback(row: TicketRow) -> TicketRow:
    """The row, with a callback due where a complaint is completed and nobody has called yet."""
    if row.callback == "done":
        return row
    if row.kind != COMPLAINT or row.completed_at is None:
        return row.updated(callback=None, callback_due_at=None)
    return row.updated(callback="due", callback_due_at=row.completed_at + CALLED_BACK_WITHIN)


def answered(row: TicketRow, event: Event) -> TicketRow:
    """The row once the customer was answered, for the first time or again."""
    return row.updated(first_response_at=_first(row.first_response_at, event))


def _first(known: datetime | None, event: Event) -> datetime:
    at = event.envelope.occurred_at
    return at if known is None else min(known, at)


def _last(known: datetime | None, event: Event) -> datetime:
    at = event.envelope.occurred_at
    return at if known is None else max(known, at)
