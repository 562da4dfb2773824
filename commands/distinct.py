"""What may be asked of records that look like others."""

from typing import Annotated
from uuid import UUID

from aggregates.contact import Contact
from aggregates.customer import Customer
from aggregates.distinct import Distinguishable
from aggregates.values import Ref
from commands.base import Changes


class MarkCustomerDistinct(Changes[Customer]):
    """Say that another customer, however alike, is another: the two are no possible duplicates."""

    MERGES = True
    ADDS = frozenset({"other_id"})
    other_id: Annotated[UUID, Ref("Customer")]

    def handle(self, customer: Customer, /) -> None:
        customer.mark_distinct(self.other_id)


class MarkContactDistinct(Changes[Contact]):
    """Say that another contact, however alike, is another person."""

    MERGES = True
    ADDS = frozenset({"other_id"})
    other_id: Annotated[UUID, Ref("Contact")]

    def handle(self, contact: Contact, /) -> None:
        contact.mark_distinct(self.other_id)


class UnmarkDistinct(Changes[Distinguishable]):
    """Take back that another record is another."""

    MERGES = True
    REMOVES = frozenset({"other_id"})
    other_id: UUID

    def handle(self, record: Distinguishable, /) -> None:
        record.unmark_distinct(self.other_id)
