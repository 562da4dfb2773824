"""Values in Postgres' binary form: single elements, and arrays of rows made of them.

A unit's elements are encoded once, by the thread that submits it. The writer only joins them, and
the leaf digest is taken over the same bytes: an element is its length (4 bytes, big-endian) and its
value, or the length 0xFFFFFFFF alone for NULL, which is also a canonical, unambiguous encoding.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from uuid import UUID

from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

NULL = b"\xff\xff\xff\xff"

_UUID_LENGTH = b"\x00\x00\x00\x10"
_INT2 = Struct("!ih")
_INT4 = Struct("!ii")
_INT8 = Struct("!iq")
_HEADER = Struct("!iiIii")
_ROW = Struct("!iiIii")
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

BOOL, BYTEA, INT8, INT2, INT4, TEXT, TIMESTAMPTZ, UUID_ = 16, 17, 20, 21, 23, 25, 1184, 2950
"""Type numbers; they are the same in every Postgres."""

TRUE = b"\x00\x00\x00\x01\x01"
FALSE = b"\x00\x00\x00\x01\x00"


def uuid(value: UUID | None) -> bytes:
    """An element of type uuid."""
    return NULL if value is None else _UUID_LENGTH + value.int.to_bytes(16, "big")


def binary(value: bytes | None) -> bytes:
    """An element of type bytea."""
    return NULL if value is None else len(value).to_bytes(4, "big") + value


def text(value: str | None) -> bytes:
    """An element of type text; UnicodeEncodeError for a lone surrogate."""
    return NULL if value is None else binary(value.encode())


@lru_cache(1_000)
def name(value: str) -> bytes:
    """An element of type text that is one of few, such as a topic."""
    return text(value)


def int2(value: int) -> bytes:
    """An element of type smallint; struct.error where it does not fit."""
    return _INT2.pack(2, value)


def int4(value: int) -> bytes:
    """An element of type integer; struct.error where it does not fit."""
    return _INT4.pack(4, value)


def int8(value: int) -> bytes:
    """An element of type bigint; struct.error where it does not fit."""
    return _INT8.pack(8, value)


def instant(value: datetime | None) -> bytes:
    """An element of type timestamptz; ValueError for a time without a zone."""
    if value is None:
        return NULL
    if value.tzinfo is None:
        raise ValueError(f"an instant needs a zone: {value!r}")
    return _INT8.pack(8, (value - _POSTGRES_EPOCH) // _MICROSECOND)


class Packed(bytes):
    """A parameter that is in binary form already."""

    __slots__ = ()


RowEncoder = Callable[..., bytes]


def row_of(*types: int) -> RowEncoder:
    """What puts encoded elements of these types together to a row, all but its first column."""
    template = b"".join([number.to_bytes(4, "big") + b"%b" for number in types])
    return lambda *elements: template % elements


def rows(type_number: int, columns: int, units: Sequence[Sequence[bytes]]) -> Packed:
    """An array of rows of a composite type, whose first column is the number of their unit."""
    parts = [
        part
        for number, unit in enumerate(units)
        for row in unit
        for part in (_ROW.pack(len(row) + 16, columns, INT4, 4, number), row)
    ]
    if not parts:
        return Packed(_HEADER.pack(0, 0, type_number, 0, 0)[:12])
    return Packed(b"".join([_HEADER.pack(1, 0, type_number, len(parts) // 2, 1), *parts]))


class _PackedDumper(Dumper):
    """Sends the bytes as they are; the server takes the type from the function's signature."""

    format = Format.BINARY
    oid = 0

    def dump(self, obj: Packed) -> Buffer:
        return obj


def accept_packed(connection: Connection) -> None:
    """Let this connection send ``Packed`` parameters."""
    connection.adapters.register_dumper(Packed, _PackedDumper)
