"""Parked streams: whose fold failed, listed, tried again, or helped past one event."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from adapters.postgres.views.tables import View
from adapters.postgres.views.versions import Item, position_of, stream_of

Streams = Mapping[UUID, Sequence[Item]]
"""Row (stream, or part of one) → events in log order."""

_LONGEST_ERROR = 2_000
_IN_THE_WAY = """
    SELECT projection, stream_id, NULL::bigint FROM backstory.parked
    WHERE projection = ANY (%(keys)s) AND stream_id = ANY (%(streams)s)
    UNION ALL
    SELECT projection, stream_id, position FROM backstory.skipped
    WHERE projection = ANY (%(names)s) AND stream_id = ANY (%(streams)s)
"""
_PARK = """
    INSERT INTO backstory.parked AS p (projection, stream_id, position, error)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (projection, stream_id) DO UPDATE
    SET position = excluded.position, error = excluded.error, attempts = p.attempts + 1
"""
_PARKED_AT = "SELECT position FROM backstory.parked WHERE projection = %s AND stream_id = %s"
_UNPARK = "DELETE FROM backstory.parked WHERE projection = %s AND stream_id = ANY (%s)"
_LIST = """
    SELECT p.projection, p.stream_id, p.position, p.error, p.since, p.attempts,
        (SELECT count(*) FROM backstory.events e
         WHERE e.stream_id = p.stream_id AND e.position > p.position AND e.position <= t.position)
    FROM backstory.parked p JOIN backstory.tracking t USING (projection)
    WHERE projection NOT LIKE '%@%' ORDER BY p.since, p.projection, p.stream_id
"""
_SKIPPED = "SELECT position FROM backstory.skipped WHERE projection = %s"
_SKIP = """
    INSERT INTO backstory.skipped (projection, position, stream_id, error)
    SELECT projection, position, stream_id, error FROM backstory.parked
    WHERE projection = %s AND stream_id = %s
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Parked:
    """One stream that one projection has left aside."""

    projection: str
    stream_id: UUID
    position: int
    """Of the event whose fold failed; its row is as it was before."""
    error: str
    since: datetime
    attempts: int
    waiting: int
    """Later events of the stream that wait behind it."""


class InTheWay:
    """What a fold of some streams must leave out, for some views."""

    def __init__(
        self, connection: psycopg.Connection, views: Sequence[View], streams: Iterable[UUID]
    ) -> None:
        self._parked: set[tuple[str, UUID]] = set()
        self._skipped: set[tuple[str, int]] = set()
        wanted = {
            "keys": [v.key for v in views],
            "names": [v.name for v in views],
            "streams": list(streams),
        }
        for name, stream_id, position in connection.execute(_IN_THE_WAY, wanted, prepare=True):
            if position is None:
                self._parked.add((name, stream_id))
            else:
                self._skipped.add((name, position))

    def is_parked(self, view: View, stream_id: UUID) -> bool:
        return (view.key, stream_id) in self._parked

    def without(self, view: View, streams: Streams, *, even_parked: bool = False) -> Streams:
        """The rows less those of parked streams, and less the events that are skipped."""
        if not self._parked and not self._skipped:
            return streams
        left = {
            s: [i for i in items if (view.name, position_of(i)) not in self._skipped]
            for s, items in streams.items()
            if even_parked or not self.is_parked(view, stream_of(items[0]))
        }
        return {s: items for s, items in left.items() if items}


def skipped(connection: psycopg.Connection, view: View) -> frozenset[int]:
    """Positions of every event taken out of the view's folds."""
    found = connection.execute(_SKIPPED, (view.name,))
    return frozenset(row[0] for row in found)


def park(
    connection: psycopg.Connection, view: View, stream_id: UUID, position: int, error: Exception
) -> None:
    """Leave the stream aside from this event on."""
    text = f"{type(error).__name__}: {error}".replace("\x00", "�")[:_LONGEST_ERROR]
    text = text.encode(errors="replace").decode()
    connection.execute(_PARK, (view.key, stream_id, position, text))


def unpark(connection: psycopg.Connection, view: View, streams: Iterable[UUID]) -> None:
    connection.execute(_UNPARK, (view.key, list(streams)))


def parked(connection: psycopg.Connection) -> list[Parked]:
    """Every parked stream, the oldest first."""
    return [Parked(*row) for row in connection.execute(_LIST.encode()).fetchall()]


def parked_at(connection: psycopg.Connection, view: View, stream_id: UUID) -> int | None:
    """Position of the event that a parked stream failed at; None: it is not parked."""
    row = connection.execute(_PARKED_AT, (view.key, stream_id)).fetchone()
    return None if row is None else int(row[0])


def skip_event(connection: psycopg.Connection, view: View, stream_id: UUID) -> None:
    """Take the event that a parked stream failed at out of this and every later fold."""
    connection.execute(_SKIP, (view.name, stream_id))
