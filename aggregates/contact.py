"""Contact: a person at a customer."""

from typing import Annotated, Any
from uuid import UUID

from aggregates.base import Aggregate
from aggregates.events import Created
from aggregates.values import Email, Personal, Phone, Text, Value


class ContactDetails(Value):
    """How a person is reached and what the person does."""

    name: Annotated[Text, Personal()]
    phone: Annotated[Phone, Personal()]
    email: Annotated[Email, Personal()] | None = None
    job_title: Annotated[Text, Personal()] | None = None


class Contact(Aggregate):
    customer_id: UUID

    class Added(ContactDetails, Created):
        customer_id: UUID
        primary: bool = False

    def add(self, customer_id: UUID, **details: Any) -> None:
        """Enter a person as contact of a customer."""
        self.record(self.Added(customer_id=customer_id, **details))
