"""Cursors: where a page ended, in an opaque text that fits only the same list.

A cursor holds the sorted value and the id of the last row, and a checksum over them and over what
the list was asked for. It is no secret and grants nothing: whoever makes one up merely starts
reading elsewhere in a list that they may read anyhow.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson

from adapters.postgres.reads.kinds import Kind, Unreadable
from aggregates.errors import FieldError, Invalid
from aggregates.values import Money

_CHECKSUM_BYTES = 12
_LONGEST = 16_000


@dataclass(frozen=True, slots=True)
class Place:
    """The last row of a page: its sorted value and its id."""

    value: Any
    id: UUID


def cursor(place: Place, asked: bytes) -> str:
    """The cursor behind a row of a list; ``asked`` stands for what the list was asked for."""
    return written(_text(place.value), str(place.id), asked=asked)


def place(text: str, asked: bytes, kind: Kind) -> Place:
    """Where a cursor points to. Raises Invalid naming ``cursor``."""
    try:
        value, id = read(text, asked)
        return Place(None if value is None else kind.read(value), UUID(id))
    except (ValueError, TypeError, AttributeError, Unreadable):
        raise _wrong() from None


def written(*content: Any, asked: bytes) -> str:
    """A cursor that says these things, each a text or a number."""
    said = orjson.dumps(content)
    return base64.urlsafe_b64encode(_checksum(said, asked) + said).decode().rstrip("=")


def read(text: str, asked: bytes) -> list[Any]:
    """What a cursor says. Raises Invalid naming ``cursor``."""
    try:
        if len(text) > _LONGEST:
            raise ValueError("too long")
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        checksum, said = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES:]
        if checksum != _checksum(said, asked):
            raise ValueError("another list's")
        content: list[Any] = orjson.loads(said)
    except (ValueError, TypeError, binascii.Error):
        raise _wrong() from None
    return content


def _wrong() -> Invalid:
    return Invalid(FieldError("cursor", "not-a-cursor"))


def _checksum(content: bytes, asked: bytes) -> bytes:
    return blake2b(content, digest_size=_CHECKSUM_BYTES, key=blake2b(asked).digest()).digest()


def _text(value: Any) -> str | None:
    """A value as ``Kind.read`` reads it."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case Money():
            return format(value.amount, "f")
        case Decimal():
            return format(value, "f")
        case Enum():
            return str(value.value)
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
    return str(value)
