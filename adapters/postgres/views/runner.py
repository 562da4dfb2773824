"""The runner: one leader among all processes brings every view up to the head of the log."""

import logging
from collections.abc import Mapping, Sequence
from threading import Event, Thread
from typing import Any

import psycopg

from adapters.postgres.views import tracking
from adapters.postgres.views.bulk_workers import OpenReader
from adapters.postgres.views.decoding import EventReader, is_passing
from adapters.postgres.views.leading import FOLLOWER_SECONDS, HEARTBEAT_SECONDS, Leading
from adapters.postgres.views.log_source import LogSource
from adapters.postgres.views.positions import Positions
from adapters.postgres.views.projector import Projector
from adapters.postgres.views.rebuild import Rebuilder, RebuildRunning
from adapters.postgres.views.tables import View, exists, install
from adapters.postgres.views.tracking import Moved, Superseded
from projections.base import Projection

_log = logging.getLogger(__name__)

BATCH = 5_000
GAP_SECONDS = 0.01
"""Between two batches: under load many events cost one round, and commands are not kept waiting."""


class Lead:
    """One session's lead: an epoch, and where the views stand that are as defined."""

    def __init__(self, connection: psycopg.Connection, epoch: int, views: Sequence[View]) -> None:
        self.connection, self.epoch, self.views = connection, epoch, views
        self.positions: dict[View, int] = {}
        self.reload()

    def reload(self) -> None:
        """Read again where everything stands. Raises TrackingAheadOfLog, OtherLog, Superseded."""
        tracking.adopt(self.connection, [v.key for v in self.views], self.epoch)
        tracks = tracking.find(self.connection, [v.key for v in self.views])
        mine = {v: tracks[v.key] for v in self.views if v.key in tracks}
        current = {v: t for v, t in mine.items() if t.fingerprint == v.fingerprint}
        tracking.refuse_other_log(self.connection, list(current.values()))
        if any(t.epoch != self.epoch for t in current.values()):
            raise Superseded(f"epoch {self.epoch} is over")
        self.positions = {v: t.position for v, t in current.items() if exists(self.connection, v)}

    @property
    def outdated(self) -> list[View]:
        """Views without tables, or with tables made by other folds or fields."""
        return [v for v in self.views if v not in self.positions]

    def last_group(self, head: int) -> tuple[list[View], int, int]:
        """The views that are furthest behind, where they are, and how far they may go at once."""
        start = min(self.positions.values())
        group = [v for v, at in self.positions.items() if at == start]
        others = [at for at in self.positions.values() if at != start]
        return group, start, min([head, *others])


class ProjectionRunner(Leading[Lead]):
    """Runs the projections in a thread; any number of processes may, one of them leads."""

    NAME, DOING = "backstory-projections", "projecting"

    def __init__(
        self,
        url: str,
        log: LogSource,
        reader: EventReader,
        positions: Positions,
        *,
        projections: Sequence[Projection[Any]] | None = None,
        batch: int = BATCH,
        settings: Mapping[str, str] | None = None,
        open_reader: OpenReader | None = None,
    ) -> None:
        super().__init__(url, settings)
        self._log, self._positions, self._batch = log, positions, batch
        found = Projection.registry.values() if projections is None else projections
        self._views = [View(p) for p in found]
        self._projector = Projector(log, reader)
        self._rebuilder = Rebuilder(url, log, reader, open_reader=open_reader)
        self._ready, self._settled = Event(), Event()
        self._rebuilding: Thread | None = None
        self._seen: set[View] = set()

    # The thread

    def stop(self) -> None:
        """Finish the batch at hand and give the lead up."""
        self._stopping.set()
        self._rebuilder.stop()
        super().stop()
        if self._rebuilding is not None:
            self._rebuilding.join()

    def go_on(self, lead: Lead) -> None:
        while not self._stopping.is_set() and self.failure is None:
            self._mind_outdated(lead)
            if not self.step(lead, HEARTBEAT_SECONDS):
                lead.connection.execute("SELECT")
            self._stopping.wait(GAP_SECONDS)

    def given_up(self) -> None:
        self._ready.clear()
        if self.failure is not None:
            self._settled.set()
        self._positions.stop_telling()

    def wait_ready(self, timeout: float) -> bool:
        """Whether this process leads and every view is as its definition says, within seconds."""
        return self._ready.wait(timeout)

    def wait_settled(self, timeout: float) -> bool:
        """Whether, within seconds, nothing is to be waited for any more: this process leads and is
        ready, another one leads, or projecting has stopped by itself."""
        return self._settled.wait(timeout)

    # What the thread does, step by step

    def lead(self, connection: psycopg.Connection) -> Lead | None:
        """Take the lead, or None where another session has it."""
        install(connection)
        epoch = tracking.try_to_lead(connection)
        if epoch is None:
            self._settled.set()
            return None
        return Lead(connection, epoch, self._views)

    def step(self, lead: Lead, timeout: float = 0.0) -> bool:
        """Bring the views that are furthest behind one batch further; False: all are up to date.

        Raises Superseded, ProjectionsStopped, LogReplaced, or an error that is passing.
        """
        if not lead.positions:
            self._stopping.wait(min(timeout, 0.05))
            return False
        self._tell(lead)
        behind = min(lead.positions.values())
        head = self._log.wait_for_head(behind, timeout) if timeout else self._log.head()
        group, start, ceiling = lead.last_group(behind if head is None else head.position)
        if ceiling <= start:
            return False
        kinds = sorted(frozenset().union(*(v.projection.kinds for v in group)))
        stored = self._log.log(start, ceiling, self._batch, kinds=kinds)
        end = stored[-1].position if len(stored) == self._batch else ceiling
        batch = self._projector.batch(group, start, end, stored)
        try:
            self._projector.project(lead.connection, group, lead.epoch, batch)
        except Moved:
            lead.reload()
            return True
        self._pause = 0.0
        lead.positions.update(dict.fromkeys(group, end))
        self._tell(lead)
        return True

    def _tell(self, lead: Lead) -> None:
        self._positions.tell({v.key: at for v, at in lead.positions.items()})

    def _mind_outdated(self, lead: Lead) -> None:
        """Have views that were never as we define them rebuilt, while the others go on."""
        self._seen |= lead.positions.keys()
        if not lead.outdated:
            self._ready.set()
            self._settled.set()
        elif self._rebuilding is None or not self._rebuilding.is_alive():
            lead.reload()
            # What another release has redefined since is that release's to keep.
            outdated = [v for v in lead.outdated if v not in self._seen]
            if outdated:
                self._rebuilding = Thread(
                    target=self._rebuild, args=(outdated,), name="backstory-rebuild", daemon=True
                )
                self._rebuilding.start()

    def _rebuild(self, views: Sequence[View]) -> None:
        for view in views:
            try:
                self._rebuilder.rebuild(view.projection)
            except RebuildRunning as error:
                _log.info("looking again soon: %s", error)
                self._stopping.wait(FOLLOWER_SECONDS)
            except Exception as error:
                if self._stopping.is_set():
                    return
                if not is_passing(error):
                    self.failure = error
                _log.exception("%s cannot be rebuilt", view.name)
                return
