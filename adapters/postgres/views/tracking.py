"""Tracking: how far each projection has read, and who alone may move it on."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg

from adapters.postgres.views.tables import View

_LEAD = "SELECT pg_try_advisory_lock(16979, 5)"
_EPOCH = "SELECT nextval('backstory.epochs')"
_ADOPT = "UPDATE backstory.tracking SET epoch = %s WHERE projection = ANY (%s) AND epoch < %s"
_FIND = (
    "SELECT projection, position, epoch, incarnation, fingerprint FROM backstory.tracking"
    " WHERE projection = ANY (%s)"
)
_BEGIN = (
    "INSERT INTO backstory.tracking (projection, position, epoch, incarnation, fingerprint)"
    " SELECT %s, %s, %s, incarnation, %s FROM backstory.meta"
    " ON CONFLICT (projection) DO UPDATE SET position = excluded.position, epoch = excluded.epoch,"
    " incarnation = excluded.incarnation, fingerprint = excluded.fingerprint,"
    " since = clock_timestamp()"
)
_ADVANCE = (
    "UPDATE backstory.tracking SET position = %s"
    " WHERE projection = ANY (%s) AND fingerprint = ANY (%s) AND epoch = %s AND position = %s"
)
_LOG = (
    "SELECT m.incarnation,"
    " greatest(h.position, (SELECT max(e.position) FROM backstory.events e))"
    " FROM backstory.meta m, backstory.head h"
)


class ProjectionsStopped(Exception):
    """Projecting cannot go on before a person has decided. The message says what to do."""


class TrackingAheadOfLog(ProjectionsStopped):
    """A projection has read events that the log does not hold: a backup was restored."""


class OtherLog(ProjectionsStopped):
    """The tables were folded from another log than the one in this database."""


class Superseded(Exception):
    """Another runner has taken over; what was folded here is not written."""


class Moved(Exception):
    """A rebuild or rollback has put other tables in place; read the positions again."""


@dataclass(frozen=True, slots=True)
class Track:
    """Where one set of tables stands."""

    key: str
    position: int
    epoch: int
    incarnation: UUID
    fingerprint: str


def try_to_lead(connection: psycopg.Connection) -> int | None:
    """Become the one leader for as long as this session lives; the epoch, or None: another is."""
    if connection.execute(_LEAD).fetchone() != (True,):
        return None
    return draw_epoch(connection)


def draw_epoch(connection: psycopg.Connection) -> int:
    row = connection.execute(_EPOCH).fetchone()
    assert row is not None
    return int(row[0])


def adopt(connection: psycopg.Connection, keys: Sequence[str], epoch: int) -> None:
    """Take what an earlier epoch had; a later one keeps what it has."""
    connection.execute(_ADOPT, (epoch, list(keys), epoch))


def find(
    connection: psycopg.Connection, keys: Sequence[str], *, lock: bool = False
) -> dict[str, Track]:
    """Where these stand; with ``lock``, held still until the transaction ends."""
    query = _FIND + (" ORDER BY projection FOR UPDATE" if lock else "")
    rows = connection.execute(query.encode(), (list(keys),)).fetchall()
    return {row[0]: Track(*row) for row in rows}


def begin(connection: psycopg.Connection, view: View, position: int, epoch: int) -> None:
    """Say that the view's tables hold everything up to the position."""
    connection.execute(_BEGIN, (view.key, position, epoch, view.fingerprint))


def advance(
    connection: psycopg.Connection, views: Sequence[View], epoch: int, start: int, end: int
) -> None:
    """Move on, first thing in the transaction that writes the rows: nobody else can until it ends.

    Raises Superseded, or Moved where the tables are no longer those that were read from.
    """
    keys = [v.key for v in views]
    made_by = [v.fingerprint for v in views]
    moved = connection.execute(_ADVANCE, (end, keys, made_by, epoch, start), prepare=True)
    if moved.rowcount == len(views):
        return
    found = find(connection, keys)
    if any(t.epoch != epoch and t.fingerprint == v.fingerprint for v, t in _pairs(views, found)):
        raise Superseded(f"epoch {epoch} is over")
    raise Moved(f"{keys} are no longer all at {start}")


def _pairs(views: Sequence[View], found: dict[str, Track]) -> list[tuple[View, Track]]:
    return [(v, found[v.key]) for v in views if v.key in found]


def refuse_other_log(connection: psycopg.Connection, tracks: Sequence[Track]) -> None:
    """Raises TrackingAheadOfLog or OtherLog unless all tables come from the log that is here."""
    row = connection.execute(_LOG).fetchone()
    assert row is not None
    incarnation, end = row
    for track in tracks:
        if track.position > end:
            raise TrackingAheadOfLog(
                f"{track.key} has read up to position {track.position}, but the log ends at"
                f" {end}: it was restored from an older copy. If that is as it should"
                f" be, run `backstory rebuild {track.key}`; else restore the right copy."
            )
        if track.incarnation != incarnation:
            raise OtherLog(
                f"{track.key} was folded from log {track.incarnation}, but this is log"
                f" {incarnation}. If that is as it should be, run `backstory rebuild {track.key}`."
            )
