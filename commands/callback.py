"""Calling back who complained: a task for it, done with the callback, given up with a reopening."""

import re
from collections.abc import Iterable
from uuid import UUID

from aggregates.base import Aggregate
from aggregates.callback import CALLED_BACK_WITHIN
from aggregates.errors import NotFound
from aggregates.task import Task
from aggregates.ticket import Ticket
from aggregates.user import User
from aggregates.values import BusinessInstant, FreeText
from commands.base import Changes, Known
from commands.known import superiors
from commands.policies import Answer, Ask, whenever

CALL_BACK = ("回访：", "Callback: ")
"""How the task's subject begins, in Chinese and in English."""
_CHINESE = re.compile("[\u3400-\u9fff]")
_LONGEST = 300


class PlanCallback(Changes[Ticket]):
    """Plan the task to call a customer back, for whoever has the ticket or is above them."""

    POLICY_ONLY = True
    callback_task_id: UUID
    due_at: BusinessInstant

    def gather(self, ticket: Ticket, known: Known, /) -> tuple[Task, UUID | None]:
        """The task, which is there already where somebody made it under this id; and who of those
        who still work here is to do it: None is whoever takes it."""
        try:
            task = known.get(Task, self.callback_task_id)
        except NotFound:
            task = known.new(Task, self.callback_task_id)
        return task, _who_calls(ticket.owner_id, known)

    def handle(self, ticket: Ticket, /) -> list[Aggregate]:
        task, owner_id = self.gathered
        if not ticket.plan_callback(task.id):
            return []
        if task.version == 0:
            about = {"about": ticket.id, "customer_id": ticket.customer_id, "owner_id": owner_id}
            known = {name: id for name, id in about.items() if id is not None}
            subject = callback_subject(ticket.subject)
            task.plan(subject=subject, due_at=self.due_at, **known)
        return [task]


class FinishCallback(Changes[Task]):
    """Complete the task to call a customer back, where that was not done by hand."""

    POLICY_ONLY = True
    outcome: FreeText | None = None

    def handle(self, task: Task, /) -> None:
        task.finish(self.outcome)


class GiveUpCallback(Changes[Task]):
    """Cancel the task to call a customer back, where nobody has closed it."""

    POLICY_ONLY = True

    def handle(self, task: Task, /) -> None:
        task.give_up()


def callback_subject(complaint: str) -> str:
    """What the task is called, in the language in which the complaint was entered: whoever calls
    back reads that anyhow."""
    chinese, english = CALL_BACK
    return ((chinese if _CHINESE.search(complaint) else english) + complaint)[:_LONGEST]


def _who_calls(owner_id: UUID | None, known: Known) -> UUID | None:
    """The owner, or the nearest superior who still works here."""
    if owner_id is None or known.get(User, owner_id).is_active:
        return owner_id
    return next(superiors(owner_id, known), None)


@whenever(Ticket.CallbackRequired)
def plan_callback(required: Ticket.CallbackRequired) -> Iterable[Answer]:
    """Plan the task; an import plans nothing that would have been due before it."""
    due_at = required.envelope.occurred_at + CALLED_BACK_WITHIN
    if due_at >= required.envelope.recorded_at:
        command = PlanCallback(callback_task_id=required.callback_task_id, due_at=due_at)
        yield Ask(command, required.envelope.stream_id)


@whenever(Ticket.CallbackRecorded)
def complete_callback(recorded: Ticket.CallbackRecorded) -> Iterable[Answer]:
    """Complete the task once somebody answered."""
    if recorded.callback_task_id is not None:
        yield Ask(FinishCallback(outcome=recorded.note), recorded.callback_task_id)


@whenever(Ticket.Reopened, Ticket.StatusRecorded, Ticket.CallbackForgone)
def cancel_callback(
    event: Ticket.Reopened | Ticket.StatusRecorded | Ticket.CallbackForgone,
) -> Iterable[Answer]:
    """Give the task up: the complaint is worked on again, or is none."""
    if event.callback_task_id is not None:
        yield Ask(GiveUpCallback(), event.callback_task_id)
