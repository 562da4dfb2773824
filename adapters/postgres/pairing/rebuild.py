"""Rebuild: everything compared anew in tables beside those that are read."""

from collections.abc import Callable, Iterator
from time import monotonic
from uuid import UUID

import psycopg

from adapters.postgres.pairing import tables
from adapters.postgres.pairing.comparing import CHUNK, Comparing
from adapters.postgres.pairing.subjects import SUBJECTS, Subject
from adapters.postgres.pairing.tables import NAME, NEXT
from adapters.postgres.views import tables as view_tables
from adapters.postgres.views import tracking
from adapters.postgres.views.leading import connect
from adapters.postgres.views.rebuild import RebuildRunning, Rebuilt
from adapters.postgres.views.tracking import Superseded

_CHUNK = "SELECT id FROM views.{} WHERE id > %s ORDER BY id LIMIT %s"
_KEYS = "COPY {}.keys (key, id) FROM STDIN"
_PROFILES = "COPY {}.profiles (id, digest) FROM STDIN"
_ANALYZE = "ANALYZE {0}.keys, {0}.profiles"
_ALONE = "SELECT pg_try_advisory_lock(16980, hashtext(%s))"
_DONE = "SELECT pg_advisory_unlock(16980, hashtext(%s))"
_EPOCH = "SELECT epoch FROM backstory.tracking WHERE projection = %s FOR UPDATE"


def rebuild_pairs(url: str) -> Rebuilt:
    """Compare everything anew, as an operator asks for. Raises RebuildRunning."""
    with connect(url) as connection:
        view_tables.install(connection)
        return rebuild(connection, tracking.draw_epoch(connection), lambda: None)


def rebuild(connection: psycopg.Connection, epoch: int, check: Callable[[], None]) -> Rebuilt:
    """Compare everything, then put the result in place. ``check`` ends it by raising.

    What the views learn meanwhile is compared afterwards, from where they stood at the beginning.
    Raises RebuildRunning, Superseded.
    """
    if connection.execute(_ALONE, (NAME,)).fetchone() != (True,):
        raise RebuildRunning(f"{NAME} is being rebuilt already")
    try:
        return _rebuild(connection, epoch, check)
    finally:
        if not connection.broken:
            connection.execute(_DONE, (NAME,))


def _rebuild(connection: psycopg.Connection, epoch: int, check: Callable[[], None]) -> Rebuilt:
    began, (position, _) = monotonic(), tables.standing(connection)
    if position is None:
        raise Superseded("the views are not as this release defines them")
    connection.execute(f"DROP SCHEMA IF EXISTS {NEXT} CASCADE".encode())
    tables.install(connection, NEXT)
    tables.note_parked(connection, NEXT)
    for subject in SUBJECTS:
        for ids in _chunks(connection, subject):
            check()
            _key(connection, subject, ids)
    connection.execute(_ANALYZE.format(NEXT).encode())
    for subject in SUBJECTS:
        comparing = Comparing(connection, subject, NEXT)
        for ids in _chunks(connection, subject):
            check()
            comparing.write(comparing.found(ids, upwards=True))
    with connection.transaction():
        known = connection.execute(_EPOCH, (NAME,)).fetchone()
        if known is not None and known[0] > epoch:
            raise Superseded(f"epoch {epoch} is over")
        tables.swap(connection)
        tables.begin(connection, position, epoch)
    return Rebuilt(NAME, position, monotonic() - began)


def _chunks(connection: psycopg.Connection, subject: Subject) -> Iterator[list[UUID]]:
    last = UUID(int=0)
    query = _CHUNK.format(subject.tables[0]).encode()
    while ids := [row[0] for row in connection.execute(query, (last, CHUNK))]:
        yield ids
        last = ids[-1]


def _key(connection: psycopg.Connection, subject: Subject, ids: list[UUID]) -> None:
    lines = list(subject.lines(connection, ids))
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(_PROFILES.format(NEXT).encode()) as copy:
            for line in lines:
                copy.write_row((line.id, line.digest))
        with cursor.copy(_KEYS.format(NEXT).encode()) as copy:
            for line in lines:
                for key in subject.keys(line):
                    copy.write_row((key, line.id))
