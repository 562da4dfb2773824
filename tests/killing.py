"""Killing a process that writes, at a place in the log which nobody has to hit in time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen
from typing import Any

import psycopg
from psycopg import sql

SECONDS = 60.0
_LOCK = 16_999
_WALL = """
    CREATE OR REPLACE FUNCTION public.wall() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.position > {position} THEN PERFORM pg_advisory_xact_lock_shared({lock}); END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER wall BEFORE INSERT ON backstory.events
        FOR EACH ROW EXECUTE FUNCTION public.wall();
"""
_STUCK = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
_LEFT = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (%s)"


@contextmanager
def wall(url: str, position: int) -> Iterator["Wall"]:
    """While the block runs, nothing is stored past the position: whoever comes there waits."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        numbers = {"position": sql.Literal(position), "lock": sql.Literal(_LOCK)}
        connection.execute(sql.SQL(_WALL).format(**numbers))
        try:
            yield Wall(connection)
        finally:
            connection.execute("SELECT pg_advisory_unlock_all()")
            connection.execute("DROP TRIGGER wall ON backstory.events")


class Wall:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def kill(self, process: Popen[Any], *, lost: bool) -> None:
        """``kill -9`` a process when it has come to the wall; ``lost``: what it was storing then
        is not stored, else it is, though nobody hears of it."""
        stuck = self._stuck_of(process)
        process.kill()
        process.communicate(timeout=SECONDS)
        if lost:
            self._connection.execute("SELECT pg_terminate_backend(unnest(%s::int[]))", (stuck,))
        else:
            self._connection.execute("SELECT pg_advisory_unlock_all()")
        deadline = time.monotonic() + SECONDS
        while self._connection.execute(_LEFT, (stuck,)).fetchone() != (0,):
            assert time.monotonic() < deadline, "the server goes on with what was killed"
            time.sleep(0.02)

    def end(self, process: Popen[str], number: int) -> tuple[str, str]:
        """Send a process a signal when it has come to the wall, and open that; what it said."""
        self._stuck_of(process)
        process.send_signal(number)
        time.sleep(0.2)  # So that it hears of it first; it ends as well where it does not.
        self._connection.execute("SELECT pg_advisory_unlock_all()")
        return process.communicate(timeout=SECONDS)

    def _stuck_of(self, process: Popen[Any]) -> list[int]:
        deadline = time.monotonic() + SECONDS
        while not (found := self._connection.execute(_STUCK, (_LOCK,)).fetchall()):
            assert process.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline, "it never came so far"
            time.sleep(0.02)
        return [pid for (pid,) in found]
