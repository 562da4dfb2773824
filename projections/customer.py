"""Customers, as lists and pages show them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from aggregates.customer import Customer, CustomerDetails
from aggregates.follow_up import begins_anew
from projections.base import Projection, Row

NOT_FLAGGED: dict[str, Any] = {"follow_up_overdue_since": None, "follow_up_escalated_to": None}


class CustomerRow(Row, table="customers", details=CustomerDetails):
    owner = "owner_id"
    searched = ("name", "short_name", "number", "phone", "external")

    name: str = ""
    type: str | None = None
    grade: str | None = None
    tags: tuple[str, ...] = ()
    owner_id: UUID | None = None
    follow_up_overdue_since: datetime | None = None
    """Since when the owner should have been in touch; None: the owner was, or is not told yet."""
    follow_up_escalated_to: UUID | None = None
    """The superior who was told of it."""
    merged_into: UUID | None = None
    absorbed: tuple[UUID, ...] = ()
    """Customers that were merged into this one."""
    distinct_from: tuple[UUID, ...] = ()
    """Customers that look the same and were found to be others."""


customers = Projection(CustomerRow, Customer, revision=6)


@customers.on(Customer.Merged)
def merged(row: CustomerRow, event: Customer.Merged) -> CustomerRow:
    return row.updated(merged_into=event.into_id)


@customers.on(Customer.Unmerged)
def unmerged(row: CustomerRow, event: Customer.Unmerged) -> CustomerRow:
    return row.updated(merged_into=None, **NOT_FLAGGED)


@customers.on(Customer.Absorbed)
def absorbed(row: CustomerRow, event: Customer.Absorbed) -> CustomerRow:
    return row.updated(absorbed=(*row.absorbed, event.merged_id))


@customers.on(Customer.Separated)
def separated(row: CustomerRow, event: Customer.Separated) -> CustomerRow:
    return row.updated(absorbed=tuple(i for i in row.absorbed if i != event.merged_id))


@customers.on(Customer.Assigned)
@customers.on(Customer.FollowUpResumed)
def followed_up(
    row: CustomerRow, event: Customer.Assigned | Customer.FollowUpResumed
) -> CustomerRow:
    return row.updated(**NOT_FLAGGED)


@customers.on(Customer.Restored)
def restored(row: CustomerRow, event: Customer.Restored) -> CustomerRow:
    return row.updated(archived_at=None, **NOT_FLAGGED)


@customers.on(Customer.Reinstated)
def reinstated(row: CustomerRow, event: Customer.Reinstated) -> CustomerRow:
    return row.updated(withdrawn_at=None, **NOT_FLAGGED)


@customers.on(Customer.Reverted)
def reverted(row: CustomerRow, event: Customer.Reverted) -> CustomerRow:
    return row.updated(**NOT_FLAGGED) if begins_anew(event) else row
