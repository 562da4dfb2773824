"""The table of uploads: what is to be imported, by whom, and how far it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from psycopg_pool import ConnectionPool

from adapters.postgres import installing
from commands.requests import IdempotencyKeyReused

SCRIPT = Path(__file__).with_name("schema.sql")
State = Literal["waiting", "running", "finished", "failed", "stopped"]
LOCKS = 16981
"""First key of the advisory locks of uploads: (16981, of its id) is held while it runs."""
_COLUMNS = (
    "id, is_rehearsal, actor, subject, content_id, asked, state, attempts, told, refused_id,"
    " asked_at, changed_at"
)
_ADD = (
    "INSERT INTO backstory.uploads (id, is_rehearsal, actor, subject, content_id, asked)"
    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET actor = excluded.actor,"
    " subject = excluded.subject, content_id = excluded.content_id, asked = excluded.asked,"
    " state = 'waiting', attempts = 0, told = NULL, refused_id = NULL,"
    " asked_at = clock_timestamp(), changed_at = clock_timestamp()"
    " WHERE uploads.state NOT IN ('waiting', 'running') RETURNING id"
)
_REPLACED = "SELECT refused_id FROM backstory.uploads WHERE id = %s FOR UPDATE"
_REMOVE = "DELETE FROM backstory.contents WHERE id = %s"
_COUNT = "SELECT state, count(*) FROM backstory.uploads GROUP BY state"
_KEY = (
    "INSERT INTO backstory.upload_keys (command_id, fingerprint, upload_id) VALUES (%s, %s, %s)"
    " ON CONFLICT (command_id) DO UPDATE SET command_id = excluded.command_id"
    " RETURNING fingerprint"
)
_KNOWN = "SELECT fingerprint, upload_id FROM backstory.upload_keys WHERE command_id = %s"
_GET = f"SELECT {_COLUMNS} FROM backstory.uploads WHERE id = %s"
_OPEN = (
    "SELECT id, is_rehearsal FROM backstory.uploads WHERE state IN ('waiting', 'running')"
    " ORDER BY asked_at"
)
_START = (
    "UPDATE backstory.uploads SET state = 'running', attempts = attempts + 1,"
    " changed_at = clock_timestamp() WHERE id = %s AND state IN ('waiting', 'running')"
    f" RETURNING {_COLUMNS}"
)
_TELL = "UPDATE backstory.uploads SET told = %s, changed_at = clock_timestamp() WHERE id = %s"
_END = (
    "UPDATE backstory.uploads SET state = %s, told = %s, refused_id = %s,"
    " changed_at = clock_timestamp() WHERE id = %s"
)
_OLD = (
    "DELETE FROM backstory.uploads WHERE state NOT IN ('waiting', 'running')"
    " AND changed_at < clock_timestamp() - %s RETURNING content_id, refused_id"
)
_STATES = "SELECT id, state FROM backstory.uploads WHERE id = ANY (%s)"
_ALL_HELD = (
    "SELECT classid::bigint, objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND objsubid = 2 AND database = (SELECT oid FROM pg_database"
    " WHERE datname = current_database())"
)
_HELD = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid = %s::bigint::oid AND objid = %s::bigint::oid)"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the table."""

    id: UUID
    is_rehearsal: bool
    actor: UUID
    subject: UUID
    content_id: UUID
    asked: bytes
    state: State
    attempts: int
    told: bytes | None
    refused_id: UUID | None
    asked_at: datetime
    changed_at: datetime


def lock_of(id: UUID) -> tuple[int, int]:
    """The keys of the advisory lock of an upload."""
    return LOCKS, int.from_bytes(id.bytes[-4:], signed=True)


def install(url: str) -> None:
    """Make the tables; several processes may do so at once."""
    installing.install(url, SCRIPT, "backstory.upload_keys", 31)


class Store:
    """Reads and writes it. Calls block; from any thread."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def add(
        self,
        *said: Any,
        key: tuple[UUID, bytes] | None = None,
    ) -> bool:
        """Add a row (id, is_rehearsal, actor, subject, content_id, asked), in the place of one that
        is done and its refused rows; whether none was on its way. ``key``: of the request, with its
        fingerprint. Raises IdempotencyKeyReused."""
        with self._pool.connection() as connection, connection.transaction():
            replaced = connection.execute(_REPLACED, said[:1]).fetchone()
            added = connection.execute(_ADD, said).fetchone()
            if added is not None and replaced is not None:
                connection.execute(_REMOVE, replaced)
            if key is not None:
                kept = connection.execute(_KEY, (*key, said[0])).fetchone()
                if kept is None or bytes(kept[0]) != key[1]:  # Given to two at once.
                    raise IdempotencyKeyReused
        return added is not None

    def known(self, command_id: UUID) -> tuple[bytes, UUID] | None:
        """Fingerprint and upload of a request with this key, if there was one."""
        found = self._one(_KNOWN, command_id)
        return None if found is None else (bytes(found[0]), found[1])

    def get(self, id: UUID) -> Stored | None:
        return _stored(self._one(_GET, id))

    def open(self) -> Sequence[tuple[UUID, bool]]:
        """Those on their way, the first asked first, and which of them are rehearsals."""
        with self._pool.connection() as connection:
            return connection.execute(_OPEN).fetchall()

    def counted(self) -> dict[str, int]:
        """How many there are in each state."""
        with self._pool.connection() as connection:
            return dict(connection.execute(_COUNT).fetchall())

    def start(self, id: UUID) -> Stored | None:
        """None: it is done."""
        return _stored(self._one(_START, id))

    def tell(self, id: UUID, told: bytes) -> None:
        self._run(_TELL, told, id)

    def end(self, id: UUID, state: State, told: bytes, refused_id: UUID | None) -> None:
        self._run(_END, state, told, refused_id, id)

    def remove_old(self, age: timedelta) -> list[UUID]:
        """Forget what was done so long ago; the contents that nobody needs now."""
        with self._pool.connection() as connection:
            rows = connection.execute(_OLD, (age,)).fetchall()
        return [id for row in rows for id in row if id is not None]

    def is_held(self, lock: tuple[int, int]) -> bool:
        """Whether anybody holds this advisory lock."""
        one, other = lock
        found = self._one(_HELD, one % 2**32, other % 2**32)
        return found is not None and found[0]

    def states(self, ids: Sequence[UUID]) -> dict[UUID, State]:
        """The states of those of which something is known."""
        with self._pool.connection() as connection:
            return dict(connection.execute(_STATES, (list(ids),)).fetchall())

    def held(self) -> set[tuple[int, int]]:
        """Every advisory lock that somebody holds, as two numbers without a sign."""
        with self._pool.connection() as connection:
            return set(connection.execute(_ALL_HELD).fetchall())

    def _one(self, statement: str, *values: Any) -> Sequence[Any] | None:
        with self._pool.connection() as connection:
            return connection.execute(statement.encode(), values).fetchone()

    def _run(self, statement: str, *values: Any) -> None:
        with self._pool.connection() as connection:
            connection.execute(statement.encode(), values)


def _stored(row: Sequence[Any] | None) -> Stored | None:
    if row is None:
        return None
    named = dict(zip(Stored.__dataclass_fields__, row, strict=True))
    for name in ("asked", "told"):
        named[name] = None if named[name] is None else bytes(named[name])
    return Stored(**named)
