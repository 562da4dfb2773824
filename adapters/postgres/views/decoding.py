"""Decoding: stored events to typed ones, what cannot be read told from what cannot be had now."""

from collections.abc import Sequence
from typing import Protocol

import psycopg

from adapters.postgres.views.tracking import Moved, Superseded
from adapters.postgres.views.versions import Item, Undecodable
from aggregates.events import Event
from commands.ports import StoredEvent

_PASSING = ("08", "25", "40", "53", "55", "57", "58")
"""SQLSTATE classes: connection, state, concurrency, resources, operator, the machine."""


class EventReader(Protocol):
    """What turns stored events into typed ones: the mapper."""

    def read_all(self, stored: Sequence[StoredEvent]) -> list[Event]: ...


def is_passing(error: Exception) -> bool:
    """Whether the error is of the moment, and no fault of an event or a fold."""
    if isinstance(error, psycopg.Error):
        if error.sqlstate is not None:
            return error.sqlstate[:2] in _PASSING
        return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
    return isinstance(error, (OSError, MemoryError, Superseded, Moved))


def decode(reader: EventReader, stored: Sequence[StoredEvent]) -> Sequence[Item]:
    """Typed events; in the place of one that cannot be read, what is wrong with it."""
    try:
        return reader.read_all(stored)
    except Exception as error:
        if is_passing(error):
            raise
        return [_decode_one(reader, event) for event in stored]


def _decode_one(reader: EventReader, stored: StoredEvent) -> Item:
    try:
        return reader.read_all([stored])[0]
    except Exception as error:
        if is_passing(error):
            raise
        return Undecodable(stored.topic, stored.stream_id, stored.version, stored.position, error)
