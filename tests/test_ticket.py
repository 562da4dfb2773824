"""Tickets: the contract's table of transitions, row by row, and what a row of the list says."""

from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import pytest
from pydantic import ValidationError

from adapters import registry
from aggregates.customer import Customer
from aggregates.errors import Rejected
from aggregates.events import Event
from aggregates.ticket import ContactOfOtherCustomer, Ticket
from aggregates.ticket_status import (
    LEADS,
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
from commands.base import COMMANDS, Command
from commands.ticket import (
    AssignTicket,
    ChangeTicketDetails,
    ChangeTicketPriority,
    CloseTicket,
    CompleteTicket,
    EscalateTicket,
    MoveTicket,
    OpenTicket,
    RateTicket,
    RecordTicketCallback,
    RecordTicketStatus,
    ReopenTicket,
    ResumeTicket,
    StartTicket,
    WaitTicket,
)
from tests.spec import Given, given

CUSTOMER, OTHER, CLERK = (UUID(int=n) for n in range(1, 4))
CONTACT, OTHERS_CONTACT = CUSTOMER, OTHER
"""Here a contact belongs to the customer of the same id."""
registry.load()
STATUSES: tuple[Status, ...] = get_args(Status)

OPENED = Ticket.Opened(
    subject="打印机不工作", customer_id=CUSTOMER, kind="request", priority="normal", owner_id=CLERK
)
STARTED, ON_HOLD, CLOSED = Ticket.Started(), Ticket.PutOnHold(), Ticket.Closed()
COMPLETED = Ticket.Completed(solution="换了硒鼓")
WAYS: dict[Status, tuple[Event, ...]] = {
    "pending": (OPENED,),
    "in_progress": (OPENED, STARTED),
    "waiting": (OPENED, STARTED, ON_HOLD),
    "completed": (OPENED, STARTED, COMPLETED),
    "closed": (OPENED, STARTED, COMPLETED, CLOSED),
}

Step = tuple[Command[Ticket], Event, type[Rejected], dict[Status, Status]]
STEPS: dict[str, Step] = {
    "start": (StartTicket(), STARTED, TicketNotPending, {"pending": "in_progress"}),
    "wait": (WaitTicket(), ON_HOLD, TicketNotInProgress, {"in_progress": "waiting"}),
    "resume": (ResumeTicket(), Ticket.Resumed(), TicketNotWaiting, {"waiting": "in_progress"}),
    "complete": (
        *(CompleteTicket(solution="换了硒鼓"), COMPLETED, TicketNotInHand),
        {"in_progress": "completed", "waiting": "completed"},
    ),
    "close": (CloseTicket(), CLOSED, TicketNotCompleted, {"completed": "closed"}),
    "reopen": (
        *(ReopenTicket(reason="又坏了"), Ticket.Reopened(reason="又坏了"), TicketNotFinished),
        {"completed": "in_progress", "closed": "in_progress"},
    ),
    "rate": (
        *(RateTicket(score=4), Ticket.Rated(score=4), TicketNotFinished),
        {"completed": "completed", "closed": "closed"},
    ),
}
"""Command, what it records, what refuses it elsewhere, and from which status it leads where."""


def at(status: Status) -> Given:
    return given(*WAYS[status])


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("step", STEPS)
def test_each_step_leads_where_the_table_says_and_is_refused_elsewhere(
    step: str, status: Status
) -> None:
    command, event, rejection, leads = STEPS[step]
    outcome = at(status).when(command)
    if status in leads:
        outcome.then(event).leaves(status=leads[status])
    else:
        outcome.rejects(rejection, state=status)


def test_the_table_is_the_one_that_irregular_is_judged_by() -> None:
    led = {(a, b) for *_, leads in STEPS.values() for a, b in leads.items() if a != b}
    assert led == {(a, b) for a, leads in LEADS.items() for b in leads}


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("status", STATUSES)
def test_an_import_records_any_status_and_says_where_it_is_out_of_order(
    before: Status, status: Status
) -> None:
    is_beginning = before == status == "pending"
    irregular = status not in LEADS[before] and not is_beginning
    recorded = Ticket.StatusRecorded(status=status, irregular=irregular)
    at(before).when(RecordTicketStatus(status=status)).then(recorded).leaves(status=status)


def test_that_it_waits_is_said_once_after_opening_and_is_out_of_order_later() -> None:
    waits = Ticket.StatusRecorded(status="pending", irregular=False)
    again = Ticket.StatusRecorded(status="pending", irregular=True)
    given(*WAYS["pending"], waits).when(RecordTicketStatus(status="pending")).then(again)


def test_only_imports_record_a_status_or_take_back_what_they_did() -> None:
    imports = {name for name, c in COMMANDS.items() if c.IMPORT_ONLY and c.AGGREGATE is Ticket}
    assert imports == {"tickets/record-status", "tickets/withdraw", "tickets/take-back"}


# Opening and changing


def test_it_begins_pending_and_says_only_what_it_was_told() -> None:
    told: dict[str, Any] = {
        "subject": "打印机不工作",
        "customer_id": CUSTOMER,
        "kind": "complaint",
        "priority": "urgent",
    }
    given().when(OpenTicket(**told, contact_id=None)).then(Ticket.Opened(**told)).leaves(
        status="pending"
    )
    more: dict[str, Any] = {
        "description": "一开机就报错",
        "contact_id": CONTACT,
        "channel": "call",
        "product": "M-200",
        "handling": "on_site",
        "receiver_id": CLERK,
        "receiver_opinion": "应尽快上门",
        "due_at": datetime(2026, 3, 2, 9, tzinfo=UTC),
        "owner_id": CLERK,
        "custom": {"floor": 3},
    }
    given().when(OpenTicket(**told, **more)).then(Ticket.Opened(**told, **more))


@pytest.mark.parametrize("field", ["kind", "priority", "channel", "handling"])
def test_a_code_is_one_of_its_dictionary(field: str) -> None:
    told: dict[str, Any] = {
        "subject": "x",
        "customer_id": CUSTOMER,
        "kind": "complaint",
        "priority": "urgent",
    }
    given().when(OpenTicket(**{**told, field: "no_such"})).invalid(field)


@pytest.mark.parametrize("score", [0, 6, -1, 2.5, "many", None])
def test_a_score_is_a_whole_number_from_one_to_five(score: Any) -> None:
    with pytest.raises(ValidationError):
        RateTicket(score=score)


def test_details_and_priority_change_until_it_is_closed() -> None:
    details = ChangeTicketDetails(subject="打印机报错", kind="request")
    changed = Ticket.DetailsChanged(subject="打印机报错")
    urgent = ChangeTicketPriority(priority="urgent")
    for status in STATUSES:
        if status == "closed":
            at(status).when(details).rejects(TicketClosed, state="closed")
            at(status).when(urgent).rejects(TicketClosed)
            at(status).when(MoveTicket(customer_id=OTHER)).rejects(TicketClosed)
        else:
            at(status).when(details).then(changed)
            at(status).when(urgent).then(Ticket.PriorityChanged(priority="urgent"))
    at("pending").when(ChangeTicketPriority(priority="normal")).changes_nothing()
    at("pending").when(ChangeTicketDetails(kind="request")).changes_nothing()


def test_it_moves_with_the_contact_that_is_named_there_or_none() -> None:
    moved = Ticket.Moved(customer_id=OTHER, contact_id=None)
    at("waiting").when(MoveTicket(customer_id=OTHER)).then(moved).leaves(contact_id=None)
    named = Ticket.Moved(customer_id=OTHER, contact_id=OTHERS_CONTACT)
    at("pending").when(MoveTicket(customer_id=OTHER, contact_id=OTHERS_CONTACT)).then(named)
    at("pending").when(MoveTicket(customer_id=CUSTOMER)).changes_nothing()


def test_a_contact_is_one_of_the_tickets_customer_or_of_one_merged_into_it() -> None:
    told: dict[str, Any] = {"subject": "x", "kind": "request", "priority": "normal"}
    others = OpenTicket(customer_id=CUSTOMER, contact_id=OTHERS_CONTACT, **told)
    details = ChangeTicketDetails(contact_id=OTHERS_CONTACT)
    move = MoveTicket(customer_id=OTHER, contact_id=CONTACT)
    given().when(others).rejects(ContactOfOtherCustomer)
    at("pending").when(details).rejects(ContactOfOtherCustomer)
    at("pending").when(move).rejects(ContactOfOtherCustomer)
    merged = Customer(OTHER)
    merged.merged_into = CUSTOMER
    changed = Ticket.DetailsChanged(contact_id=OTHERS_CONTACT)
    at("pending").beside(merged).when(details).then(changed)
    given(OPENED, changed).when(details).changes_nothing()


@pytest.mark.parametrize("status", STATUSES)
def test_whatever_its_status_it_is_assigned_commented_and_called_back_about(status: Status) -> None:
    at(status).when(AssignTicket(owner_id=OTHER)).then(Ticket.Assigned(owner_id=OTHER))
    at(status).when(AssignTicket(owner_id=CLERK)).changes_nothing()
    said = Ticket.Commented(text="已联系", internal=True)
    comment = COMMANDS["tickets/comment"].model_validate
    at(status).when(comment({"text": "已联系", "internal": True})).then(said).leaves(status=status)
    at(status).when(comment({"text": "已联系"})).then(Ticket.Commented(text="已联系"))
    told = Ticket.CallbackRecorded(satisfied=False, note="还在响")
    at(status).when(RecordTicketCallback(satisfied=False, note="还在响")).then(told)


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_unfinished_can_be_escalated_more_than_once(status: Status) -> None:
    outcome = at(status).when(EscalateTicket(reason="客户着急"))
    if status in ("completed", "closed"):
        outcome.rejects(TicketFinished, state=status)
    else:
        outcome.then(Ticket.Escalated(reason="客户着急")).leaves(status=status)
        again = given(*WAYS[status], Ticket.Escalated(reason="客户着急"))
        again.when(EscalateTicket(to_id=CLERK)).then(Ticket.Escalated(to_id=CLERK))


def test_the_same_rating_twice_is_one_but_not_after_it_was_worked_on_again() -> None:
    rated, reopened = Ticket.Rated(score=2), Ticket.Reopened(reason="又坏了")
    once = (*WAYS["closed"], rated)
    given(*once).when(RateTicket(score=2)).changes_nothing()
    better = Ticket.Rated(score=5, comment="很快")
    given(*once).when(RateTicket(score=5, comment="很快")).then(better)
    given(*once, reopened, COMPLETED).when(RateTicket(score=2)).then(rated)
