"""Tasks, as lists and pages show them."""

from datetime import datetime
from uuid import UUID

from aggregates.task import Task, TaskDetails, TaskStatus
from projections.base import Projection, Row


class TaskRow(Row, table="tasks", details=TaskDetails):
    owner = "owner_id"
    searched = ("subject", "number", "note", "outcome")

    subject: str = ""
    status: TaskStatus = TaskStatus.PLANNED
    due_at: datetime | None = None
    remind_at: datetime | None = None
    reminded_at: datetime | None = None
    """When the owner was reminded last."""
    overdue_since: datetime | None = None
    """Since when a planned task is overdue."""
    about: UUID | None = None
    customer_id: UUID | None = None
    owner_id: UUID | None = None
    outcome: str | None = None
    closed_at: datetime | None = None


tasks = Projection(TaskRow, Task, revision=2)


@tasks.on(Task.Rescheduled)
@tasks.on(Task.Reverted)
def rescheduled(row: TaskRow, event: Task.Rescheduled | Task.Reverted) -> TaskRow:
    return row.updated(overdue_since=None) if "due_at" in event.model_fields_set else row


@tasks.on(Task.Completed)
def completed(row: TaskRow, event: Task.Completed) -> TaskRow:
    return _closed(row, event, TaskStatus.COMPLETED)


@tasks.on(Task.Cancelled)
def cancelled(row: TaskRow, event: Task.Cancelled) -> TaskRow:
    return _closed(row, event, TaskStatus.CANCELLED)


@tasks.on(Task.Reminded)
def reminded(row: TaskRow, event: Task.Reminded) -> TaskRow:
    return row.updated(reminded_at=event.envelope.occurred_at)


@tasks.on(Task.BecameOverdue, copies=False)
def became_overdue(row: TaskRow, event: Task.BecameOverdue) -> TaskRow:
    """On the clock of occurrence, the task may have been closed or put off before."""
    if row.status != TaskStatus.PLANNED or row.due_at != event.overdue_since:
        return row
    return row.updated(overdue_since=event.overdue_since)


def _closed(row: TaskRow, event: Task.Completed | Task.Cancelled, status: TaskStatus) -> TaskRow:
    return row.updated(status=status, overdue_since=None, closed_at=event.envelope.occurred_at)
