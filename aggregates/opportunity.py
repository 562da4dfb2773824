"""Opportunity: a sale that may come, from the first hint to won or lost."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from aggregates.archive import Archivable
from aggregates.attachment import Attachable
from aggregates.base import Aggregate
from aggregates.errors import FieldError, Invalid, Rejected
from aggregates.events import Created, Event
from aggregates.expense import Expensed
from aggregates.interaction import Interactive
from aggregates.revert import Revertible
from aggregates.values import (
    BusinessDate,
    Code,
    CodeEntry,
    CodeText,
    Custom,
    ExternalId,
    FreeText,
    Money,
    Percent,
    Ref,
    Text,
    Value,
)
from aggregates.withdraw import Withdrawable

SALES = "sales"
"""The pipeline an opportunity is in unless another is named."""

Outcome = Literal["open", "won", "lost"]
CLOSING = ("stage", "is_closed", "won_on", "lost_on", "lost_reason")
"""State that says whether, and how, it was closed."""


class OpportunityClosed(Rejected):
    """The opportunity is already won or lost."""


class OpportunityOpen(Rejected):
    """The opportunity is neither won nor lost."""


class UseWinOrLose(Rejected):
    """An opportunity is not moved to a won or lost stage: use win or lose."""


class OpportunityDetails(Value):
    """What may be known of an opportunity beside title, customer, amount and stage."""

    probability: Percent | None = None
    products: tuple[Text, ...] | None = None
    decision_maker_id: Annotated[UUID, Ref("Contact")] | None = None
    summary: FreeText | None = None
    strengths: FreeText | None = None
    weaknesses: FreeText | None = None
    success_factors: FreeText | None = None
    failure_factors: FreeText | None = None
    source: Annotated[CodeText, Code("source")] | None = None
    external: ExternalId | None = None
    custom: Custom | None = None


class Opportunity(
    Withdrawable, Archivable, Attachable, Revertible, Interactive, Expensed, Aggregate
):
    SERIES = "SJ"
    REVISION = 2

    pipeline: str = SALES
    stage: str | None = None
    amount: Money | None = None
    customer_id: UUID | None = None
    owner_id: UUID | None = None
    is_closed: bool = False
    last_open_stage: str | None = None
    decision_maker_id: UUID | None = None
    won_on: date | None = None
    lost_on: date | None = None
    lost_reason: str | None = None
    note: str | None = None

    class Opened(OpportunityDetails, Created):
        title: Text
        customer_id: UUID | None = None
        amount: Money | None = None
        pipeline: CodeText = SALES
        stage: CodeText
        expected_close_on: BusinessDate | None = None
        owner_id: UUID | None = None

    class DetailsChanged(OpportunityDetails, Event):
        title: Text | None = None

    class Advanced(Event):
        STEP = "stage"
        stage: CodeText

    class AmountChanged(Event):
        amount: Money

    class Rescheduled(Event):
        expected_close_on: BusinessDate

    class Won(Event):
        STEP = "stage"
        OCCURRED_ON = "won_on"
        won_on: BusinessDate
        amount: Money | None = None

        def apply(self, aggregate: "Opportunity") -> None:
            aggregate.close("won", self.amount)
            aggregate.won_on = self.won_on

    class Lost(Event):
        STEP = "stage"
        OCCURRED_ON = "lost_on"
        lost_on: BusinessDate
        lost_reason: CodeText
        note: FreeText | None = None

        def apply(self, aggregate: "Opportunity") -> None:
            aggregate.close("lost", None)
            aggregate.lost_on, aggregate.lost_reason = self.lost_on, self.lost_reason
            aggregate.note = self.note

    class Reopened(Event):
        STEP = "stage"
        stage: CodeText

        def apply(self, aggregate: "Opportunity") -> None:
            aggregate.stage, aggregate.is_closed = self.stage, False
            aggregate.won_on = aggregate.lost_on = None
            aggregate.lost_reason = aggregate.note = None

    class StatusRecorded(Event):
        """What another system says of where it stands."""

        STEP = "stage"
        stage: CodeText
        outcome: Outcome
        """What the stage means."""
        irregular: bool = False
        """Whether nobody here could have led it there."""
        closed_on: BusinessDate | None = None
        amount: Money | None = None
        lost_reason: CodeText | None = None

        def apply(self, aggregate: "Opportunity") -> None:
            aggregate.close(self.stage, self.amount)
            aggregate.is_closed = self.outcome != "open"
            is_lost = self.outcome == "lost"
            aggregate.won_on = self.closed_on if self.outcome == "won" else None
            aggregate.lost_on = self.closed_on if is_lost else None
            aggregate.lost_reason = self.lost_reason if is_lost else None
            aggregate.note = None

    class Assigned(Event):
        owner_id: UUID

    class Moved(Event):
        customer_id: UUID

    def open(self, stage: CodeEntry, *, pipeline: str = SALES, **details: Any) -> None:
        """Enter the opportunity at an open stage of its pipeline."""
        self.require_open_stage(stage, pipeline)
        details = {k: v for k, v in details.items() if v is not None}
        self.record(self.Opened(pipeline=pipeline, stage=stage.code, **details))

    def advance(self, stage: CodeEntry) -> None:
        """Move to another open stage of the same pipeline, in either direction."""
        self.require_not_closed()
        self.require_open_stage(stage, self.pipeline)
        self.record_changes(self.Advanced, stage=stage.code)

    def change_amount(self, amount: Money) -> None:
        self.require_not_closed()
        self.record_changes(self.AmountChanged, amount=amount)

    def reschedule(self, expected_close_on: date) -> None:
        self.require_not_closed()
        self.record_changes(self.Rescheduled, expected_close_on=expected_close_on)

    def change_details(self, **details: Any) -> None:
        self.require_not_closed()
        self.record_changes(self.DetailsChanged, **details)

    def win(self, won_on: date, amount: Money | None = None) -> None:
        """Close as won; the amount, where given, is what it was sold for."""
        self.require_not_closed()
        final = {} if amount is None else {"amount": amount}
        self.record(self.Won(won_on=won_on, **final))

    def lose(self, lost_on: date, lost_reason: str, note: str | None = None) -> None:
        self.require_not_closed()
        said = {} if note is None else {"note": note}
        self.record(self.Lost(lost_on=lost_on, lost_reason=lost_reason, **said))

    def reopen(self) -> None:
        """Take it up again at its last open stage."""
        self.require(self.is_closed, OpportunityOpen)
        assert self.last_open_stage is not None
        self.record(self.Reopened(stage=self.last_open_stage))

    def revert(self, then: Aggregate) -> None:
        """What was won or lost since can be opened again so, but not won or lost."""
        is_as_then = all(getattr(then, n) == getattr(self, n) for n in CLOSING)
        self.require(is_as_then or not getattr(then, "is_closed", False), UseWinOrLose)
        super().revert(then)

    def record_status(self, stage: CodeEntry, **said: Any) -> None:
        """Take over what another system says, whatever was before."""
        irregular = not self.leads_to(stage)
        known = {name: value for name, value in said.items() if value is not None}
        outcome: Any = stage.type
        self.record(
            self.StatusRecorded(stage=stage.code, outcome=outcome, irregular=irregular, **known)
        )

    def leads_to(self, stage: CodeEntry) -> bool:
        """Whether the rules would let somebody bring it from where it stands to this stage."""
        if stage.pipeline != self.pipeline:
            return False
        return not self.is_closed or stage.code == self.last_open_stage

    def assign(self, owner_id: UUID) -> None:
        self.record_changes(self.Assigned, owner_id=owner_id)

    def move(self, customer_id: UUID) -> None:
        """Put it under another customer."""
        self.require_not_closed()
        self.record_changes(self.Moved, customer_id=customer_id)

    def close(self, stage: str, amount: Money | None) -> None:
        """Fold of winning and losing."""
        if not self.is_closed:
            self.last_open_stage = self.stage
        self.stage, self.is_closed = stage, True
        if amount is not None:
            self.amount = amount

    def require_usable(self, verb: str) -> None:
        super().require_usable(verb)
        if verb == "record-expense":
            self.require_not_closed()

    def require_not_closed(self) -> None:
        self.require(not self.is_closed, OpportunityClosed)

    def require_open_stage(self, stage: CodeEntry, pipeline: str) -> None:
        if stage.pipeline != pipeline:
            raise Invalid(FieldError("stage", "stage-of-other-pipeline", pipeline=pipeline))
        self.require(stage.type == "open", UseWinOrLose)
