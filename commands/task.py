"""What may be asked of tasks, and what time asks of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from aggregates.task import SUBJECTS, Task, TaskDetails
from aggregates.values import BusinessInstant, FreeText, Ref, Text, left_out
from commands.base import Changes, Creates
from commands.policies import Answer, Ask, At, Cancel, whenever

UserId = Annotated[UUID, Ref("User")]


class PlanTask(TaskDetails, Creates[Task]):
    """Plan what is to be done by a certain moment."""

    subject: Text
    due_at: BusinessInstant
    about: Annotated[UUID, SUBJECTS] | None = None
    """A customer, an opportunity or a ticket."""
    owner_id: UserId | None = None
    remind_at: BusinessInstant | None = None

    def handle(self, task: Task, /) -> None:
        about = self.referred.get("about")
        of = {} if about is None else {"customer_id": about.customer_id}
        task.plan(**{**self.given(), **of})


class RescheduleTask(Changes[Task]):
    """Change when a task is due, or when to remind of it."""

    due_at: BusinessInstant = left_out()
    remind_at: BusinessInstant | None = None

    def handle(self, task: Task, /) -> None:
        task.reschedule(**self.given())


class ChangeTaskDetails(TaskDetails, Changes[Task]):
    """Correct or complete what is known of a task."""

    MERGES = True
    subject: Text = left_out()

    def handle(self, task: Task, /) -> None:
        task.change_details(**self.given())


class AssignTask(Changes[Task]):
    """Make somebody the owner of a task."""

    owner_id: UserId

    def handle(self, task: Task, /) -> None:
        task.assign(self.owner_id)


class CompleteTask(Changes[Task]):
    """Say that a task is done, and what came of it."""

    outcome: FreeText | None = None

    def handle(self, task: Task, /) -> None:
        task.complete(**self.given())


class CancelTask(Changes[Task]):
    """Give up a task."""

    def handle(self, task: Task, /) -> None:
        task.cancel()


class RemindTask(Changes[Task]):
    """Note that the moment of a task's reminder has come."""

    POLICY_ONLY = True
    remind_at: BusinessInstant

    def handle(self, task: Task, /) -> None:
        task.remind(self.remind_at)


class MarkTaskOverdue(Changes[Task]):
    """Note that a task was not done by the moment at which it was due."""

    POLICY_ONLY = True
    due_at: BusinessInstant

    def handle(self, task: Task, /) -> None:
        task.mark_overdue(self.due_at)


SET: tuple[Any, ...] = Task.Planned, Task.Rescheduled, Task.Reverted
"""Events that may say anew when a task is due, and when to remind of it."""


@whenever(*SET, Task.Completed, Task.Cancelled)
def remind_of_task(event: Any) -> Iterable[Answer]:
    """Remind the owner at ``remind_at``; an import does not remind of what was long ago."""
    id = event.envelope.stream_id
    if not isinstance(event, SET):
        yield Cancel(str(id))
    elif "remind_at" in event.model_fields_set:
        remind_at: datetime | None = event.remind_at
        if remind_at is None or remind_at < event.envelope.recorded_at:
            yield Cancel(str(id))
        else:
            yield At(remind_at, Ask(RemindTask(remind_at=remind_at), id), str(id))


@whenever(*SET, Task.Completed, Task.Cancelled)
def mark_task_overdue(event: Any) -> Iterable[Answer]:
    """Mark the task overdue at ``due_at``, or at once where that has passed when it is planned."""
    id = event.envelope.stream_id
    if not isinstance(event, SET):
        yield Cancel(str(id))
    elif "due_at" in event.model_fields_set:
        due_at: datetime | None = event.due_at
        if due_at is None:
            yield Cancel(str(id))
        else:
            since = max(due_at, event.envelope.occurred_at)
            yield At(due_at, Ask(MarkTaskOverdue(due_at=due_at), id, since), str(id))
