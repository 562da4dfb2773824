"""What may be asked of parcels."""

# mypy: ignore-errors

from typing import Annotated
from uuid import UUID

from aggregates.parcel import Parcel
from aggregates.values import BusinessDate, FreeText, Money, Ref, Text
from commands.base import Changes, Creates


class SendParcel(Creates[Parcel]):
    """Send something to a customer."""

    customer_id: Annotated[UUID, Ref("Customer")]
    title: Text
    worth: Money | None = None
    contents: FreeText | None = None

    def handle(self, parcel: Parcel, /) -> None:
        parcel.send(**self.given())


class DeliverParcel(Changes[Parcel]):
    """Say that a parcel has arrived."""

    delivered_on: BusinessDate

    def handle(self, parcel: Parcel, /) -> None:
        parcel.deliver(self.delivered_on)
