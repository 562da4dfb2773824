"""What may be asked of opportunities."""

from typing import Annotated
from uuid import UUID

from aggregates.contact import Contact
from aggregates.opportunity import SALES, Opportunity, OpportunityDetails
from aggregates.values import BusinessDate, Code, CodeText, FreeText, Money, Ref, Text, left_out
from commands.base import Changes, Creates, Known
from commands.known import require_theirs

StageCode = Annotated[CodeText, Code("stage")]


def require_their_decision_maker(
    contact_id: UUID | None, customer_id: UUID | None, known: Known
) -> None:
    """Refuse who decides for another customer."""
    named = [] if contact_id is None else [("decision_maker_id", Contact, contact_id)]
    require_theirs(customer_id, named, known)


class OpenOpportunity(OpportunityDetails, Creates[Opportunity]):
    """Enter an opportunity of a customer."""

    title: Text
    customer_id: Annotated[UUID, Ref("Customer")]
    amount: Money
    pipeline: CodeText = SALES
    stage: StageCode = "lead"
    expected_close_on: BusinessDate | None = None
    owner_id: Annotated[UUID, Ref("User")] | None = None

    def gather(self, opportunity: Opportunity, known: Known, /) -> None:
        require_their_decision_maker(self.decision_maker_id, self.customer_id, known)

    def handle(self, opportunity: Opportunity, /) -> None:
        details = self.given("stage", "pipeline")
        opportunity.open(self.resolved["stage"], pipeline=self.pipeline, **details)


class AdvanceOpportunity(Changes[Opportunity]):
    """Move an opportunity to another open stage."""

    stage: StageCode

    def handle(self, opportunity: Opportunity, /) -> None:
        opportunity.advance(self.resolved["stage"])


class ChangeOpportunityAmount(Changes[Opportunity]):
    """Change what an opportunity is expected to be worth."""

    amount: Money

    def handle(self, opportunity: Opportunity, /) -> None:
        opportunity.change_amount(self.amount)


class RescheduleOpportunity(Changes[Opportunity]):
    """Change the day on which an opportunity is expected to close."""

    expected_close_on: BusinessDate

    def handle(self, opportunity: Opportunity, /) -> None:
        opportunity.reschedule(self.expected_close_on)


class WinOpportunity(Changes[Opportunity]):
    """Close an opportunity as won."""

    won_on: BusinessDate
    amount: Money = left_out()

    def handle(self, opportunity: Opportunity, /) -> None:
        opportunity.win(**self.given())


class LoseOpportunity(Changes[Opportunity]):
    """Close an opportunity as lost."""

    lost_on: BusinessDate
    lost_reason: Annotated[CodeText, Code("lost_reason")]
    note: FreeText | None = None

    def handle(self, opportunity: Opportunity, /) -> None:
        opportunity.lose(**self.given())


class ReopenOpportunity(Changes[Opportunity]):
    """Take up a won or lost opportunity again."""

    def handle(self, opportunity: Opportunity, /) -> None:
        opportunity.reopen()


class RecordOpportunityStatus(Changes[Opportunity]):
    """Take over where another system says that an opportunity stands."""

    IMPORT_ONLY = True
    stage: StageCode
    closed_on: BusinessDate | None = None
    """Of a won or lost one."""
    amount: Money | None = None
    lost_reason: Annotated[CodeText, Code("lost_reason")] | None = None

    def handle(self, opportunity: Opportunity, /) -> None:
        opportunity.record_status(self.resolved["stage"], **self.given("stage"))


class AssignOpportunity(Changes[Opportunity]):
    """Make somebody the owner of an opportunity."""

    owner_id: Annotated[UUID, Ref("User")]

    def handle(self, opportunity: Opportunity, /) -> None:
        opportunity.assign(self.owner_id)


class MoveOpportunity(Changes[Opportunity]):
    """Put an opportunity under another customer."""

    customer_id: Annotated[UUID, Ref("Customer")]

    def handle(self, opportunity: Opportunity, /) -> None:
        opportunity.move(self.customer_id)


class ChangeOpportunityDetails(OpportunityDetails, Changes[Opportunity]):
    """Correct or complete what is known of an opportunity."""

    MERGES = True
    title: Text = left_out()

    def gather(self, opportunity: Opportunity, known: Known, /) -> None:
        if self.decision_maker_id != opportunity.decision_maker_id:
            customer_id = opportunity.customer_id
            require_their_decision_maker(self.decision_maker_id, customer_id, known)

    def handle(self, opportunity: Opportunity, /) -> None:
        opportunity.change_details(**self.given())
