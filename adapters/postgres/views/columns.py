"""How a row's fields lie in a table: field annotation to columns, values there and back."""

import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from aggregates.revive import reader
from aggregates.values import MINOR_UNITS, Money
from projections.base import Row

_SCALARS: dict[Any, str] = {
    str: "text",
    UUID: "uuid",
    int: "bigint",
    bool: "boolean",
    float: "double precision",
    date: "date",
    datetime: "timestamptz",
    Decimal: "numeric",
}
_MONEY = "numeric(19,4)"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name (quote it: ``order`` is one) and its SQL type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class FieldColumns:
    """The columns of one field: one, or two for money."""

    field: str
    annotation: Any
    """As the row declares it."""
    kind: Any
    """The annotation without ``Annotated`` and ``| None``, such as ``str`` or ``Money``."""
    columns: tuple[Column, ...]
    split: Callable[[Any], tuple[Any, ...]]
    """Field value → a value per column, as psycopg takes it."""
    join: Callable[..., Any]
    """A value per column, as psycopg gives it → field value."""

    @property
    def is_money(self) -> bool:
        return self.kind is Money


def bare(annotation: Any) -> Any:
    """The annotation without ``Annotated`` and ``| None``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return bare(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        members = [m for m in get_args(annotation) if m is not types.NoneType]
        return bare(members[0]) if len(members) == 1 else annotation
    return annotation


def field_columns(field: str, annotation: Any) -> FieldColumns:
    """How a field of this annotation lies in a table."""
    kind = bare(annotation)
    if kind is Money:
        currency = "currency" if field == "amount" else f"{field}_currency"
        pair = (Column(field, _MONEY), Column(currency, "text"))
        return FieldColumns(field, annotation, kind, pair, _split_money, money)
    sql_type, split, join = _single(kind)
    return FieldColumns(field, annotation, kind, (Column(field, sql_type),), split, join)


_known: dict[tuple[type[Row], bool], tuple[FieldColumns, ...]] = {}


def row_columns(row: type[Row], *, hidden: bool = False) -> tuple[FieldColumns, ...]:
    """Every field of a row, in the order of the table's columns; ``hidden`` ones come last."""
    if (row, hidden) not in _known:
        _known[row, hidden] = _row_columns(row, row.hidden if hidden else {})
    return _known[row, hidden]


def _row_columns(row: type[Row], hidden: dict[str, Any]) -> tuple[FieldColumns, ...]:
    fields = tuple(field_columns(n, a) for n, a in {**row.fields, **hidden}.items())
    names = [c.name for f in fields for c in f.columns]
    doubled = {n for n in names if names.count(n) > 1}
    if doubled:
        raise TypeError(f"{row.__name__} has two columns of the same name: {sorted(doubled)}")
    return fields


def table_columns(row: type[Row], *, hidden: bool = False) -> tuple[Column, ...]:
    """Every column of a row's table, in order; ``hidden`` ones come last."""
    return tuple(c for f in row_columns(row, hidden=hidden) for c in f.columns)


def to_values(row: Row) -> list[Any]:
    """A row as values of its table's columns."""
    return [v for f in row_columns(type(row)) for v in f.split(getattr(row, f.field))]


def to_fields(row: type[Row], values: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Values of the table's columns, in order, as (field, value); hidden ones may be left out."""
    at = 0
    for f in row_columns(row, hidden=True):
        if at == len(values):
            return
        end = at + len(f.columns)
        yield f.field, f.join(*values[at:end])
        at = end


def to_row(row: type[Row], values: Sequence[Any]) -> Row:
    """The row that lies in the table as these values."""
    return row(**dict(to_fields(row, values)))


def money(amount: Decimal | None, currency: str | None) -> Money | None:
    """An amount as stored, with as many decimals as its currency has."""
    if amount is None or currency is None:
        return None
    decimals = MINOR_UNITS.get(currency, 4)
    exact = amount.quantize(Decimal(1).scaleb(-decimals))
    return Money.model_construct(amount=exact if exact == amount else amount, currency=currency)


def plain(value: Any) -> Any:
    """What orjson does not know as something it does: pass it as ``default``."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def to_json(value: Any) -> bytes:
    """A field value as JSON, the way it is answered and kept in ``jsonb``."""
    return orjson.dumps(value, default=plain, option=orjson.OPT_NON_STR_KEYS)


_Shape = tuple[str, Callable[[Any], tuple[Any, ...]], Callable[..., Any]]


def _single(kind: Any) -> _Shape:
    if kind in _SCALARS:
        return _SCALARS[kind], _alone, _itself
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "text", _split_enum, lambda v: None if v is None else kind(v)
    if get_origin(kind) is Literal:
        return "text", _alone, _itself
    members = get_args(kind)
    if get_origin(kind) is tuple and members[1:] == (...,) and bare(members[0]) in _SCALARS:
        return f"{_SCALARS[bare(members[0])]}[]", _split_tuple, _join_tuple
    read = reader(kind) or _itself
    return "jsonb", _split_json, lambda v: None if v is None else read(v)


def _itself(value: Any) -> Any:
    return value


def _alone(value: Any) -> tuple[Any, ...]:
    return (value,)


def _split_money(value: Money | None) -> tuple[Any, ...]:
    return (None, None) if value is None else (value.amount, value.currency)


def _split_enum(value: Enum | None) -> tuple[Any, ...]:
    return (None if value is None else value.value,)


def _split_tuple(value: tuple[Any, ...] | None) -> tuple[Any, ...]:
    return (None if value is None else list(value),)


def _join_tuple(value: list[Any] | None) -> tuple[Any, ...] | None:
    return None if value is None else tuple(value)


def _split_json(value: Any) -> tuple[Any, ...]:
    return (None if value is None else Jsonb(value, dumps=to_json),)
