"""What may be asked of every record that money is spent on."""

from typing import Annotated
from uuid import UUID

from aggregates.expense import Expensed
from aggregates.values import BusinessDate, Money, Personal, Text
from commands.base import Changes

NOT_YET = UUID(int=0)


class RecordExpense(Changes[Expensed]):
    """Record what was spent on a record, on what, and when."""

    MERGES = True
    amount: Money
    purpose: Annotated[Text, Personal("customer")]
    spent_on: BusinessDate

    def handle(self, record: Expensed, /) -> None:
        record.record_expense(self.amount, self.purpose, self.spent_on)

    @property
    def part_id(self) -> UUID:
        """One that is not there yet: nobody has written anything of it."""
        return NOT_YET
