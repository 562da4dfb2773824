"""Contacts, as lists and pages show them."""

from uuid import UUID

from aggregates.contact import Contact, ContactDetails
from projections.base import Projection, Row


class ContactRow(Row, table="contacts", details=ContactDetails):
    customer_id: UUID | None = None
    primary: bool = False


contacts = Projection(ContactRow, Contact)
