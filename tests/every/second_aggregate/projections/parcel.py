"""Parcels, as lists and pages show them."""

# mypy: ignore-errors

from datetime import date
from uuid import UUID

from aggregates.parcel import Parcel
from aggregates.values import Money
from projections.base import Projection, Row


class ParcelRow(Row, table="parcels"):
    customer_id: UUID | None = None
    title: str = ""
    worth: Money | None = None
    contents: str | None = None
    delivered_on: date | None = None


parcels = Projection(ParcelRow, Parcel)
