"""Contact: a person at a customer."""

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from aggregates.archive import Archivable
from aggregates.attachment import Attachable
from aggregates.base import Aggregate, Mark
from aggregates.callers import CONTACT_PHONE, called
from aggregates.distinct import Distinguishable
from aggregates.errors import Rejected
from aggregates.events import Created, Event
from aggregates.revert import Revertible
from aggregates.tag import Taggable
from aggregates.values import (
    BusinessDate,
    Custom,
    Email,
    ExternalId,
    LongText,
    Personal,
    Phone,
    Tags,
    Text,
    Value,
    left_out,
)
from aggregates.withdraw import Withdrawable


class ContactRetired(Rejected):
    """The contact is retired."""


class ContactDetails(Value):
    """How a person is reached and what the person does."""

    name: Annotated[Text, Personal()]
    phone: Annotated[Phone, Personal()]
    email: Annotated[Email, Personal()] | None = None
    job_title: Annotated[Text, Personal()] | None = None


class PersonDetails(Value):
    """What may be known of a person beside name and phone."""

    email: Annotated[Email, Personal()] | None = None
    job_title: Annotated[Text, Personal()] | None = None
    role: Annotated[Text, Personal()] | None = None
    """What the person has to say in the customer's decisions."""
    birthday: Annotated[BusinessDate, Personal()] | None = None
    address: Annotated[Text, Personal()] | None = None
    hobbies: Annotated[LongText, Personal()] | None = None
    needs: Annotated[LongText, Personal()] | None = None
    external: ExternalId | None = None
    custom: Custom | None = None


class Contact(
    Withdrawable, Archivable, Revertible, Attachable, Distinguishable, Taggable, Aggregate
):
    KEPT = frozenset({"is_retired"})

    customer_id: UUID | None = None
    phone: str | None = None
    primary: bool = False
    is_retired: bool = False

    class Added(PersonDetails, Created):
        customer_id: UUID = left_out()
        """Left out only where an import did not know it."""
        name: Annotated[Text, Personal()]
        phone: Annotated[Phone, Personal()] = left_out()
        primary: bool = False
        tags: Tags = ()

    class DetailsChanged(PersonDetails, Event):
        REASON_FOR = frozenset({"name", "phone"})
        name: Annotated[Text, Personal()] | None = None
        phone: Annotated[Phone, Personal()] | None = None

    class Moved(Event):
        """The person is now with another customer, and no longer anybody's first contact."""

        customer_id: UUID

        def apply(self, aggregate: "Contact") -> None:
            aggregate.customer_id, aggregate.primary = self.customer_id, False

    class Retired(Event):
        def apply(self, aggregate: "Contact") -> None:
            aggregate.is_retired = True

    def add(self, **details: Any) -> None:
        """Enter a person as contact of a customer."""
        self.record(self.Added(**{k: v for k, v in details.items() if v is not None}))

    def change_details(self, **details: Any) -> None:
        """Correct or complete what is known."""
        self.require_current()
        self.record_changes(self.DetailsChanged, **details)

    def move(self, customer_id: UUID) -> None:
        """The person has gone to another customer."""
        self.require_current()
        self.record_changes(self.Moved, customer_id=customer_id)

    def retire(self) -> None:
        """Keep what is known, but let no record refer to the person any more."""
        if not self.is_retired:
            self.record(self.Retired())

    def out_of_use(self) -> str | None:
        return "reference-retired" if self.is_retired else super().out_of_use()

    def marks(self) -> Iterable[Mark]:
        """Who is retired is still found: what happened before was with them."""
        yield from super().marks()
        if not self.is_withdrawn:
            yield from called(CONTACT_PHONE, self.phone)

    def revert(self, then: Aggregate) -> None:
        self.require_current()
        super().revert(then)

    def require_current(self) -> None:
        self.require(not self.is_retired, ContactRetired)
