"""The tables of pairing: where they lie, how far they are, and by what they were made."""

from collections import defaultdict
from pathlib import Path
from string import Template
from uuid import UUID

import psycopg

from adapters.postgres.pairing.subjects import SUBJECTS
from adapters.postgres.views import tracking
from adapters.postgres.views.tables import View
from adapters.postgres.views.tracking import Moved, Superseded, Track
from projections.base import Projection

NAME = "possible_duplicates"
"""Its name in tracking, `backstory status` and `backstory rebuild`."""
LIVE, NEXT = "matching", "matching_next"
REVISION = 2
"""Raise it when keys, scores or tables change, and everything is compared anew."""
SCRIPT = Path(__file__).with_name("matching.sql")
_INSTALLING = "SELECT pg_advisory_xact_lock(16979, 13)"
_INSTALLED = "SELECT to_regclass(%s) IS NOT NULL"
_BEGIN = (
    "INSERT INTO backstory.tracking (projection, position, epoch, incarnation, fingerprint)"
    " SELECT %s, %s, %s, incarnation, %s FROM backstory.meta"
    " ON CONFLICT (projection) DO UPDATE SET position = excluded.position, epoch = excluded.epoch,"
    " incarnation = excluded.incarnation, fingerprint = excluded.fingerprint,"
    " since = clock_timestamp()"
)
_ADVANCE = (
    "UPDATE backstory.tracking SET position = %s"
    " WHERE projection = %s AND fingerprint = %s AND epoch = %s AND position = %s"
)
_NOTE = (
    "INSERT INTO {}.parked SELECT projection, stream_id FROM backstory.parked"
    " WHERE projection = ANY (%s) ON CONFLICT DO NOTHING"
)
_GONE = (
    "FROM matching.parked p WHERE NOT EXISTS (SELECT FROM backstory.parked b"
    " WHERE b.projection = p.projection AND b.stream_id = p.stream_id)"
)


def views() -> list[View]:
    """The views whose rows are compared."""
    names = dict.fromkeys(name for subject in SUBJECTS for name in subject.tables)
    return [View(Projection.registry[name]) for name in names]


def fingerprint() -> str:
    """Changes whenever everything must be compared anew."""
    return ";".join([f"{NAME}:{REVISION}", *(view.fingerprint for view in views())])


def install(connection: psycopg.Connection, schema: str = LIVE) -> None:
    """Make the tables where they are missing."""
    with connection.transaction():
        connection.execute(_INSTALLING)
        if connection.execute(_INSTALLED, (f"{schema}.parked",)).fetchone() == (True,):
            return
        connection.execute("SET LOCAL client_min_messages = warning")
        script = Template(SCRIPT.read_text("utf-8"))
        connection.execute(script.substitute(schema=schema).encode())


def standing(connection: psycopg.Connection) -> tuple[int | None, Track | None]:
    """How far the views are, None unless all are as this release defines them; and where the pairs
    stand, None unless they were made as they would be now."""
    wanted = {view.key: view.fingerprint for view in views()}
    tracks = tracking.find(connection, [*wanted, NAME])
    pairs = tracks.pop(NAME, None)
    if pairs is not None and pairs.fingerprint != fingerprint():
        pairs = None
    made = {key: track.fingerprint for key, track in tracks.items()}
    return min(t.position for t in tracks.values()) if made == wanted else None, pairs


def begin(connection: psycopg.Connection, position: int, epoch: int) -> None:
    """Say that the tables hold what follows from the rows at the position."""
    connection.execute(_BEGIN, (NAME, position, epoch, fingerprint()))


def advance(connection: psycopg.Connection, epoch: int, start: int, end: int) -> None:
    """Move on, in the transaction that writes. Raises Superseded, Moved."""
    moved = connection.execute(_ADVANCE, (end, NAME, fingerprint(), epoch, start))
    if moved.rowcount == 1:
        return
    _, track = standing(connection)
    if track is not None and track.epoch != epoch:
        raise Superseded(f"epoch {epoch} is over")
    raise Moved(f"{NAME} is no longer at {start}")


def swap(connection: psycopg.Connection) -> None:
    """Put the tables of NEXT in place, within the caller's transaction."""
    connection.execute(f"DROP SCHEMA IF EXISTS {LIVE} CASCADE".encode())
    connection.execute(f"ALTER SCHEMA {NEXT} RENAME TO {LIVE}".encode())


def note_parked(connection: psycopg.Connection, schema: str = LIVE) -> None:
    """Remember which streams the views have left aside."""
    connection.execute(_NOTE.format(schema).encode(), ([view.key for view in views()],))


def has_released(connection: psycopg.Connection) -> bool:
    """Whether a view has meanwhile folded a stream that it had left aside."""
    return connection.execute(f"SELECT EXISTS (SELECT {_GONE})".encode()).fetchone() == (True,)


def released(connection: psycopg.Connection) -> dict[str, set[UUID]]:
    """Those streams by view, no longer remembered; and what is left aside now is."""
    found: dict[str, set[UUID]] = defaultdict(set)
    for view, stream_id in connection.execute(
        f"DELETE {_GONE} RETURNING projection, stream_id".encode()
    ):
        found[view].add(stream_id)
    note_parked(connection)
    return found
