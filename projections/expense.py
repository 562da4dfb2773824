"""Expenses, whatever record they were made for."""

from datetime import date
from typing import Annotated
from uuid import UUID

from aggregates.errors import kebab
from aggregates.expense import Expensed
from aggregates.values import Money, Personal, Text
from projections.base import Projection, Row


class ExpenseRow(Row, table="expenses"):
    owner = "recorded_by"
    searched = ("purpose",)

    customer_id: UUID | None = None
    about_kind: str = ""
    """Kind of the record it was made for: ``opportunity``."""
    about_id: UUID | None = None
    amount: Money | None = None
    purpose: Annotated[Text, Personal("customer")] | None = None
    spent_on: date | None = None
    recorded_by: UUID | None = None
    """The user in whose name it was recorded."""


expenses = Projection(ExpenseRow, Expensed, kind="Expense")


@expenses.on(Expensed.ExpenseRecorded)
def recorded(row: ExpenseRow, event: Expensed.ExpenseRecorded) -> ExpenseRow:
    envelope = event.envelope
    return row.updated(
        customer_id=envelope.customer_id,
        about_kind=kebab(event.TOPIC.partition(".")[0]),
        about_id=envelope.stream_id,
        recorded_by=envelope.on_behalf_of or envelope.actor,
    )
