"""Row versions as Postgres' binary COPY format, encoding again only what changed.

The versions of a row differ in a few fields, so the encoded cells of one version are kept for the
next: a field that still holds the same object is not encoded again.
Format: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import compress
from operator import attrgetter, is_not
from typing import Any
from uuid import UUID

import psycopg
from psycopg.pq import Format

from adapters.postgres.views.columns import Column, FieldColumns, row_columns
from adapters.postgres.views.versions import Version
from aggregates.values import Money
from projections.base import Row

Encode = Callable[[Any], bytes]
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_LONG, _INT, _DOUBLE = struct.Struct(">iq"), struct.Struct(">ii"), struct.Struct(">id")
_LENGTH, _ARRAY = struct.Struct(">i"), struct.Struct(">iiiii")
_VERSION = struct.Struct(">hihiqi?iq")
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_OIDS = {name: psycopg.adapters.types[name].oid for name in ("text", "uuid", "int8", "date")}
_OIDS |= {"bigint": _OIDS.pop("int8")}
_numeric = psycopg.adapters.get_dumper_by_oid(psycopg.adapters.types["numeric"].oid, Format.BINARY)(
    Decimal, None
)


def microseconds(instant: datetime) -> int:
    """Since 2000, as Postgres counts."""
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _bytes(data: bytes | bytearray | memoryview) -> bytes:
    return _LENGTH.pack(len(data)) + data


def _text_cell(value: str) -> bytes:
    data = value.encode()
    return _LENGTH.pack(len(data)) + data


def _numeric_cell(value: Decimal) -> bytes:
    dumped = _numeric.dump(value)
    return NULL if dumped is None else _bytes(dumped)


def _money_cells(value: Money) -> bytes:
    return _numeric_cell(value.amount) + _text_cell(value.currency)


_CELLS: dict[str, Encode] = {
    "text": _text_cell,
    "uuid": lambda v: b"\x00\x00\x00\x10" + v.bytes,
    "bigint": lambda v: _LONG.pack(8, v),
    "boolean": lambda v: b"\x00\x00\x00\x01\x01" if v else b"\x00\x00\x00\x01\x00",
    "double precision": lambda v: _DOUBLE.pack(8, v),
    "date": lambda v: _INT.pack(4, v.toordinal() - _EPOCH_DAY),
    "timestamptz": lambda v: _LONG.pack(8, microseconds(v)),
    "numeric": _numeric_cell,
    "numeric(19,4)": _numeric_cell,
    "jsonb": lambda v: _bytes(b"\x01" + v.dumps(v.obj)),
}


def _cell(column: Column) -> Encode:
    """How one value of the column is encoded, with its length before it."""
    if not column.type.endswith("[]"):
        return _CELLS[column.type]
    of = column.type[:-2]
    element, oid = _CELLS[of], _OIDS.get(of) or psycopg.adapters.types[of].oid

    def array(values: list[Any]) -> bytes:
        if not values:
            return _bytes(struct.pack(">iii", 0, 0, oid))
        items = b"".join(NULL if v is None else element(v) for v in values)
        return _bytes(_ARRAY.pack(1, any(v is None for v in values), oid, len(values), 1) + items)

    return array


def _field(field: FieldColumns) -> tuple[Encode, bytes]:
    """How a value of the field becomes its cells; and the cells of None."""
    cells, split = [_cell(c) for c in field.columns], field.split
    nothing = NULL * len(cells)

    def encode(value: Any) -> bytes:
        parts = split(value)
        return b"".join(
            NULL if part is None else cell(part) for cell, part in zip(cells, parts, strict=True)
        )

    if field.is_money:
        return _money_cells, nothing
    if field.kind in (str, UUID, int, bool, date, datetime):
        return cells[0], nothing
    return encode, nothing


@dataclass(slots=True)
class Encoded:
    """A row's values and their cells, field by field."""

    values: tuple[Any, ...]
    cells: list[bytes]


class RowEncoder:
    """Encodes versions of one kind of row; columns in the order of ``columns``."""

    def __init__(self, row: type[Row]) -> None:
        fields = row_columns(row, hidden=True)
        self._values = attrgetter(*(f.field for f in fields))
        self._encoders, self._nothing = zip(*map(_field, fields), strict=True)
        self._indexes = range(len(fields))
        self._count = 4 + sum(len(f.columns) for f in fields)

    def encode(self, row: Row, before: Encoded | None) -> Encoded:
        """The row's cells; those of an earlier version are taken where nothing changed."""
        values = self._values(row)
        if before is None:
            each = zip(self._encoders, self._nothing, values, strict=True)
            cells = [none if v is None else encode(v) for encode, none, v in each]
            return Encoded(values, cells)
        cells = before.cells.copy()
        for i in compress(self._indexes, map(is_not, values, before.values)):
            value = values[i]
            cells[i] = self._nothing[i] if value is None else self._encoders[i](value)
        return Encoded(values, cells)

    def versions(
        self, stream_id: UUID, versions: Iterable[Version]
    ) -> tuple[list[bytes], Encoded | None]:
        """Versions as lines of a COPY of (axis, occurred_at, gone, at_position, …columns).

        Also the last row among them, encoded.
        """
        encoded: Encoded | None = None
        lines: list[bytes] = []
        for v in versions:
            gone, at = v.row is None, microseconds(v.occurred_at)
            lines.append(_VERSION.pack(self._count, 2, v.axis, 8, at, 1, gone, 8, v.at_position))
            if v.row is None:
                lines.append(_CELLS["uuid"](stream_id) + NULL * (self._count - 5))
            else:
                encoded = self.encode(v.row, encoded)
                lines += encoded.cells
        return lines, encoded
