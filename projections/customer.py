"""Customers, as lists and pages show them."""

from uuid import UUID

from aggregates.customer import Customer, CustomerDetails, tagged, untagged
from projections.base import Projection, Row


class CustomerRow(Row, table="customers", details=CustomerDetails):
    owner = "owner_id"

    name: str = ""
    type: str | None = None
    grade: str | None = None
    tags: tuple[str, ...] = ()
    owner_id: UUID | None = None
    merged_into: UUID | None = None


customers = Projection(CustomerRow, Customer, revision=2)


@customers.on(Customer.Tagged, copies=False)
def was_tagged(row: CustomerRow, event: Customer.Tagged) -> CustomerRow:
    return row.updated(tags=tagged(row.tags, event.tags))


@customers.on(Customer.Untagged, copies=False)
def was_untagged(row: CustomerRow, event: Customer.Untagged) -> CustomerRow:
    return row.updated(tags=untagged(row.tags, event.tags))
