"""What may be asked of customers."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from aggregates.base import Aggregate, derived
from aggregates.contact import Contact, ContactDetails
from aggregates.customer import CompanyName, Customer, CustomerDetails
from aggregates.values import Code, CodeText, Ref, Tags, left_out
from commands.base import Changes, Creates
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
        contact.add(customer_id=customer.id, primary=True, **person.model_dump(exclude_unset=True))
        return [contact]


class ChangeCustomerDetails(CustomerDetails, Changes[Customer]):
    """Correct or complete what is known of a customer."""

    MERGES = True
    name: CompanyName = left_out()
    industry: IndustryCode = left_out()
    source: SourceCode = left_out()
    confirm_distinct: bool = False
    """Rename although the new name looks like the short form of another customer's."""

    def handle(self, customer: Customer, /) -> None:
        details = self.given("confirm_distinct")
        customer.change_details(confirm_distinct=self.confirm_distinct, **details)


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
