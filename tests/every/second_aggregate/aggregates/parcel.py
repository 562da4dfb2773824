"""Parcel: something sent to a customer."""

# mypy: ignore-errors

from datetime import date
from typing import Any
from uuid import UUID

from aggregates.base import Aggregate
from aggregates.errors import Rejected
from aggregates.events import Created, Event
from aggregates.values import BusinessDate, FreeText, Money, Text


class ParcelDelivered(Rejected):
    """The parcel has been delivered already."""


class Parcel(Aggregate):
    SERIES = "BG"

    customer_id: UUID
    delivered_on: date | None = None

    class Sent(Created):
        customer_id: UUID
        title: Text
        worth: Money | None = None
        contents: FreeText | None = None

    class Delivered(Event):
        OCCURRED_ON = "delivered_on"
        delivered_on: BusinessDate

    def send(self, **details: Any) -> None:
        self.record(self.Sent(**details))

    def deliver(self, delivered_on: date) -> None:
        self.require(self.delivered_on is None, ParcelDelivered)
        self.record(self.Delivered(delivered_on=delivered_on))
