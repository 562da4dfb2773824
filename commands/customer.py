"""What may be asked of customers."""

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from aggregates.base import Aggregate, derived
from aggregates.contact import Contact, ContactDetails
from aggregates.customer import CompanyName, Customer, CustomerDetails
from aggregates.values import Code, CodeText, Ref, Tags, left_out
from commands.base import Changes, Creates, Known
from commands.known import parents, survivor
from commands.revert import Revert
from commands.tag import Tag, Untag

IndustryCode = Annotated[CodeText, Code("industry")]
SourceCode = Annotated[CodeText, Code("source")]
TypeCode = Annotated[CodeText, Code("customer_type")]
GradeCode = Annotated[CodeText, Code("grade")]


class RegisterCustomer(CustomerDetails, Creates[Customer]):
    """Enter a customer under its full legal name, with its first contact."""

    name: CompanyName
    industry: IndustryCode
    source: SourceCode
    primary_contact: ContactDetails
    type: TypeCode = "prospect"
    tags: Tags = ()
    owner_id: Annotated[UUID, Ref("User")] | None = None
    confirm_distinct: bool = False
    """Register although the name looks like the short form of an existing customer's."""

    def handle(self, customer: Customer, /) -> Iterable[Aggregate] | None:
        details = {"type": self.type, **self.given("name", "primary_contact", "confirm_distinct")}
        customer.register(self.name, confirm_distinct=self.confirm_distinct, **details)
        person: ContactDetails | None = self.primary_contact  # None only in an import
        if person is None:
            return None
        contact = Contact(derived(customer.id, "primary-contact"))
        details = {name: getattr(person, name) for name in person.model_fields_set}
        contact.add(customer_id=customer.id, primary=True, **details)
        return [contact]


class ChangeCustomerDetails(CustomerDetails, Changes[Customer]):
    """Correct or complete what is known of a customer."""

    MERGES = True
    name: CompanyName = left_out()
    industry: IndustryCode = left_out()
    source: SourceCode = left_out()
    confirm_distinct: bool = False
    """Rename although the new name looks like the short form of another customer's."""

    def gather(self, customer: Customer, known: Known, /) -> bool:
        return self.parent_id != customer.parent_id and is_above(customer, self.parent_id, known)

    def handle(self, customer: Customer, /) -> None:
        details = self.given("confirm_distinct")
        checked = {"confirm_distinct": self.confirm_distinct, "is_above": self.gathered}
        customer.change_details(**checked, **details)


class RevertCustomer(Revert, of=Customer):
    """Make a customer what it was at an earlier version, as a new event.

    A parent company that has become a subsidiary is not given back.
    """

    def gather(self, customer: Customer, known: Known, /) -> Any:  # type: ignore[override]
        then: Any = super().gather(customer, known)
        if then.parent_id != customer.parent_id and is_above(customer, then.parent_id, known):
            then.parent_id = customer.parent_id
        return then


def is_above(customer: Customer, parent_id: UUID | None, known: Known) -> bool:
    """Whether a customer, or who goes on for it, is above who is to be its parent, or is it."""
    if parent_id is None:
        return False
    own = survivor(known, Customer, customer.id)
    return own == survivor(known, Customer, parent_id) or own in parents(parent_id, known)


class ClassifyCustomer(Changes[Customer]):
    """Say of what type and grade a customer is."""

    type: TypeCode = left_out()
    grade: GradeCode = left_out()

    def handle(self, customer: Customer, /) -> None:
        customer.classify(**self.given())


class TagCustomer(Tag, of=Customer):
    """Put tags on a customer."""


class UntagCustomer(Untag, of=Customer):
    """Take tags off a customer."""


class AssignCustomer(Changes[Customer]):
    """Make somebody the owner of a customer."""

    owner_id: Annotated[UUID, Ref("User")]

    def handle(self, customer: Customer, /) -> None:
        customer.assign(self.owner_id)
