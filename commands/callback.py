"""Calling back who complained: a task for it, done with the callback, given up with a reopening."""

from collections.abc import Iterable

from aggregates.ticket import CALLED_BACK_WITHIN, Ticket
from commands.policies import Answer, Ask, whenever
from commands.task import CancelTask, CompleteTask, PlanTask

CALL_BACK = "回访 / Callback: "
_LONGEST = 300


@whenever(Ticket.CallbackRequired)
def plan_callback(required: Ticket.CallbackRequired) -> Iterable[Answer]:
    """Plan a task for the owner; an import plans nothing that would have been due before it."""
    due_at = required.envelope.occurred_at + CALLED_BACK_WITHIN
    if due_at < required.envelope.recorded_at:
        return
    command = PlanTask(
        subject=(CALL_BACK + required.subject)[:_LONGEST],
        due_at=due_at,
        about=required.envelope.stream_id,
        owner_id=required.owner_id,
    )
    yield Ask(command, required.callback_task_id)


@whenever(Ticket.CallbackRecorded)
def complete_callback(recorded: Ticket.CallbackRecorded) -> Iterable[Answer]:
    """Complete the task once somebody answered."""
    if recorded.callback_task_id is not None:
        yield Ask(CompleteTask(outcome=recorded.note), recorded.callback_task_id)


@whenever(Ticket.Reopened)
def cancel_callback(reopened: Ticket.Reopened) -> Iterable[Answer]:
    """Give the task up: the complaint is worked on again."""
    if reopened.callback_task_id is not None:
        yield Ask(CancelTask(), reopened.callback_task_id)
