"""Callbacks: who complained is called back once that was dealt with, by a task planned for it."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from aggregates.base import Trait, derived
from aggregates.errors import FieldError, Invalid
from aggregates.events import Event, said
from aggregates.values import FreeText, Ref, Text

COMPLAINT = "complaint"
"""The kind of ticket whose customer is called back once it is completed."""
CALLED_BACK_WITHIN = timedelta(days=2)
"""How long after a complaint is completed its customer is to be called back."""


class CalledBack(Trait):
    """Says when a callback is wanted, which task was planned for it, and what came of it."""

    KEPT = frozenset({"callback_wanted", "callback_task_id"})

    callback_wanted: UUID | None = None
    """The id of the task that is planned for the callback, or is to be; None: none is wanted."""
    callback_task_id: UUID | None = None
    """The task, once it was planned."""

    class CallbackRequired(Event):
        """A complaint is completed: its customer is to be called back."""

        callback_task_id: UUID
        """The id of the task that is to be planned for it."""
        subject: Text
        owner_id: UUID | None = None

        def apply(self, aggregate: "CalledBack") -> None:
            aggregate.callback_wanted = self.callback_task_id

    class CallbackPlanned(Event):
        """There is a task for it."""

        callback_task_id: Annotated[UUID, Ref("Task")]

        def apply(self, aggregate: "CalledBack") -> None:
            if aggregate.callback_wanted == self.callback_task_id:
                aggregate.callback_task_id = self.callback_task_id

    class CallbackRecorded(Event):
        reached: bool = True
        """Whether somebody answered."""
        satisfied: bool | None = None
        note: FreeText | None = None
        callback_task_id: UUID | None = None
        """The task that is done with it."""

        def apply(self, aggregate: "CalledBack") -> None:
            if self.reached:
                aggregate.forget_callback()

    class CallbackForgone(Event):
        """It turned out to be no complaint: nobody is to be called back."""

        callback_task_id: UUID | None = None
        """The task that was planned for it."""

        def apply(self, aggregate: "CalledBack") -> None:
            aggregate.forget_callback()

    def require_callback(self, subject: str, owner_id: UUID | None) -> None:
        """Have the customer called back."""
        task_id = derived(self.id, f"callback/{self.version}")
        known = said(owner_id=owner_id)
        self.record(self.CallbackRequired(callback_task_id=task_id, subject=subject, **known))

    def plan_callback(self, task_id: UUID) -> bool:
        """Have the task that is wanted; False where it is not, or is there already."""
        is_wanted = self.callback_wanted == task_id != self.callback_task_id
        if is_wanted:
            self.record(self.CallbackPlanned(callback_task_id=task_id))
        return is_wanted

    def forgo_callback(self) -> None:
        """Have nobody called back; nothing where nobody was to be."""
        if self.callback_wanted is not None:
            self.record(self.CallbackForgone(**said(callback_task_id=self.callback_task_id)))

    def record_callback(self, *, reached: bool = True, **told: Any) -> None:
        """Say what came of calling the customer back, in whatever state the record is."""
        if not reached and told.get("satisfied") is not None:
            raise Invalid(FieldError("satisfied", "not-reached"))
        if reached:
            told |= said(callback_task_id=self.callback_task_id)
        else:
            told["reached"] = False
        self.record(self.CallbackRecorded(**told))

    def forget_callback(self) -> None:
        """Fold of whatever it is not waited for any more."""
        self.callback_wanted = self.callback_task_id = None
