"""Opportunities, as lists and the pipeline board show them."""

from datetime import date
from uuid import UUID

from aggregates.opportunity import Opportunity, OpportunityDetails
from aggregates.values import Money
from projections.base import Projection, Row


class OpportunityRow(Row, table="opportunities", details=OpportunityDetails):
    owner = "owner_id"
    searched = ("title", "number", "external")
    totals_by = ("pipeline", "stage", "owner_id")

    title: str = ""
    customer_id: UUID | None = None
    amount: Money | None = None
    pipeline: str = "sales"
    stage: str = ""
    expected_close_on: date | None = None
    owner_id: UUID | None = None
    won_on: date | None = None
    lost_on: date | None = None
    lost_reason: str | None = None
    note: str | None = None


opportunities = Projection(OpportunityRow, Opportunity, revision=3)


@opportunities.on(Opportunity.Advanced)
def advanced(row: OpportunityRow, event: Opportunity.Advanced) -> OpportunityRow:
    """In the order of occurrence a closing may come first: what is closed stays closed."""
    if row.won_on is not None:
        return row.updated(stage="won")
    return row.updated(stage="lost") if row.lost_on is not None else row


@opportunities.on(Opportunity.Won)
def won(row: OpportunityRow, event: Opportunity.Won) -> OpportunityRow:
    return row.updated(stage="won")


@opportunities.on(Opportunity.Lost)
def lost(row: OpportunityRow, event: Opportunity.Lost) -> OpportunityRow:
    return row.updated(stage="lost")


@opportunities.on(Opportunity.Reopened)
def reopened(row: OpportunityRow, event: Opportunity.Reopened) -> OpportunityRow:
    return row.updated(won_on=None, lost_on=None, lost_reason=None, note=None)


@opportunities.on(Opportunity.StatusRecorded)
def status_recorded(row: OpportunityRow, event: Opportunity.StatusRecorded) -> OpportunityRow:
    is_lost = event.outcome == "lost"
    return row.updated(
        won_on=event.closed_on if event.outcome == "won" else None,
        lost_on=event.closed_on if is_lost else None,
        lost_reason=event.lost_reason if is_lost else None,
        note=None,
    )
