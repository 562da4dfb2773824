"""What may be asked of records that can be merged."""

from typing import Annotated
from uuid import UUID

from aggregates.base import Aggregate
from aggregates.customer import Customer
from aggregates.errors import FieldError, Invalid
from aggregates.merge import Made, Mergeable
from aggregates.values import Ref
from commands.base import Changes, Known
from commands.known import parents


class MergeCustomer(Changes[Customer]):
    """Merge a customer into another one, which goes on for both."""

    NOW_ONLY = True
    into_id: Annotated[UUID, Ref("Customer")]

    def gather(self, customer: Customer, known: Known, /) -> Customer:
        if self.into_id == customer.id:
            return customer
        above = {i: parents(i, known) for i in (customer.id, self.into_id)}
        if self.into_id in above[customer.id] or customer.id in above[self.into_id]:
            raise Invalid(FieldError("into_id", "parent-or-subsidiary"))
        return known.get(Customer, self.into_id)

    def handle(self, customer: Customer, /) -> list[Aggregate]:
        customer.merge(self.gathered)
        return [self.gathered]


class UnmergeCustomer(Changes[Customer]):
    """Undo a merge: the customer stands for itself again."""

    NOW_ONLY = True

    def gather(
        self, customer: Customer, known: Known, /
    ) -> tuple[Customer, tuple[Made, ...]] | None:
        """Whom it was merged into, and what was made for the survivors since."""
        if customer.merged_into is None:
            return None
        chain = list(survivors(customer, known))
        made = known.made_since([c.id for c in chain], customer.id, Customer.Merged.TOPIC)
        return chain[0], tuple(made)

    def handle(self, customer: Customer, /) -> list[Aggregate]:
        survivor, made_since = self.gathered
        customer.unmerge(survivor, made_since)
        return [survivor]


def survivors(customer: Mergeable, known: Known) -> list[Customer]:
    """Whom the customer was merged into, whom that one was merged into, and so on."""
    chain: list[Customer] = []
    into = customer.merged_into
    while into is not None:
        chain.append(known.get(Customer, into))
        into = chain[-1].merged_into
    return chain
