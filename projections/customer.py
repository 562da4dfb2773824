"""Customers, as lists and pages show them."""

from uuid import UUID

from aggregates.customer import Customer, CustomerDetails
from projections.base import Projection, Row


class CustomerRow(Row, table="customers", details=CustomerDetails):
    owner = "owner_id"

    name: str = ""
    type: str | None = None
    grade: str | None = None
    tags: tuple[str, ...] = ()
    owner_id: UUID | None = None
    merged_into: UUID | None = None


customers = Projection(CustomerRow, Customer)
