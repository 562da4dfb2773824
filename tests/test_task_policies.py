"""What time asks of tasks: the policies as functions, and tasks whose moments come."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from aggregates.events import Event
from aggregates.task import Task
from commands.policies import Answer, Ask, At, Cancel
from commands.task import (
    CancelTask,
    CompleteTask,
    MarkTaskOverdue,
    PlanTask,
    RemindTask,
    RescheduleTask,
    mark_task_overdue,
    remind_of_task,
)
from tests.policing import Clock, Policed, policed
from tests.spec import BEGINNING, RECORD, happened

DUE = BEGINNING + timedelta(days=2)
REMIND = DUE - timedelta(hours=1)
KEY = str(RECORD)
CLOSED: list[Event] = [Task.Completed(), Task.Cancelled()]


def answers(found: Iterable[Answer]) -> list[Answer]:
    return list(found)


def test_a_planned_task_asks_for_its_reminder_and_its_overdue_mark() -> None:
    planned = happened(Task.Planned(subject="x", due_at=DUE, remind_at=REMIND))
    assert answers(remind_of_task(planned)) == [
        At(REMIND, Ask(RemindTask(remind_at=REMIND), RECORD), KEY)
    ]
    assert answers(mark_task_overdue(planned)) == [
        At(DUE, Ask(MarkTaskOverdue(due_at=DUE), RECORD, DUE), KEY)
    ]


def test_a_task_that_was_due_before_it_was_planned_is_overdue_since_then() -> None:
    planned = happened(Task.Planned(subject="x", due_at=BEGINNING - timedelta(days=9)))
    [at] = answers(mark_task_overdue(planned))
    assert isinstance(at, At)
    assert (at.due_at, at.ask.occurred_at) == (BEGINNING - timedelta(days=9), BEGINNING)


def test_nobody_is_reminded_of_what_was_long_ago_when_it_was_entered() -> None:
    past = BEGINNING - timedelta(days=1)
    entered = happened(Task.Planned(subject="x", due_at=DUE, remind_at=past))
    assert answers(remind_of_task(entered)) == [Cancel(KEY)]


def test_only_the_moment_that_is_put_off_is_asked_for_anew() -> None:
    due_only = happened(Task.Rescheduled(due_at=DUE))
    assert answers(remind_of_task(due_only)) == []
    assert len(answers(mark_task_overdue(due_only))) == 1
    reminder_only = happened(Task.Rescheduled(remind_at=REMIND))
    assert len(answers(remind_of_task(reminder_only))) == 1
    assert answers(mark_task_overdue(reminder_only)) == []
    assert answers(remind_of_task(happened(Task.Rescheduled(remind_at=None)))) == [Cancel(KEY)]


def test_a_revert_asks_for_the_moments_that_it_brings_back() -> None:
    back = Task.EVENTS["Task.Reverted"].model_validate({"to_version": 1, "due_at": DUE})
    assert answers(remind_of_task(happened(back))) == []
    [at] = answers(mark_task_overdue(happened(back)))
    assert isinstance(at, At)
    assert at.due_at == DUE


@pytest.mark.parametrize("closed", CLOSED)
def test_a_closed_task_asks_for_nothing_any_more(closed: Event) -> None:
    assert answers(remind_of_task(happened(closed))) == [Cancel(KEY)]
    assert answers(mark_task_overdue(happened(closed))) == [Cancel(KEY)]


# On a real log, by a clock of the test's


@pytest.fixture
def world(database_url: str) -> Iterator[Policed]:
    with policed(database_url, Clock(datetime.now(UTC).replace(microsecond=0))) as world:
        yield world


def plan(world: Policed, **moments: datetime) -> PlanTask:
    return PlanTask.model_validate({"subject": "回访王芳", **moments})


def test_a_task_is_reminded_of_and_then_overdue_each_at_its_moment(world: Policed) -> None:
    due = world.clock.now + timedelta(hours=2)
    task = world.side.do(plan(world, due_at=due, remind_at=due - timedelta(hours=1))).id
    world.settle()
    assert world.side.topics(task) == ["Task.Planned"]
    assert {one.policy: one.due_at for one in world.listed("waiting")} == {
        "remind-of-task": due - timedelta(hours=1),
        "mark-task-overdue": due,
    }
    world.clock.advance(minutes=59, seconds=59)
    world.settle()
    assert world.side.topics(task) == ["Task.Planned"]
    world.clock.advance(seconds=1)
    world.settle()
    assert world.side.topics(task) == ["Task.Planned", "Task.Reminded"]
    world.clock.advance(hours=1)
    world.settle()
    assert world.side.topics(task) == ["Task.Planned", "Task.Reminded", "Task.BecameOverdue"]
    planned, reminded, overdue = world.side.log.stream(task)
    assert overdue.occurred_at == due
    for made in (reminded, overdue):
        assert (made.origin, made.causation_id) == ("policy", planned.event_id)
        assert made.correlation_id == planned.correlation_id
    assert world.listed("waiting") == []


@pytest.mark.parametrize("close", [CompleteTask(), CancelTask()])
def test_a_task_that_is_closed_in_time_is_neither_reminded_of_nor_overdue(
    world: Policed, close: CompleteTask | CancelTask
) -> None:
    due = world.clock.now + timedelta(hours=2)
    task = world.side.do(plan(world, due_at=due, remind_at=due)).id
    world.settle()
    world.side.do(close, task)
    world.clock.advance(days=1)
    world.settle()
    assert len(world.side.topics(task)) == 2
    assert world.listed("waiting") == world.listed("refused") == []


def test_a_task_that_is_put_off_is_overdue_at_its_new_moment_only(world: Policed) -> None:
    due, later = (world.clock.now + timedelta(hours=h) for h in (1, 5))
    task = world.side.do(plan(world, due_at=due)).id
    world.settle()
    world.side.do(RescheduleTask(due_at=later), task)
    world.clock.advance(hours=2)
    world.settle()
    assert world.side.topics(task) == ["Task.Planned", "Task.Rescheduled"]
    world.clock.advance(hours=3)
    world.settle()
    assert world.side.topics(task)[2:] == ["Task.BecameOverdue"]
