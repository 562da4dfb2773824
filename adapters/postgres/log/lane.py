"""One connection that stores one batch at a time, whatever happens to the connection meanwhile."""

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

import psycopg

from adapters.postgres.log.encoding import accept_packed
from adapters.postgres.log.outcomes import Reply, outcomes
from adapters.postgres.log.units import ROW_TYPES, Unit, parameters
from commands.ports import Outcome

STATEMENT_SECONDS = 5
CALL_SECONDS = STATEMENT_SECONDS + 2
"""A server that has not answered by then, not even with a timeout of its own, is taken for gone."""

_APPEND = (
    "SELECT first_position, refused, receipts FROM backstory.append(%s, %s, %s, %s, %s, %s, %s, %s)"
)
_ROW_TYPES = b"SELECT " + b", ".join(
    [f"'backstory.{name}'::regtype::oid::bigint".encode() for name in ROW_TYPES]
)
_SETTINGS = (
    ("statement_timeout", f"{STATEMENT_SECONDS}s"),
    # Other appends hold what they hold for milliseconds.
    ("lock_timeout", "1s"),
    ("idle_in_transaction_session_timeout", "2s"),
    # Arrays of every length: a plan made for one length is never worth making.
    ("plan_cache_mode", "force_generic_plan"),
    # Such a plan is made while tables are small, and must still be right when they are not.
    ("enable_seqscan", "off"),
    ("jit", "off"),
)


class Appender:
    """The append function on a connection, in whatever transaction that is in."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        accept_packed(connection)
        for name, value in _SETTINGS:
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        row_types = connection.execute(_ROW_TYPES).fetchone()
        assert row_types is not None
        self._row_types: tuple[int, ...] = row_types

    def append(self, units: Sequence[Unit]) -> list[Outcome]:
        """Raises psycopg.Error."""
        given = parameters(units, self._row_types)
        cursor = self.connection.execute(_APPEND, given, prepare=True, binary=True)
        reply: Reply | None = cursor.fetchone()
        assert reply is not None
        return outcomes(units, reply)


class Lost(Exception):
    """The connection broke during the call: stored or not, nobody has told us."""


class RolledBack(Exception):
    """Nothing was stored, for a reason that may pass."""


class Blocked(RolledBack):
    """One of the units had to wait too long for somebody who has what it wants."""


class Lane:
    """A connection for appends, opened when needed and replaced when broken."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._appender: Appender | None = None
        self._calling_since: float | None = None

    def store(self, units: Sequence[Unit]) -> list[Outcome]:
        """Store the units in one transaction. Raises Lost, RolledBack, or psycopg.Error where one
        of the units can never be stored."""
        appender = self._connected()
        self._calling_since = monotonic()
        try:
            return appender.append(units)
        except psycopg.Error as error:
            raise _meaning(error, appender.connection) from error
        finally:
            self._calling_since = None

    def cut_if_hung(self) -> None:
        """Called from another thread: end a call that takes longer than the server would let it."""
        since, appender = self._calling_since, self._appender
        if since is None or appender is None or monotonic() - since < CALL_SECONDS:
            return
        with suppress(OSError, psycopg.Error):
            descriptor = os.dup(appender.connection.fileno())
            with socket.socket(fileno=descriptor) as shared:
                shared.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._appender is not None:
            self._appender.connection.close()
            self._appender = None

    def _connected(self) -> Appender:
        if self._appender is None or self._appender.connection.closed:
            try:
                self._appender = Appender(connect(self._url))
            except psycopg.Error as error:
                raise RolledBack(f"no connection: {error}") from error
        return self._appender


def connect(url: str) -> psycopg.Connection:
    """An autocommit connection for appends, which notices within seconds that nobody is there."""
    return psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=3,
        tcp_user_timeout=5000,
        application_name="backstory writer",
    )


_WAITED = ("55P03", "57014", "40P01")
"""Lock timeout, statement timeout, deadlock."""
_CHANGED = ("42804", "42704", "42883", "XX000")
"""Wrong type, no such type, no such function, type lost: the schema was upgraded under us."""
_MAY_PASS = ("40", "53", "55", "57")
"""SQLSTATE classes: rolled back for concurrency, resources, state, operator (timeouts too)."""


def _meaning(error: psycopg.Error, connection: psycopg.Connection) -> Exception:
    if connection.closed or connection.broken or error.sqlstate is None:
        with suppress(psycopg.Error):
            connection.close()
        return Lost(str(error))
    if error.sqlstate in _CHANGED:
        connection.close()
        return RolledBack(str(error))
    if error.sqlstate in _WAITED:
        return Blocked(str(error))
    if error.sqlstate[:2] in _MAY_PASS:
        return RolledBack(str(error))
    return error
