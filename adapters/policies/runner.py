"""The runner of policies: one leader among all processes reads the log and makes their requests."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic

import psycopg

from adapters.policies import parking, requests, tracking
from adapters.policies.deciding import decide
from adapters.policies.firing import Firing
from adapters.postgres.log.store import PostgresLog
from adapters.postgres.views.decoding import EventReader, decode
from adapters.postgres.views.leading import HEARTBEAT_SECONDS, Leading
from commands.application import Application
from commands.policies import POLICIES, Policy
from commands.ports import StoredEvent

_log = logging.getLogger(__name__)

BATCH = 1_000
"""Events that are read at once."""
FIRED = 200
"""Requests that are made before the log is looked at again: it may cancel some."""
GAP_SECONDS = 0.05
"""Between two looks at a log that grows all the time: many events cost one look."""
KEEP_SECONDS = 1.0
"""For how long a position past events that no policy knows is kept in memory only."""
_NAMED = {"application_name": "backstory policies"}


class Lead:
    """One session's lead: an epoch, and how far each policy has read."""

    def __init__(self, connection: psycopg.Connection, epoch: int, read: dict[str, int]) -> None:
        self.connection, self.epoch = connection, epoch
        self.read, self.written = read, dict(read)
        self.written_at = monotonic()

    def next_group(self, head: int) -> tuple[list[str], int, int]:
        """The policies furthest behind, where they are, and how far they may go at once."""
        start = min(self.read.values())
        group = [name for name, at in self.read.items() if at == start]
        return group, start, min([head, *(at for at in self.read.values() if at != start)])

    def is_at(self, position: int) -> bool:
        return all(at >= position for at in self.read.values())


class PolicyRunner(Leading[Lead]):
    """Runs the policies in a thread; any number of processes may, one of them leads."""

    NAME, DOING = "backstory-policies", "running policies"

    def __init__(
        self,
        url: str,
        log: PostgresLog,
        reader: EventReader,
        application: Application,
        *,
        policies: Mapping[str, Policy] = POLICIES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        batch: int = BATCH,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """``now``: the clock by which requests are due."""
        super().__init__(url, {**_NAMED, **(settings or {})})
        self._log, self._reader, self._now = log, reader, now
        self._policies, self._batch = policies, batch
        self._firing = Firing(application, log, reader, policies, now)

    # The thread

    def stop(self) -> None:
        """Finish the requests at hand and give the lead up."""
        super().stop()
        self._firing.close()

    def go_on(self, lead: Lead) -> None:
        while not self._stopping.wait(GAP_SECONDS):
            if not self.step(lead, HEARTBEAT_SECONDS):
                lead.connection.execute("SELECT")

    # What the thread does, step by step

    def lead(self, connection: psycopg.Connection) -> Lead | None:
        """Take the lead, or None where another session has it. Raises OtherLog."""
        tracking.begin(connection, self._policies)
        epoch = tracking.try_to_lead(connection)
        if epoch is None:
            return None
        return Lead(connection, epoch, tracking.adopt(connection, self._policies, epoch))

    def step(self, lead: Lead, timeout: float = 0.0) -> bool:
        """Read on, and once the log is read make the requests that are due; False: there were none.

        Raises Superseded, LogReplaced, or an error that is passing.
        """
        if not lead.read:
            self._stopping.wait(timeout)
            return False
        behind = min(lead.read.values())
        head = self._log.wait_for_head(behind, timeout) if timeout else self._log.head()
        has_read = head is not None and self._read_on(lead, head.position)
        if head is not None and not lead.is_at(head.position):
            return True
        has_fired = self._fire(lead)
        self._keep(lead, is_idle=not has_read)
        self._pause = 0.0
        return has_read or has_fired

    def _read_on(self, lead: Lead, head: int) -> bool:
        names, start, ceiling = lead.next_group(head)
        if ceiling <= start:
            return False
        policies = [self._policies[name] for name in names]
        topics = sorted(frozenset[str]().union(*(p.topics for p in policies)))
        stored = self._log.log(start, ceiling, self._batch, topics=topics)
        end = stored[-1].position if len(stored) == self._batch else ceiling
        if stored:
            self._answer(lead, policies, stored, end)
        lead.read.update(dict.fromkeys(names, end))
        return True

    def _answer(
        self, lead: Lead, policies: Sequence[Policy], stored: Sequence[StoredEvent], end: int
    ) -> None:
        names = [policy.name for policy in policies]
        items = decode(self._reader, stored)
        with lead.connection.transaction():
            self._move(lead, names, end)
            streams = {event.stream_id for event in stored}
            aside = parking.parked(lead.connection, names, streams)
            decision = decide(policies, stored, items, aside)
            requests.plan(lead.connection, decision.changes)
            parking.park(lead.connection, decision.failures.values())
        for failure in decision.failures.values():
            _log.error("policy %s has parked %s: %s", failure.policy, failure.stream_id, failure)

    def _move(self, lead: Lead, names: Sequence[str], end: int) -> None:
        """Write how far policies are, from wherever each was written to be."""
        for at in {lead.written[name] for name in names}:
            of = [name for name in names if lead.written[name] == at]
            tracking.advance(lead.connection, of, lead.epoch, at, end)
            lead.written.update(dict.fromkeys(of, end))
        lead.written_at = monotonic()

    def _keep(self, lead: Lead, *, is_idle: bool) -> None:
        """Write positions that are in memory only."""
        ahead = [name for name, at in lead.read.items() if at > lead.written[name]]
        if ahead and (is_idle or monotonic() - lead.written_at > KEEP_SECONDS):
            with lead.connection.transaction():
                for at in {lead.read[name] for name in ahead}:
                    self._move(lead, [name for name in ahead if lead.read[name] == at], at)

    def _fire(self, lead: Lead) -> bool:
        """Make the requests that are due by now; what comes of them is written together."""
        planned = requests.due(lead.connection, self._policies, self._now(), FIRED)
        if not planned:
            return False
        outcomes = self._firing.fire(planned)
        with lead.connection.transaction():
            tracking.hold(lead.connection, {p.policy for p in planned}, lead.epoch)
            requests.settle(lead.connection, outcomes)
        return True
