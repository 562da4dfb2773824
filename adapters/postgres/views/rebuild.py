"""Rebuild: a view folded anew beside the one that is read, and put in its place at one moment."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql

from adapters.postgres.views import tracking
from adapters.postgres.views.bulk import BulkRefused, Slice, load, slices
from adapters.postgres.views.bulk_workers import OpenReader, load_all
from adapters.postgres.views.decoding import EventReader
from adapters.postgres.views.log_source import LogSource
from adapters.postgres.views.projector import Batch, Projector
from adapters.postgres.views.tables import (
    LIVE,
    NEXT,
    PREVIOUS,
    Place,
    View,
    complete,
    create,
    drop,
    exists,
    install,
)
from adapters.postgres.views.tracking import Track
from projections.base import Projection

_log = logging.getLogger(__name__)

BATCH = 5_000
SHORT = 500
"""So few events are folded while readers of the view wait."""
LOCK_SECONDS = 2
_ALONE = "SELECT pg_try_advisory_lock(16980, hashtext(%s))"
_RENAME = (
    "UPDATE backstory.tracking SET projection = %s, since = clock_timestamp() WHERE projection = %s"
)
_RENAME_PARKED = "UPDATE backstory.parked SET projection = %s WHERE projection = %s"
_FORGET = "DELETE FROM backstory.tracking WHERE projection = %s"
_FORGET_PARKED = "DELETE FROM backstory.parked WHERE projection = %s"


class RebuildRunning(Exception):
    """The same projection is being rebuilt already."""


class NothingToRollBackTo(Exception):
    """No earlier tables are kept that this release could read and bring up to date."""


class RebuildStopped(Exception):
    """The process is stopping; the next rebuild goes on or begins again."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to."""

    projection: str
    position: int
    seconds: float


class Rebuilder:
    """Rebuilds views, one at a time, while they are read and written as always."""

    def __init__(
        self,
        url: str,
        log: LogSource,
        reader: EventReader,
        *,
        open_reader: OpenReader | None = None,
        workers: int | None = None,
    ) -> None:
        """With ``open_reader``, large logs are folded in so many processes (all cores)."""
        self._url, self._log, self._reader = url, log, reader
        self._open_reader, self._workers = open_reader, workers or os.cpu_count() or 1
        self._projector = Projector(log, reader)
        self._stopping = Event()

    def stop(self) -> None:
        """End what runs; it raises RebuildStopped."""
        self._stopping.set()

    def rebuild(self, projection: Projection[Any]) -> Rebuilt:
        """Fold the projection's events anew and put the result in place.

        The tables that were read until then are kept, see ``rollback``. Killed at any moment, it
        has changed nothing that is read. Raises RebuildRunning.
        """
        began, view = monotonic(), View(projection, NEXT)
        with self._alone(projection) as connection:
            if not self._can_go_on(connection, view):
                self._load(connection, view)
            position = self._catch_up_and_swap(connection, view)
        return Rebuilt(view.name, position, monotonic() - began)

    def rollback(self, projection: Projection[Any]) -> Rebuilt:
        """Bring the kept tables up to date and put them back in place.

        Raises NothingToRollBackTo, RebuildRunning.
        """
        began, view = monotonic(), View(projection, NEXT)
        with self._alone(projection) as connection:
            kept = view.at(PREVIOUS)
            track = tracking.find(connection, [kept.key]).get(kept.key)
            if track is None or not exists(connection, kept):
                raise NothingToRollBackTo(f"no earlier tables of {view.name} are kept")
            tracking.refuse_other_log(connection, [track])
            if track.fingerprint != view.fingerprint:
                raise NothingToRollBackTo(
                    f"the kept tables of {view.name} were made by another release"
                    f" ({track.fingerprint}, this one makes {view.fingerprint}): run that release"
                )
            with connection.transaction():
                self._clear(connection, view)
                _move(connection, kept, NEXT)
            position = self._catch_up_and_swap(connection, view)
        return Rebuilt(view.name, position, monotonic() - began)

    @contextmanager
    def _alone(self, projection: Projection[Any]) -> Iterator[psycopg.Connection]:
        with psycopg.connect(
            self._url, autocommit=True, application_name="backstory rebuild"
        ) as connection:
            install(connection)
            if connection.execute(_ALONE, (projection.table,)).fetchone() != (True,):
                raise RebuildRunning(f"{projection.table} is being rebuilt already")
            connection.execute("SET enable_seqscan = off")
            connection.execute("SET synchronous_commit = off")
            yield connection

    def _can_go_on(self, connection: psycopg.Connection, view: View) -> bool:
        """Whether an earlier rebuild was cut off after its tables were loaded."""
        track = tracking.find(connection, [view.key]).get(view.key)
        if track is None or track.fingerprint != view.fingerprint or not exists(connection, view):
            return False
        try:
            tracking.refuse_other_log(connection, [track])
        except tracking.ProjectionsStopped:
            return False
        return True

    def _load(self, connection: psycopg.Connection, view: View) -> None:
        """Everything up to the head of now, in bulk if no row stands in the way."""
        head = self._log.head().position
        self._clear(connection, view)
        try:
            create(connection, view)
            self._load_slices(view, slices(connection, view, head), head)
            position = head
        except BulkRefused as error:
            _log.warning("%s is folded batch by batch: %s", view.name, error)
            self._clear(connection, view)
            create(connection, view)
            position = 0
        complete(connection, view)
        connection.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(view.tables)))
        tracking.begin(connection, view, position, tracking.draw_epoch(connection))

    def _load_slices(self, view: View, of: Sequence[Slice], head: int) -> None:
        workers = min(self._workers, len(of) - 1)
        if self._open_reader is not None and workers > 1:
            load_all(self._url, self._open_reader, view, of, head, self._check, workers)
            return
        for one in of:
            load(self._url, self._reader, view, one, head, self._check)

    def _check(self) -> None:
        if self._stopping.is_set():
            raise RebuildStopped("the rebuild was stopped")

    def _clear(self, connection: psycopg.Connection, view: View) -> None:
        drop(connection, view)
        connection.execute(_FORGET, (view.key,))
        connection.execute(_FORGET_PARKED, (view.key,))

    # From loaded to read

    def _catch_up_and_swap(self, connection: psycopg.Connection, view: View) -> int:
        while True:
            self._check()
            track = tracking.find(connection, [view.key])[view.key]
            head = self._log.head().position
            if head - track.position > SHORT:
                batch = self._next(view, track.position, head)
                self._projector.project(connection, [view], track.epoch, batch)
                continue
            try:
                return self._swap(connection, view)
            except psycopg.errors.LockNotAvailable:
                _log.info("%s waits for a long read of its tables to end", view.name)
                self._stopping.wait(0.1)

    def _next(self, view: View, start: int, head: int) -> Batch:
        stored = self._log.log(start, head, BATCH, kinds=sorted(view.projection.kinds))
        end = stored[-1].position if len(stored) == BATCH else head
        return self._projector.batch([view], start, end, stored)

    def _swap(self, connection: psycopg.Connection, view: View) -> int:
        """The last few events, and the new tables for the old, in one transaction.

        The lock on the live tracking row keeps the runner out; it finds the positions moved.
        """
        live = view.at(LIVE)
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'".encode())
            old = tracking.find(connection, [live.key], lock=True).get(live.key)
            track = tracking.find(connection, [view.key], lock=True)[view.key]
            track = self._last_events(connection, view, track)
            if old is not None:
                self._clear(connection, view.at(PREVIOUS))
                _move(connection, live, PREVIOUS)
            else:
                self._clear(connection, live)
            _move(connection, view, LIVE)
            epoch = 0 if old is None else old.epoch
            tracking.begin(connection, live, track.position, epoch)
        return track.position

    def _last_events(self, connection: psycopg.Connection, view: View, track: Track) -> Track:
        head = self._log.head().position
        while track.position < head:
            batch = self._next(view, track.position, head)
            self._projector.project(connection, [view], track.epoch, batch)
            track = tracking.find(connection, [view.key])[view.key]
        return track


def _move(connection: psycopg.Connection, view: View, to: Place) -> None:
    """Put a view's tables into another place, with what is said of them."""
    target = view.at(to)
    for table in view.tables:
        move = sql.SQL("ALTER TABLE IF EXISTS {} SET SCHEMA {}")
        connection.execute(move.format(table, sql.Identifier(to.schema)))
    connection.execute(_RENAME, (target.key, view.key))
    connection.execute(_RENAME_PARKED, (target.key, view.key))
