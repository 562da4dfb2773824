"""Expenses: what was spent on a record, such as on winning an opportunity."""

from datetime import date
from typing import Annotated
from uuid import UUID

from aggregates.base import derived
from aggregates.events import PartEvent
from aggregates.parts import Parted
from aggregates.values import BusinessDate, Money, Personal, Text


class Expensed(Parted):
    """Keeps what was spent on it. Each expense has an id that follows from the stream's and from
    the version at which it was recorded; one that was wrong is put right by another."""

    class ExpenseRecorded(PartEvent):
        BEGINS = True
        OCCURRED_ON = "spent_on"
        amount: Money
        purpose: Annotated[Text, Personal("customer")]
        spent_on: BusinessDate

        @property
        def part_id(self) -> UUID:
            return expense_id(self.envelope.stream_id, self.envelope.version)

    def record_expense(self, amount: Money, purpose: str, spent_on: date) -> None:
        """Add an expense; a negative amount takes one back."""
        self.record(self.ExpenseRecorded(amount=amount, purpose=purpose, spent_on=spent_on))


def expense_id(stream_id: UUID, version: int) -> UUID:
    """The id of the expense that a stream's event of this version records."""
    return derived(stream_id, f"expense/{version}")
