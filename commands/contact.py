"""What may be asked of contacts."""

from typing import Annotated
from uuid import UUID

from aggregates.contact import Contact, PersonDetails
from aggregates.values import Phone, Ref, Tags, Text, left_out
from commands.base import Changes, Creates


class AddContact(PersonDetails, Creates[Contact]):
    """Enter a person at a customer."""

    customer_id: Annotated[UUID, Ref("Customer")]
    name: Text
    phone: Phone | None = None
    tags: Tags = ()

    def handle(self, contact: Contact, /) -> None:
        contact.add(**self.given())


class ChangeContactDetails(PersonDetails, Changes[Contact]):
    """Correct or complete what is known of a contact."""

    MERGES = True
    name: Text = left_out()
    phone: Phone | None = None

    def handle(self, contact: Contact, /) -> None:
        contact.change_details(**self.given())


class MoveContact(Changes[Contact]):
    """Put a contact under the customer to whom the person has gone."""

    customer_id: Annotated[UUID, Ref("Customer")]

    def handle(self, contact: Contact, /) -> None:
        contact.move(self.customer_id)


class RetireContact(Changes[Contact]):
    """Keep what is known of a contact, but let no record refer to the person any more."""

    def handle(self, contact: Contact, /) -> None:
        contact.retire()
