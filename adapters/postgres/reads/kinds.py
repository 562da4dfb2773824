"""Kinds of values that rows can be filtered and sorted by: reading, comparing, describing them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from pydantic import StringConstraints

from adapters.postgres.reads.asof import instant
from adapters.postgres.views.columns import FieldColumns, bare
from aggregates.base import markers
from aggregates.values import Money

EQUAL = ("", "ne")
CURRENCY = "currency"
RANGE = ("gte", "gt", "lte", "lt")
_INTEGER = re.compile(r"^-?\d{1,19}$", re.ASCII)
_NUMBER = re.compile(r"^-?\d{1,15}(\.\d{1,10})?$", re.ASCII)
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$", re.ASCII)
_UUID = re.compile(r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", re.ASCII)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_LONGEST_SORTED = 1_000
"""Characters; a cursor holds the sorted value, and addresses must stay short."""


class Unreadable(Exception):
    """A value that is not of its kind: the key of the message that says so."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be asked of a column."""

    type: str
    """SQL type to which values are bound."""
    read: Callable[[str], Any]
    """The value in a parameter. Raises Unreadable."""
    operators: tuple[str, ...]
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON schema of a value in a parameter."""
    is_sorted: bool = True
    is_array: bool = False
    is_open: bool = False
    """Whether it holds values of any kind by code: custom fields."""


def text(value: str) -> str:
    if _UNSTORABLE.search(value):
        raise Unreadable("unstorable")
    return value


def integer(value: str) -> int:
    if not _INTEGER.match(value):
        raise Unreadable("not-an-integer")
    number = int(value)
    if not _SMALLEST <= number <= _LARGEST:
        raise Unreadable("out-of-range", min=_SMALLEST, max=_LARGEST)
    return number


def number(value: str) -> Decimal:
    if not _NUMBER.match(value):
        raise Unreadable("not-a-number")
    return Decimal(value)


def boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise Unreadable("not-a-boolean")
    return value == "true"


def identity(value: str) -> UUID:
    if not _UUID.match(value):
        raise Unreadable("not-an-id")
    return UUID(value)


def day(value: str) -> date:
    try:
        if _DATE.match(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise Unreadable("not-a-date")


def moment(value: str) -> datetime | date:
    """An instant; or a date, which stands for its first or last instant."""
    try:
        return day(value)
    except Unreadable:
        pass
    try:
        return instant(value)
    except ValueError:
        raise Unreadable("not-an-instant") from None


_ALL = (*EQUAL, *RANGE, "null")
_TEXT = Kind("text", text, (*_ALL, "contains"), {"type": "string", "pattern": "^[^\\x00]*$"})
_KINDS: dict[Any, Kind] = {
    str: _TEXT,
    UUID: Kind("uuid", identity, _ALL, {"type": "string", "format": "uuid"}),
    int: Kind("bigint", integer, _ALL, {"type": "integer", "format": "int64"}),
    bool: Kind("boolean", boolean, (*EQUAL, "null"), {"type": "boolean"}),
    float: Kind("double precision", number, _ALL, {"type": "number"}, is_sorted=False),
    Decimal: Kind("numeric", number, _ALL, {"type": "string", "pattern": _NUMBER.pattern}),
    Money: Kind(
        "numeric", number, (*_ALL, CURRENCY), {"type": "string", "pattern": _NUMBER.pattern}
    ),
    date: Kind("date", day, _ALL, {"type": "string", "format": "date"}),
    datetime: Kind(
        "timestamptz",
        moment,
        _ALL,
        {"anyOf": [{"type": "string", "format": f} for f in ("date-time", "date")]},
    ),
}

CURRENCY_KIND = _TEXT
"""Of the currency of an amount."""


def kind_of(columns: FieldColumns) -> Kind | None:
    """What a field can be asked for; None: nothing."""
    kind = columns.kind
    if (isinstance(kind, type) and issubclass(kind, Enum)) or get_origin(kind) is Literal:
        return _TEXT
    if kind is str and _longest(columns.annotation) > _LONGEST_SORTED:
        return Kind(_TEXT.type, text, _TEXT.operators, _TEXT.schema, is_sorted=False)
    if kind in _KINDS:
        return _KINDS[kind]
    if get_origin(kind) is dict:
        return Kind("jsonb", text, _TEXT.operators, is_sorted=False, is_open=True)
    if get_origin(kind) is tuple and bare(get_args(kind)[0]) in _KINDS:
        item = _KINDS[bare(get_args(kind)[0])]
        contains = ("contains",) if item is _TEXT else ()
        operators = (*EQUAL, "null", *contains)
        return Kind(item.type, item.read, operators, item.schema, is_sorted=False, is_array=True)
    return None


def _longest(annotation: Any) -> int:
    limits = (c.max_length for c in markers(annotation, StringConstraints))
    return max((limit for limit in limits if limit is not None), default=0)
