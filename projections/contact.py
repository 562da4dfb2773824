"""Contacts, as lists and pages show them."""

from typing import Annotated
from uuid import UUID

from aggregates.contact import Contact, PersonDetails
from aggregates.values import Personal, Phone, Text
from projections.base import Projection, Row


class ContactRow(Row, table="contacts", details=PersonDetails):
    searched = ("name", "phone", "email", "number", "external")

    customer_id: UUID | None = None
    name: Annotated[Text, Personal()] = ""
    phone: Annotated[Phone, Personal()] | None = None
    primary: bool = False
    tags: tuple[str, ...] = ()
    retired: bool = False
    distinct_from: tuple[UUID, ...] = ()
    """Contacts that look the same and were found to be other persons."""


contacts = Projection(ContactRow, Contact, revision=5)


@contacts.on(Contact.Moved)
def moved(row: ContactRow, event: Contact.Moved) -> ContactRow:
    return row.updated(primary=False)


@contacts.on(Contact.Retired)
def retired(row: ContactRow, event: Contact.Retired) -> ContactRow:
    return row.updated(retired=True)
