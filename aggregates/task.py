"""Task: something that somebody is to do by a certain moment, and what came of it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from aggregates.archive import Archivable
from aggregates.base import Aggregate
from aggregates.errors import FieldError, Invalid, Rejected
from aggregates.events import Created, Event
from aggregates.revert import Revertible
from aggregates.values import BusinessInstant, Custom, ExternalId, FreeText, Ref, Text, Value
from aggregates.withdraw import Withdrawable

SUBJECTS = Ref("Customer", "Opportunity", "Ticket")
"""What a task may be about."""


class TaskStatus(StrEnum):
    PLANNED = "planned"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class TaskClosed(Rejected):
    """The task is completed or cancelled already."""


class TaskDetails(Value):
    """What may be known of a task beside what is to be done, when, by whom and about what."""

    note: FreeText | None = None
    external: ExternalId | None = None
    custom: Custom | None = None


class Task(Withdrawable, Archivable, Revertible, Aggregate):
    SERIES = "RW"
    REVISION = 3
    KEPT = frozenset({"status", "overdue_since", "reminded_for", "outcome", "about", "customer_id"})

    status: TaskStatus = TaskStatus.PLANNED
    due_at: datetime | None = None
    remind_at: datetime | None = None
    overdue_since: datetime | None = None
    reminded_for: datetime | None = None
    customer_id: UUID | None = None
    owner_id: UUID | None = None

    class Planned(TaskDetails, Created):
        subject: Text
        due_at: BusinessInstant | None = None
        about: Annotated[UUID, SUBJECTS] | None = None
        customer_id: UUID | None = None
        """The customer that the task was planned for: whose record it is about."""
        owner_id: UUID | None = None
        remind_at: BusinessInstant | None = None

    class DetailsChanged(TaskDetails, Event):
        subject: Text | None = None

    class Rescheduled(Event):
        """The moments that have changed; the other stays."""

        due_at: BusinessInstant | None = None
        remind_at: BusinessInstant | None = None

        def apply(self, aggregate: "Task") -> None:
            super().apply(aggregate)
            if "due_at" in self.model_fields_set:
                aggregate.overdue_since = None

    class Assigned(Event):
        owner_id: UUID

    class Completed(Event):
        outcome: FreeText | None = None

        def apply(self, aggregate: "Task") -> None:
            aggregate.status = TaskStatus.COMPLETED

    class Cancelled(Event):
        def apply(self, aggregate: "Task") -> None:
            aggregate.status = TaskStatus.CANCELLED

    class Reminded(Event):
        """The owner was to be reminded."""

        reminded_for: BusinessInstant

    class BecameOverdue(Event):
        """The moment came by which it was to be done, and it was not."""

        overdue_since: BusinessInstant

        def apply(self, aggregate: "Task") -> None:
            if aggregate.is_open and aggregate.due_at == self.overdue_since:
                aggregate.overdue_since = self.overdue_since

    def plan(self, subject: str, **details: Any) -> None:
        """Enter the task; ``due_at`` is missing in an import at most."""
        self.require_in_order(details.get("remind_at"), details.get("due_at"))
        self.record(self.Planned(subject=subject, **details))

    def reschedule(self, **moments: datetime | None) -> None:
        """Change ``due_at``, ``remind_at`` or both; ``remind_at=None`` is: no reminder."""
        self.require_open()
        due_at = moments.get("due_at", self.due_at)
        self.require_in_order(moments.get("remind_at", self.remind_at), due_at)
        self.record_changes(self.Rescheduled, **moments)

    def change_details(self, **details: Any) -> None:
        self.require_open()
        self.record_changes(self.DetailsChanged, **details)

    def assign(self, owner_id: UUID) -> None:
        self.require_open()
        self.record_changes(self.Assigned, owner_id=owner_id)

    def complete(self, outcome: str | None = None) -> None:
        self.require_open()
        said = {} if outcome is None else {"outcome": outcome}
        self.record(self.Completed(**said))

    def cancel(self) -> None:
        self.require_open()
        self.record(self.Cancelled())

    def finish(self, outcome: str | None = None) -> None:
        """Complete it where nobody has closed it yet."""
        if self.is_open:
            self.complete(outcome)

    def give_up(self) -> None:
        """Cancel it where nobody has closed it yet."""
        if self.is_open:
            self.cancel()

    def revert(self, then: Aggregate) -> None:
        """What was done of a closed task stays done."""
        self.require_open()
        super().revert(then)

    def mutate(self, event: Event) -> None:
        super().mutate(event)
        if isinstance(event, Revertible.Reverted) and "due_at" in event.model_fields_set:
            self.overdue_since = None

    def remind(self, remind_at: datetime) -> None:
        """The moment of the reminder has come; nothing where it is for another one by now."""
        is_wanted = self.remind_at == remind_at != self.reminded_for
        if self.is_open and is_wanted and not (self.is_archived or self.is_withdrawn):
            self.record(self.Reminded(reminded_for=remind_at))

    def mark_overdue(self, due_at: datetime) -> None:
        """The task's moment has passed; nothing where it is due at another one by now."""
        is_new = self.due_at == due_at != self.overdue_since
        if self.is_open and is_new and not self.is_withdrawn:
            self.record(self.BecameOverdue(overdue_since=due_at))

    @property
    def is_open(self) -> bool:
        return self.status == TaskStatus.PLANNED

    def require_open(self) -> None:
        self.require(self.is_open, TaskClosed, state=self.status.value)

    def require_in_order(self, remind_at: datetime | None, due_at: datetime | None) -> None:
        if remind_at is not None and due_at is not None and remind_at > due_at:
            raise Invalid(FieldError("remind_at", "reminder-after-due"))
