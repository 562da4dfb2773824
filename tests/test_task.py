"""Tasks: planned, put off, done; reminders and overdue marks that fit what is planned by then."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from adapters.seeds import LOCAL
from aggregates.errors import Invalid
from aggregates.events import Event
from aggregates.task import Task, TaskClosed
from commands.base import COMMANDS, Changes
from commands.requests import Caller
from commands.task import (
    AssignTask,
    CancelTask,
    ChangeTaskDetails,
    CompleteTask,
    MarkTaskOverdue,
    PlanTask,
    RemindTask,
    RescheduleTask,
)
from tests.spec import RECORD, given
from tests.write_side import WriteSide, opening, registration, write_side_on

DUE = datetime(2026, 3, 5, 10, tzinfo=UTC)
BEFORE, LATER = DUE - timedelta(hours=1), DUE + timedelta(days=1)
OWNER = UUID(int=8)
PLANNED = Task.Planned(subject="回访王芳", due_at=DUE, remind_at=BEFORE)
CLOSED: list[Event] = [Task.Completed(), Task.Cancelled()]
CHANGES: list[Changes[Task]] = [
    RescheduleTask(due_at=LATER),
    ChangeTaskDetails(subject="x"),
    AssignTask(owner_id=OWNER),
    CompleteTask(),
    CancelTask(),
]


def test_a_task_belongs_to_the_customer_of_what_it_is_about() -> None:
    given().when(PlanTask(subject="回访", due_at=DUE, about=RECORD)).then(
        Task.Planned(subject="回访", due_at=DUE, about=RECORD, customer_id=RECORD)
    )


def test_a_task_may_be_about_nothing() -> None:
    given().when(PlanTask(subject="订会议室", due_at=DUE)).then(
        Task.Planned(subject="订会议室", due_at=DUE)
    )


@pytest.mark.parametrize(
    "due_at", ["2026-03-05", "2026-03-05T10:00:00", "soon", 5, "0001-01-01T00:00:00+14:00"]
)
def test_a_moment_is_an_instant_with_an_offset_in_years_of_ours(due_at: Any) -> None:
    with pytest.raises(ValidationError):
        PlanTask.model_validate({"subject": "x", "due_at": due_at})


def test_moments_are_kept_in_utc() -> None:
    task = PlanTask.model_validate({"subject": "x", "due_at": "2026-03-05T18:00:00+08:00"})
    assert task.due_at.isoformat() == "2026-03-05T10:00:00+00:00"


def test_nobody_is_reminded_after_the_task_was_due() -> None:
    given().when(PlanTask(subject="x", due_at=DUE, remind_at=LATER)).invalid("remind_at")
    given(PLANNED).when(RescheduleTask(remind_at=LATER)).invalid("remind_at")
    given(PLANNED).when(RescheduleTask(due_at=BEFORE - timedelta(hours=1))).invalid("remind_at")
    given().when(PlanTask(subject="x", due_at=DUE, remind_at=DUE)).leaves(remind_at=DUE)


def test_rescheduling_records_what_changes() -> None:
    given(PLANNED).when(RescheduleTask(due_at=LATER, remind_at=BEFORE)).then(
        Task.Rescheduled(due_at=LATER)
    )
    given(PLANNED).when(RescheduleTask(remind_at=None)).then(Task.Rescheduled(remind_at=None))
    given(PLANNED).when(RescheduleTask(due_at=DUE)).changes_nothing()


def test_a_task_is_completed_with_what_came_of_it() -> None:
    given(PLANNED).when(CompleteTask(outcome="已确认")).then(Task.Completed(outcome="已确认"))
    given(PLANNED).when(CompleteTask()).then(Task.Completed())


@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.VERB)
def test_a_closed_task_cannot_be_changed(closed: Any, change: Changes[Task]) -> None:
    given(PLANNED, closed).when(change).rejects(TaskClosed)


def test_every_change_that_people_may_ask_is_tried_on_a_closed_task() -> None:
    asked = {c for c in COMMANDS.values() if c.AGGREGATE is Task and c.is_for_people()}
    asked = {c for c in asked if c.__module__ == "commands.task"}  # and not of its traits
    assert asked - {PlanTask} == {type(change) for change in CHANGES}


def test_a_revert_takes_back_values_and_not_what_was_done() -> None:
    changed = [Task.Rescheduled(due_at=LATER), Task.DetailsChanged(note="带样品")]
    revert = COMMANDS["tasks/revert"].model_validate({"to_version": 1})
    [event] = given(PLANNED, *changed).when(revert).aggregate.pending
    assert event.model_dump(exclude_unset=True) == {"to_version": 1, "due_at": DUE, "note": None}
    for closed in CLOSED:
        given(PLANNED, *changed, closed).when(revert).rejects(TaskClosed)


# What time asks


def test_a_reminder_is_given_once_for_each_moment() -> None:
    given(PLANNED).when(RemindTask(remind_at=BEFORE)).then(Task.Reminded(reminded_for=BEFORE))
    reminded = Task.Reminded(reminded_for=BEFORE)
    given(PLANNED, reminded).when(RemindTask(remind_at=BEFORE)).changes_nothing()


def test_a_task_becomes_overdue_once_and_anew_when_it_was_put_off() -> None:
    overdue = Task.BecameOverdue(overdue_since=DUE)
    given(PLANNED).when(MarkTaskOverdue(due_at=DUE)).then(overdue).leaves(overdue_since=DUE)
    given(PLANNED, overdue).when(MarkTaskOverdue(due_at=DUE)).changes_nothing()
    put_off = Task.Rescheduled(due_at=LATER)
    given(PLANNED, overdue, put_off).when(MarkTaskOverdue(due_at=LATER)).then(
        Task.BecameOverdue(overdue_since=LATER)
    )


def test_an_archived_task_is_not_reminded_of_and_is_overdue_all_the_same() -> None:
    archived = given(PLANNED, COMMANDS["tasks/archive"].AGGREGATE.EVENTS["Task.Archived"]())
    archived.when(RemindTask(remind_at=BEFORE)).changes_nothing()
    archived.when(MarkTaskOverdue(due_at=DUE)).then(Task.BecameOverdue(overdue_since=DUE))


@pytest.mark.parametrize("command", [RemindTask(remind_at=BEFORE), MarkTaskOverdue(due_at=DUE)])
def test_what_comes_too_late_changes_nothing(command: Changes[Task]) -> None:
    put_off = Task.Rescheduled(due_at=LATER, remind_at=None)
    for event in [put_off, *CLOSED]:
        given(PLANNED, event).when(command).changes_nothing()


# With a log


@pytest.fixture
def side(database_url: str) -> Iterator[WriteSide]:
    with write_side_on(database_url) as side:
        yield side


def test_what_a_task_is_about_is_of_several_kinds(side: WriteSide) -> None:
    customer = side.do(registration()).id
    opportunity = side.do(opening(customer)).id
    for about in (customer, opportunity):
        task = side.do(PlanTask(subject="回访", due_at=DUE, about=about))
        [event] = side.log.stream(task.id)
        assert event.customer_id == customer
    for wrong in (LOCAL, UUID(int=5)):
        with pytest.raises(Invalid) as refusal:
            side.do(PlanTask(subject="回访", due_at=DUE, about=wrong))
        assert [(e.field, e.message) for e in refusal.value.errors] == [
            ("about", "reference-unknown")
        ]


def test_a_reference_to_a_record_of_another_kind_with_a_snapshot_is_refused_too(
    side: WriteSide,
) -> None:
    task = side.do(PlanTask(subject="0", due_at=DUE)).id
    for n in range(1, 101):
        side.do(ChangeTaskDetails(subject=str(n)), task)
    side.application.close()  # the snapshot is saved beside the requests
    assert side.log.snapshot(task) is not None
    side.application.repository.forget(task)
    with pytest.raises(Invalid):
        side.do(PlanTask(subject="x", due_at=DUE, about=task))


def test_only_policies_ask_what_time_asks(side: WriteSide) -> None:
    task = side.do(PlanTask(subject="x", due_at=DUE)).id
    for origin in ("api", "import"):
        with pytest.raises(Invalid) as refusal:
            side.do(MarkTaskOverdue(due_at=DUE), task, caller=Caller(LOCAL, origin))
        assert [(e.field, e.message) for e in refusal.value.errors] == [("command", "policy-only")]
    side.do(MarkTaskOverdue(due_at=DUE), task, caller=Caller(LOCAL, "policy"))
    assert side.topics(task) == ["Task.Planned", "Task.BecameOverdue"]
