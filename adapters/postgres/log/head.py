"""The published head: how far the log may be read, kept moving by one process at a time.

``backstory.publish_head()`` proves what may be published and anybody may call it; the leader lock
only spares the others the work. A log publishes right after its own commits, the leader also for
those of processes that are gone or have no keeper.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Condition, Thread
from time import monotonic
from typing import Any

import psycopg

_log = logging.getLogger(__name__)

ACTIVE_SECONDS = 0.02
"""How often the leader looks while events come in, and a follower while somebody waits."""
IDLE_SECONDS = 0.1
FOLLOWER_SECONDS = 1.0
BUSY_FOR_SECONDS = 2.0
"""The leader looks often for so long after the head last moved."""
GAP_SECONDS = 0.01
"""The least time between two looks, whoever asks for one."""

_PUBLISH = "SELECT position, at, drawn, held_by, incarnation FROM backstory.publish_head()"
_READ = (
    "SELECT h.position, h.at, backstory.drawn(), NULL::integer, m.incarnation"
    " FROM backstory.head h, backstory.meta m"
)
_LEAD = "SELECT pg_try_advisory_lock(16979, 3)"


@dataclass(frozen=True, slots=True)
class Head:
    """Everything up to ``position`` is there for good; published at ``at``."""

    position: int
    at: datetime


class LogReplaced(Exception):
    """The database no longer holds the log that was read before: a copy was restored, or another
    database put in its place. What was read from it must be rebuilt."""


class HeadKeeper:
    """A thread that publishes the head, or follows it while another process does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._changed = Condition()
        self._head: Head | None = None
        self._incarnation: object = None
        self._failure: LogReplaced | None = None
        self._is_closed = self._is_poked = self._is_leader = self._is_behind = False
        self._waiters = 0
        self._moved_at = self._looked_at = self._level_at = monotonic()
        self._held_by: int | None = None
        self._connection: psycopg.Connection | None = None
        self._thread = Thread(target=self._run, name="backstory-head", daemon=True)
        self._thread.start()

    @property
    def is_leader(self) -> bool:
        return self._is_leader

    @property
    def stalled_seconds(self) -> float:
        """For how long there have been positions that could not be published; 0 when there are
        none."""
        return max(0.0, monotonic() - self._level_at) if self._is_behind else 0.0

    @property
    def held_by(self) -> int | None:
        """The server process whose open transaction holds the head back, as the leader sees it."""
        return self._held_by

    def poke(self) -> None:
        """Something was committed: publish soon."""
        with self._changed:
            self._is_poked = True
            self._changed.notify_all()

    def wait(self, after: int, timeout: float) -> Head | None:
        """The first head seen past ``after``; None when there was none in ``timeout`` seconds.
        Raises LogReplaced."""
        with self._changed:
            self._waiters += 1
            self._changed.notify_all()
            try:
                self._changed.wait_for(lambda: self._failure or self._is_past(after), timeout)
            finally:
                self._waiters -= 1
            self.check()
            return self._head if self._is_past(after) else None

    def check(self) -> None:
        """Raises LogReplaced if the log was."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    def _is_past(self, after: int) -> bool:
        return self._head is not None and self._head.position > after

    def _run(self) -> None:
        while self._failure is None and self._rest():
            try:
                self._look()
            except LogReplaced as failure:
                _log.critical("%s", failure)
                with self._changed:
                    self._failure = failure
                    self._changed.notify_all()
            except Exception as error:  # whatever it is, the head must move on when it is over
                _log.warning("the head cannot be looked at: %s", error)
                self._disconnect()
        self._disconnect()

    def _rest(self) -> bool:
        """Wait until there is reason to look again; False when closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed, self._looked_at + GAP_SECONDS - monotonic()
            )
            while not (self._is_closed or self._is_poked):
                left = self._looked_at + self._interval() - monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            self._looked_at = monotonic()
            return not self._is_closed

    def _interval(self) -> float:
        if not self._is_leader:
            return ACTIVE_SECONDS if self._waiters else FOLLOWER_SECONDS
        if monotonic() - self._moved_at < BUSY_FOR_SECONDS or self._is_behind:
            return ACTIVE_SECONDS
        return IDLE_SECONDS

    def _look(self) -> None:
        connection = self._connected()
        with self._changed:
            publishes = self._is_poked or self._is_leader
            self._is_poked = False
        row = connection.execute(_PUBLISH if publishes else _READ, prepare=True).fetchone()
        assert row is not None
        self._take(row)

    def _take(self, row: tuple[Any, ...]) -> None:
        position, at, drawn, held_by, incarnation = row
        self._refuse_another_log(position, drawn, incarnation)
        now = monotonic()
        with self._changed:
            has_moved = self._head is None or position > self._head.position
            if has_moved:
                self._head, self._moved_at = Head(position, at), now
            if has_moved or position >= drawn:
                self._level_at = now
            self._is_behind = position < drawn
            self._held_by = held_by if self._is_behind else None
            if has_moved:
                self._changed.notify_all()

    def _refuse_another_log(self, position: int, drawn: int, incarnation: object) -> None:
        if self._incarnation not in (None, incarnation):
            raise LogReplaced(f"log {incarnation} is in the place of log {self._incarnation}")
        self._incarnation = incarnation
        if drawn < position:
            raise LogReplaced(f"the head is {position}, but only {drawn} positions were ever drawn")
        if self._head is not None and position < self._head.position:
            raise LogReplaced(f"the head went back from {self._head.position} to {position}")

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=3,
                tcp_user_timeout=5000,
                application_name="backstory head",
            )
            self._connection.execute("SET statement_timeout = '5s'")
        if not self._is_leader:
            row = self._connection.execute(_LEAD, prepare=True).fetchone()
            self._is_leader = row == (True,)
        return self._connection

    def _disconnect(self) -> None:
        self._is_leader = False
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
