"""Who complained is called back: by a task, done with the callback, given up on reopening."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.seeds import LOCAL
from aggregates.base import derived
from aggregates.callback import CALLED_BACK_WITHIN
from aggregates.task import Task, TaskStatus
from aggregates.ticket import Ticket
from aggregates.user import User
from commands.base import COMMANDS
from commands.callback import (
    PlanCallback,
    callback_subject,
    cancel_callback,
    complete_callback,
    plan_callback,
)
from commands.policies import Ask
from commands.requests import Caller
from commands.task import CancelTask, CompleteTask
from commands.ticket import (
    ChangeTicketDetails,
    CompleteTicket,
    OpenTicket,
    RecordTicketCallback,
    RecordTicketStatus,
    ReopenTicket,
    StartTicket,
)
from commands.user import AddUser, DisableUser
from tests.policing import Clock, Policed, policed
from tests.spec import BEGINNING, RECORD, given, happened
from tests.write_side import registration

CUSTOMER, CLERK = UUID(int=1), UUID(int=2)
OPENED = Ticket.Opened(
    subject="打印机不工作",
    customer_id=CUSTOMER,
    kind="complaint",
    priority="normal",
    owner_id=CLERK,
)
HISTORY = (OPENED, Ticket.Started())
SOLVED = Ticket.Completed(solution="换了主板")
TASK = derived(RECORD, "callback/3")
REQUIRED = Ticket.CallbackRequired(callback_task_id=TASK, subject="打印机不工作", owner_id=CLERK)
PLANNED = Ticket.CallbackPlanned(callback_task_id=TASK)
DUE = BEGINNING + CALLED_BACK_WITHIN
PLAN = PlanCallback(callback_task_id=TASK, due_at=DUE)


# The rules


def test_a_completed_complaint_requires_a_callback_and_nothing_else_does() -> None:
    solve = CompleteTicket(solution="换了主板")
    given(*HISTORY).when(solve).then(SOLVED, REQUIRED).leaves(callback_task_id=None)
    question = Ticket.DetailsChanged(kind="consultation")
    given(*HISTORY, question).when(solve).then(SOLVED)


def test_the_task_is_planned_once_and_only_while_it_is_wanted() -> None:
    wanted = (*HISTORY, SOLVED, REQUIRED)
    planned = Task.Planned(
        subject="回访：打印机不工作",
        due_at=DUE,
        about=RECORD,
        customer_id=CUSTOMER,
        owner_id=CLERK,
    )
    clerk = User.replay(CLERK, [User.Added(login="x", name="x")])
    given(*wanted).beside(clerk).when(PLAN).then(PLANNED).and_creates(planned).leaves(
        callback_task_id=TASK
    )
    for since in (PLANNED, Ticket.Reopened(reason="又坏了"), Ticket.CallbackRecorded()):
        given(*wanted, since).beside(clerk).when(PLAN).changes_nothing()
    there = Task.replay(TASK, [planned])
    given(*wanted).beside(clerk, there).when(PLAN).then(PLANNED).leaves(callback_task_id=TASK)


def test_what_was_never_planned_is_neither_done_nor_given_up() -> None:
    wanted = (*HISTORY, SOLVED, REQUIRED)
    given(*wanted).when(RecordTicketCallback()).then(Ticket.CallbackRecorded())
    given(*wanted).when(ReopenTicket(reason="x")).then(Ticket.Reopened(reason="x"))


def test_the_callback_is_done_once_somebody_answered() -> None:
    waiting = (*HISTORY, SOLVED, REQUIRED, PLANNED)
    missed = Ticket.CallbackRecorded(reached=False)
    unheard = RecordTicketCallback(reached=False, satisfied=True)
    given(*waiting).when(unheard).invalid("satisfied")
    given(*waiting).when(RecordTicketCallback(reached=False)).then(missed).leaves(
        callback_task_id=TASK
    )
    answered = Ticket.CallbackRecorded(note="很好", callback_task_id=TASK)
    given(*waiting, missed).when(RecordTicketCallback(note="很好")).then(answered).leaves(
        callback_task_id=None
    )
    again = Ticket.CallbackRecorded(note="还是很好")
    given(*waiting, answered).when(RecordTicketCallback(note="还是很好")).then(again)


def test_a_reopened_complaint_is_called_back_about_when_it_is_completed_again() -> None:
    waiting = (*HISTORY, SOLVED, REQUIRED, PLANNED)
    reopened = Ticket.Reopened(reason="又坏了", callback_task_id=TASK)
    given(*waiting).when(ReopenTicket(reason="又坏了")).then(reopened).leaves(callback_task_id=None)
    anew = REQUIRED.model_copy(update={"callback_task_id": derived(RECORD, "callback/7")})
    given(*waiting, reopened).when(CompleteTicket(solution="换了主板")).then(SOLVED, anew)


def test_an_import_that_takes_a_complaint_up_again_gives_the_task_up() -> None:
    waiting = given(*HISTORY, SOLVED, REQUIRED, PLANNED)
    again = Ticket.StatusRecorded(status="in_progress", irregular=False, callback_task_id=TASK)
    waiting.when(RecordTicketStatus(status="in_progress")).then(again).leaves(callback_task_id=None)
    closed = Ticket.StatusRecorded(status="closed", irregular=False)
    waiting.when(RecordTicketStatus(status="closed")).then(closed).leaves(callback_task_id=TASK)


def test_what_turns_out_to_be_a_complaint_is_called_back_about_and_what_does_not_is_not() -> None:
    asked = OPENED.model_copy(update={"kind": "consultation"})
    complaint, question = (Ticket.DetailsChanged(kind=k) for k in ("complaint", "consultation"))
    required = REQUIRED.model_copy(update={"callback_task_id": derived(RECORD, "callback/4")})
    answered = given(asked, Ticket.Started(), SOLVED)
    answered.when(ChangeTicketDetails(kind="complaint")).then(complaint, required)
    waiting = (*HISTORY, SOLVED, REQUIRED)
    change = ChangeTicketDetails(kind="consultation")
    given(*waiting).when(change).then(question, Ticket.CallbackForgone()).leaves(
        callback_wanted=None
    )
    forgone = Ticket.CallbackForgone(callback_task_id=TASK)
    given(*waiting, PLANNED).when(change).then(question, forgone).leaves(callback_task_id=None)
    given(*waiting, PLANNED, question, forgone).when(
        COMMANDS["tickets/revert"].model_validate({"to_version": 5})
    ).leaves(kind="complaint", callback_wanted=derived(RECORD, "callback/8"))
    given(*HISTORY).when(change).then(question)


# The policies


def test_an_import_of_what_was_long_ago_plans_nothing() -> None:
    then = happened(REQUIRED)
    [ask] = plan_callback(then)
    assert isinstance(ask, Ask)
    assert (ask.id, ask.command) == (RECORD, PLAN)
    object.__setattr__(then.envelope, "recorded_at", BEGINNING + timedelta(days=2, seconds=1))
    assert list(plan_callback(then)) == []


def test_a_callback_that_no_task_waits_for_asks_for_nothing() -> None:
    assert list(complete_callback(happened(Ticket.CallbackRecorded()))) == []
    assert list(cancel_callback(happened(Ticket.Reopened(reason="x")))) == []
    assert list(cancel_callback(happened(Ticket.StatusRecorded(status="closed")))) == []


@pytest.fixture
def world(database_url: str) -> Iterator[Policed]:
    with policed(database_url, Clock(datetime.now(UTC).replace(microsecond=0))) as world:
        yield world


def test_the_task_is_called_in_the_language_of_the_complaint() -> None:
    assert callback_subject("打印机不工作") == "回访：打印机不工作"
    assert callback_subject("HP 打印机") == "回访：HP 打印机"
    assert callback_subject("The printer is broken") == "Callback: The printer is broken"
    assert len(callback_subject("x" * 300)) == 300


def complained(world: Policed, **more: Any) -> UUID:
    """A complaint that was completed."""
    ticket = started(world, **more)
    world.side.do(CompleteTicket(solution="换了主板"), ticket)
    world.settle()
    return ticket


def started(world: Policed, **more: Any) -> UUID:
    """A complaint that is being worked on."""
    side = world.side
    customer = side.do(registration()).id
    told = {"customer_id": customer, "subject": "打印机不工作", "kind": "complaint"}
    ticket = side.do(OpenTicket.model_validate({**told, "priority": "normal", **more})).id
    side.do(StartTicket(), ticket)
    return ticket


def task_of(world: Policed, ticket: UUID, version: int = 3) -> Any:
    return world.side.replayed(Task, derived(ticket, f"callback/{version}"))


def test_the_task_is_the_owners_and_done_when_the_customer_was_reached(world: Policed) -> None:
    ticket = complained(world, owner_id=LOCAL, subject="很长" * 150)
    task = task_of(world, ticket)
    completed_at = world.side.log.stream(ticket)[2].occurred_at
    assert task.due_at == completed_at + timedelta(days=2)
    assert (task.owner_id, task.about) == (LOCAL, ticket)
    assert task.subject.startswith("回访：很长")
    world.side.do(RecordTicketCallback(reached=False), ticket)
    world.settle()
    assert task_of(world, ticket).status == TaskStatus.PLANNED
    world.side.do(RecordTicketCallback(satisfied=True, note="用着很好"), ticket)
    world.settle()
    assert task_of(world, ticket).status == TaskStatus.COMPLETED
    done: Any = world.side.events(task.id)[-1]
    assert done.outcome == "用着很好"
    assert world.listed("refused") == []


def test_the_task_is_given_up_with_a_reopening_and_planned_anew(world: Policed) -> None:
    ticket = complained(world)
    world.side.do(ReopenTicket(reason="又坏了"), ticket)
    world.side.do(CompleteTicket(solution="换了整机"), ticket)
    world.settle()
    assert task_of(world, ticket).status == TaskStatus.CANCELLED
    assert task_of(world, ticket, version=7).status == TaskStatus.PLANNED


def test_a_task_that_somebody_closed_by_hand_is_left_alone(world: Policed) -> None:
    ticket = complained(world)
    world.side.do(CompleteTask(), task_of(world, ticket).id)
    world.side.do(RecordTicketCallback(), ticket)
    world.settle()
    assert task_of(world, ticket).version == 2
    other = complained(world)
    world.side.do(CancelTask(), task_of(world, other).id)
    world.side.do(ReopenTicket(reason="又坏了"), other)
    world.settle()
    assert task_of(world, other).version == 2
    assert world.listed("refused") == world.listed("dropped") == []


def test_the_task_is_given_up_when_it_was_no_complaint(world: Policed) -> None:
    ticket = complained(world)
    world.side.do(ChangeTicketDetails(kind="consultation"), ticket)
    world.settle()
    assert task_of(world, ticket).status == TaskStatus.CANCELLED
    assert world.listed("refused") == []


def add_user(world: Policed, superior_id: UUID | None = None) -> UUID:
    login = f"u{uuid4().hex[:8]}"
    return world.side.do(AddUser(login=login, name="王伟", superior_id=superior_id)).id


def test_the_callback_of_one_who_was_locked_out_falls_to_whoever_is_above(world: Policed) -> None:
    chief, alone = add_user(world), add_user(world)
    boss, orphan = add_user(world, chief), add_user(world, alone)
    owner = add_user(world, boss)
    lost, nobodys = (started(world, owner_id=whose) for whose in (owner, orphan))
    for ticket in (lost, nobodys):
        world.side.do(CompleteTicket(solution="换了主板"), ticket)
    for gone in (owner, boss, orphan, alone):
        world.side.do(DisableUser(), gone)
    world.settle()
    assert task_of(world, lost).owner_id == chief
    assert task_of(world, nobodys).owner_id is None
    assert task_of(world, lost).number.startswith("RW-")
    assert world.listed("refused") == []


def test_an_import_leaves_no_task_behind(world: Policed) -> None:
    ticket, importer = complained(world), Caller(LOCAL, origin="import")
    world.side.do(RecordTicketStatus(status="in_progress"), ticket, caller=importer)
    world.settle()
    assert task_of(world, ticket).status == TaskStatus.CANCELLED
    assert world.listed("refused") == []


def test_what_happened_before_an_import_is_called_back_about_no_more(world: Policed) -> None:
    importer, long_ago = Caller(LOCAL, origin="import"), datetime(2020, 3, 1, tzinfo=UTC)
    side = world.side
    customer = side.do(registration()).id
    told = {"customer_id": customer, "subject": "x", "kind": "complaint", "priority": "normal"}
    ticket = side.do(OpenTicket.model_validate(told), caller=importer, occurred_at=long_ago).id
    side.do(StartTicket(), ticket, caller=importer, occurred_at=long_ago)
    side.do(CompleteTicket(solution="y"), ticket, caller=importer, occurred_at=long_ago)
    world.settle()
    assert world.side.log.stream(derived(ticket, "callback/3")) == []
    assert world.listed("refused") == []
