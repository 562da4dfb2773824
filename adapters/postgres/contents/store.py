"""The store of sealed chunks: a row per content, a row per chunk."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import ConnectionPool

from adapters.attachments.ports import Content
from adapters.postgres import installing

SCRIPT = Path(__file__).with_name("schema.sql")
_KEEP_KEY = (
    "INSERT INTO backstory.subject_keys (subject, wrapped, created_at)"
    " VALUES (%s, %s, clock_timestamp()) ON CONFLICT DO NOTHING"
)
_COLUMNS = "id, subject, digest, size, chunk_size"
_TOUCH = (
    "UPDATE backstory.contents AS kept SET touched_at = clock_timestamp()"
    " FROM backstory.contents AS own WHERE own.id = %s AND kept.subject = own.subject"
    " AND kept.digest = %s RETURNING kept.id, kept.subject, kept.digest, kept.size,"
    " kept.chunk_size"
)
_FINISH = (
    "UPDATE backstory.contents SET digest = %s, size = %s, touched_at = clock_timestamp()"
    f" WHERE id = %s RETURNING {_COLUMNS}"
)
_LOOSE = "NOT attached AND touched_at < clock_timestamp() - %s"
_FIND_LOOSE = f"SELECT id FROM backstory.contents WHERE {_LOOSE} ORDER BY touched_at LIMIT %s"
_REMOVE_LOOSE = f"DELETE FROM backstory.contents WHERE id = ANY (%s) AND {_LOOSE}"
_SETTLE = "UPDATE backstory.contents SET attached = true WHERE id = ANY (%s)"


def install(url: str) -> None:
    """Make the tables; several processes may do so at once."""
    installing.install(url, SCRIPT, "backstory.chunks", 24)


class PostgresChunks:
    """See ``adapters.attachments.ports.ChunkStore``."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def keep_key(self, subject: UUID, wrapped: bytes) -> None:
        self._run(_KEEP_KEY, subject, wrapped)

    def begin(self, content_id: UUID, subject: UUID, chunk_size: int) -> None:
        statement = "INSERT INTO backstory.contents (id, subject, chunk_size) VALUES (%s, %s, %s)"
        self._run(statement, content_id, subject, chunk_size)

    def add(self, content_id: UUID, index: int, sealed: bytes) -> None:
        statement = "INSERT INTO backstory.chunks (content_id, index, sealed) VALUES (%s, %s, %s)"
        self._run(statement, content_id, index, sealed)

    def finish(self, content_id: UUID, digest: bytes, size: int) -> Content:
        while True:
            kept = self._one(_TOUCH, content_id, digest)
            if kept is not None:
                self.remove(content_id)
                return _content(kept)
            try:
                own = self._one(_FINISH, digest, size, content_id)
            except psycopg.errors.UniqueViolation:
                continue  # Somebody finished the same one at this moment.
            assert own is not None, "a content is not collected while it comes in"
            return _content(own)

    def remove(self, content_id: UUID) -> None:
        self._run("DELETE FROM backstory.contents WHERE id = %s", content_id)

    def find(self, content_id: UUID) -> Content | None:
        found = self._one(f"SELECT {_COLUMNS} FROM backstory.contents WHERE id = %s", content_id)
        return None if found is None or found[2] is None else _content(found)

    def chunk(self, content_id: UUID, index: int) -> bytes | None:
        statement = "SELECT sealed FROM backstory.chunks WHERE content_id = %s AND index = %s"
        with self._pool.connection() as connection, connection.cursor(binary=True) as cursor:
            found = cursor.execute(statement, (content_id, index)).fetchone()
        return None if found is None else bytes(found[0])

    def loose(self, age: timedelta, limit: int) -> Sequence[UUID]:
        with self._pool.connection() as connection:
            found = connection.execute(_FIND_LOOSE.encode(), (age, limit)).fetchall()
        return [id for (id,) in found]

    def settle(self, content_ids: Sequence[UUID]) -> None:
        self._run(_SETTLE, list(content_ids))

    def remove_loose(self, content_ids: Sequence[UUID], age: timedelta) -> int:
        with self._pool.connection() as connection:
            done = connection.execute(_REMOVE_LOOSE.encode(), (list(content_ids), age))
        return done.rowcount

    def _one(self, statement: str, *values: Any) -> Sequence[Any] | None:
        with self._pool.connection() as connection:
            return connection.execute(statement.encode(), values).fetchone()

    def _run(self, statement: str, *values: Any) -> None:
        with self._pool.connection() as connection:
            connection.execute(statement.encode(), values)


def _content(row: Sequence[Any]) -> Content:
    id, subject, digest, size, chunk_size = row
    return Content(id, subject, bytes(digest), size, chunk_size)
