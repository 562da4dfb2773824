"""Customer: a company (or person) one deals with, and everything recorded of it."""

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from aggregates.archive import Archivable
from aggregates.attachment import Attachable
from aggregates.base import Aggregate, Mark, Reservation
from aggregates.callers import CUSTOMER_PHONE, called
from aggregates.company_names import canonical, has_legal_form, names_nothing, stem
from aggregates.distinct import Distinguishable
from aggregates.errors import FieldError, Invalid, Rejected
from aggregates.events import Created, Event
from aggregates.follow_up import FollowedUp
from aggregates.interaction import Interactive
from aggregates.merge import Mergeable
from aggregates.revert import Revertible
from aggregates.tag import Taggable
from aggregates.values import (
    Code,
    CodeText,
    Count,
    Custom,
    ExternalId,
    FoundingDate,
    FreeText,
    Money,
    Personal,
    Phone,
    Ref,
    Tags,
    Text,
    Value,
)
from aggregates.withdraw import Withdrawable


class DuplicateCustomerName(Rejected):
    """A customer of this name exists already."""


class ShortName(Rejected):
    """A customer whose full legal name begins with this short name exists already."""


def naming(name: str) -> str:
    """The name itself; refused where it tells nobody from another."""
    if names_nothing(name):
        raise PydanticCustomError("names-nothing", "must be more than a legal form")
    return name


CompanyName = Annotated[Text, AfterValidator(naming)]
"""A full legal name."""


def stem_mark(stem: str) -> Mark:
    """By which it is known that a name without its legal form is taken."""
    return Mark("customer-stem", stem, is_guarded=True)


class CustomerDetails(Value):
    """What may be known of a customer beside its name; any part may be missing."""

    industry: Annotated[CodeText, Code("industry")] | None = None
    source: Annotated[CodeText, Code("source")] | None = None
    short_name: Text | None = None
    region: Text | None = None
    address: Annotated[Text, Personal()] | None = None
    postcode: Text | None = None
    phone: Annotated[Phone, Personal()] | None = None
    website: Text | None = None
    employees: Count | None = None
    annual_revenue: Money | None = None
    founded_on: FoundingDate | None = None
    management_style: Text | None = None
    industry_standing: Text | None = None
    main_customers: FreeText | None = None
    expected_purchase: Money | None = None
    parent_id: Annotated[UUID, Ref("Customer")] | None = None
    business_group: Text | None = None
    channel: Text | None = None
    needs: FreeText | None = None
    notes: FreeText | None = None
    external: ExternalId | None = None
    custom: Custom | None = None


class Customer(
    Withdrawable,
    Archivable,
    Revertible,
    Attachable,
    Interactive,
    Mergeable,
    Distinguishable,
    FollowedUp,
    Taggable,
    Aggregate,
):
    SERIES = "KH"
    REVISION = 5

    name: str
    phone: str | None = None
    type: str | None = None
    grade: str | None = None
    owner_id: UUID | None = None
    parent_id: UUID | None = None

    class Registered(CustomerDetails, Created):
        NOT_AHEAD = frozenset({"founded_on"})
        name: CompanyName
        type: CodeText | None = None
        tags: Tags = ()
        owner_id: UUID | None = None

    class DetailsChanged(CustomerDetails, Event):
        REASON_FOR = frozenset({"needs"})
        NOT_AHEAD = frozenset({"founded_on"})
        name: CompanyName | None = None

    class Classified(Event):
        type: CodeText | None = None
        grade: CodeText | None = None

    class Assigned(Event):
        owner_id: UUID

        def apply(self, aggregate: "Customer") -> None:
            super().apply(aggregate)
            aggregate.forget_follow_up()

    def register(self, name: str, *, confirm_distinct: bool = False, **details: Any) -> None:
        """Enter the customer under its full legal name."""
        self.require_other_parent(details.get("parent_id"))
        self.require_full_name(name, confirm_distinct)
        self.record(self.Registered(name=name, **details))

    def change_details(
        self, *, confirm_distinct: bool = False, is_above: bool = False, **details: Any
    ) -> None:
        """Correct or complete what is known; ``is_above``: whether the customer is above who is to
        be its parent."""
        self.require_other_parent(details.get("parent_id"))
        if is_above:
            raise Invalid(FieldError("parent_id", "below-it"))
        if details.get("name", self.name) != self.name:
            self.require_full_name(details["name"], confirm_distinct)
        self.record_changes(self.DetailsChanged, **details)

    def require_full_name(self, name: str, confirm_distinct: bool) -> None:
        """Refuse, unless confirmed, what looks like the short form of another customer's name."""
        if not confirm_distinct and not has_legal_form(name):
            self.require_vacant(stem_mark(canonical(name)), ShortName)

    def require_other_parent(self, parent_id: UUID | None) -> None:
        if parent_id == self.id:
            raise Invalid(FieldError("parent_id", "own-parent"))

    def classify(self, **classes: str) -> None:
        """Say what type of customer this is and of what grade."""
        self.record_changes(self.Classified, **classes)

    def assign(self, owner_id: UUID) -> None:
        self.record_changes(self.Assigned, owner_id=owner_id)

    @property
    def root_customer_id(self) -> UUID:
        return self.id

    def reservations(self) -> Iterable[Reservation]:
        yield from super().reservations()
        if not self.is_withdrawn:
            yield Reservation("customer-name", canonical(self.name), DuplicateCustomerName)

    def marks(self) -> Iterable[Mark]:
        yield from super().marks()
        if not self.is_withdrawn:
            yield stem_mark(stem(self.name))
            yield from called(CUSTOMER_PHONE, self.phone)
