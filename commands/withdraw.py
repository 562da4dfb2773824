"""What may be asked of every record that can be taken back."""

from collections.abc import Iterator
from uuid import UUID

from aggregates.customer import Customer
from aggregates.errors import FieldError, Invalid
from aggregates.events import PartEvent
from aggregates.parts import Parted
from aggregates.withdraw import Withdrawable
from commands.base import Changes, Known


class Withdraw(Changes[Withdrawable]):
    """Take a record back as if it had never been entered; what it held is free again."""

    IMPORT_ONLY = True

    def gather(self, record: Withdrawable, known: Known, /) -> list[UUID]:
        """What was recorded with it."""
        events = known.events(record.id)
        return [e.part_id for e in events if isinstance(e, PartEvent) and e.BEGINS]

    def handle(self, record: Withdrawable, /) -> None:
        record.withdraw(self.gathered)


class Reinstate(Changes[Withdrawable]):
    """Have a withdrawn record again, as it was."""

    NOW_ONLY = True

    def gather(self, record: Withdrawable, known: Known, /) -> list[UUID]:
        """What was withdrawn with it. Raises Invalid where its customer is withdrawn."""
        customer_id = record.root_customer_id
        if customer_id not in (None, record.id):
            wrong = known.get(Customer, customer_id).out_of_use()
            if wrong is not None:
                raise Invalid(FieldError("customer_id", wrong, id=str(customer_id)))
        return list(_withdrawn(record, known)) if record.is_withdrawn else []

    def handle(self, record: Withdrawable, /) -> None:
        record.reinstate(self.gathered)


def _withdrawn(record: Withdrawable, known: Known) -> Iterator[UUID]:
    """The parts that went with the record when it was withdrawn last."""
    went: list[UUID] = []
    for event in known.events(record.id):
        if isinstance(event, Withdrawable.Withdrawn):
            went = []
        elif isinstance(event, Parted.PartWithdrawn):
            went.append(event.part_id)
    yield from went
