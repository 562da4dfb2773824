"""Columns of an export: how a table's values become cells.

A cell is None, a text, a boolean, a number, a date, or an instant in the organisation's zone.
Money is two columns, a value of named parts is a column per part (``external.system``), a custom
field is a column of its own (``custom.tier``); several values are joined, anything else is JSON.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any, get_origin
from uuid import UUID

from pydantic import BaseModel

from adapters.postgres.views.columns import FieldColumns, money, row_columns, to_json
from projections.base import Row

Cell = None | str | bool | int | float | Decimal | date | datetime | UUID
Values = Sequence[Any]
SEPARATOR = ";"
"""Between several values in one cell."""


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """One column of an export."""

    name: str
    """As the table calls it, ``amount``, ``external.system``, ``custom.tier``."""
    field: str
    """The row's field that it comes from."""
    take: Callable[[Values], Any]
    """From the values of a table's row: the cell, or the list of what is to be joined in it."""

    @property
    def part(self) -> str:
        """Which part of its field it is; empty where it is the whole."""
        return self.name.removeprefix(self.field).lstrip("._")


def open_fields(row: type[Row]) -> list[str]:
    """Fields whose keys are columns only known once the list is."""
    return [f.field for f in row_columns(row) if get_origin(f.kind) is dict]


def export_columns(
    row: type[Row], keys: Mapping[str, Sequence[str]], zone: tzinfo
) -> list[ExportColumn]:
    """Every column of a list of such rows.

    ``keys``: of each open field; one that is not there is one column of JSON.
    """
    columns: list[ExportColumn] = []
    at = 0
    for field in row_columns(row):
        columns += _of_field(field, at, keys.get(field.field), zone)
        at += len(field.columns)
    return columns


def cell(value: Any) -> Cell:
    """What of a column's value stands in a cell."""
    if isinstance(value, list):
        return SEPARATOR.join(written(v) for v in value if v is not None)
    found: Cell = to_json(value).decode() if isinstance(value, dict) else value
    return found


def written(value: Any) -> str:
    """A value as text, the same in every language: dates and instants in ISO 8601."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case dict() | list():
            return to_json(value).decode()
    return str(value)


def _of_field(
    field: FieldColumns, at: int, keys: Sequence[str] | None, zone: tzinfo
) -> Iterator[ExportColumn]:
    name, kind = field.field, field.kind
    if field.is_money:
        amount, currency = field.columns
        yield ExportColumn(amount.name, name, lambda row: _amount(row[at], row[at + 1]))
        yield ExportColumn(currency.name, name, lambda row: row[at + 1])
    elif keys is not None:
        yield from (ExportColumn(f"{name}.{key}", name, _part(at, key)) for key in keys)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        parts = kind.model_fields
        yield from (ExportColumn(f"{name}.{part}", name, _part(at, part)) for part in parts)
    elif kind is datetime:
        yield ExportColumn(name, name, lambda row: _local(row[at], zone))
    else:
        yield ExportColumn(name, name, lambda row: row[at])


def _amount(amount: Decimal | None, currency: str | None) -> Decimal | None:
    exact = money(amount, currency)
    return amount if exact is None else exact.amount


def _part(at: int, key: str) -> Callable[[Values], Any]:
    return lambda row: None if row[at] is None else row[at].get(key)


def _local(instant: datetime | None, zone: tzinfo) -> datetime | None:
    return None if instant is None else instant.astimezone(zone)
