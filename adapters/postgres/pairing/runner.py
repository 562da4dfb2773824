"""The runner: one process compares what changed, as soon as the views have it."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

import psycopg

from adapters.postgres.pairing import tables
from adapters.postgres.pairing.comparing import Comparing
from adapters.postgres.pairing.rebuild import rebuild
from adapters.postgres.pairing.subjects import SUBJECTS
from adapters.postgres.views import tables as view_tables
from adapters.postgres.views import tracking
from adapters.postgres.views.leading import Leading
from adapters.postgres.views.rebuild import RebuildRunning, RebuildStopped
from adapters.postgres.views.tracking import Moved

_log = logging.getLogger(__name__)

BATCH = 1_000
"""At most so many events are taken in one transaction."""
GAP_SECONDS = 0.05
"""Between two looks at a log that grows all the time: many events cost one look."""
_LEAD = "SELECT pg_try_advisory_lock(16979, 14)"
_CHANGED = (
    "SELECT position, kind, stream_id FROM backstory.events"
    " WHERE position > %s AND position <= %s AND kind = ANY (%s) ORDER BY position LIMIT %s"
)
# Of a contact that has moved, its customers of before too.
_CUSTOMERS = (
    "SELECT DISTINCT customer_id FROM views.contacts_versions"
    " WHERE id = ANY (%s) AND customer_id IS NOT NULL"
)
_SURVIVORS = (
    "WITH RECURSIVE up AS (SELECT unnest(%s::uuid[]) AS id UNION SELECT c.merged_into"
    " FROM up JOIN views.customers c USING (id) WHERE c.merged_into IS NOT NULL) SELECT id FROM up"
)


class Lead:
    """One session's lead, and its epoch."""

    def __init__(self, connection: psycopg.Connection, epoch: int) -> None:
        self.connection, self.epoch = connection, epoch


class PairingRunner(Leading[Lead]):
    """Runs in a thread; any number of processes may, one of them leads."""

    NAME, DOING = "backstory-pairing", "looking for duplicates"

    def go_on(self, lead: Lead) -> None:
        with suppress(RebuildStopped):
            while not self._stopping.wait(GAP_SECONDS):
                if self.step(lead):
                    self._pause = 0.0

    # What the thread does, step by step

    def lead(self, connection: psycopg.Connection) -> Lead | None:
        """Take the lead, or None where another session has it."""
        view_tables.install(connection)
        tables.install(connection)
        if connection.execute(_LEAD).fetchone() != (True,):
            return None
        return Lead(connection, tracking.draw_epoch(connection))

    def step(self, lead: Lead) -> bool:
        """Compare what one batch of events changed, or everything; False: nothing is left.

        Raises Superseded, OtherLog, TrackingAheadOfLog, RebuildStopped, or an error that passes.
        """
        head, track = tables.standing(lead.connection)
        if head is None:
            return False
        if track is None:
            return self._rebuild(lead)
        if track.epoch != lead.epoch:
            tracking.refuse_other_log(lead.connection, [track])
            tracking.adopt(lead.connection, [tables.NAME], lead.epoch)
        if track.position >= head and not tables.has_released(lead.connection):
            return False
        try:
            _compare(lead, track.position, max(head, track.position))
        except Moved:
            _log.info("%s was rebuilt meanwhile", tables.NAME)
        return True

    def _rebuild(self, lead: Lead) -> bool:
        try:
            rebuild(lead.connection, lead.epoch, self._check)
        except RebuildRunning:
            return False
        return True

    def _check(self) -> None:
        if self._stopping.is_set():
            raise RebuildStopped("the rebuild was stopped")


def _compare(lead: Lead, start: int, head: int) -> None:
    """Compare what the next events, up to a position, have changed."""
    connection = lead.connection
    kinds = {view.projection.of.KIND: view.name for view in tables.views()}
    with connection.transaction():
        found = connection.execute(_CHANGED, (start, head, list(kinds), BATCH)).fetchall()
        end = found[-1][0] if len(found) == BATCH else head
        tables.advance(connection, lead.epoch, start, end)
        released = tables.released(connection)
        changed = {
            kind: {s for _, k, s in found if k == kind} | released.get(view, set())
            for kind, view in kinds.items()
        }
        for subject in SUBJECTS:
            ids = _concerned(connection, subject.kind, changed)
            if ids:
                Comparing(connection, subject).renew(ids)


def _concerned(
    connection: psycopg.Connection, kind: str, changed: Mapping[str, set[UUID]]
) -> set[UUID]:
    """Which records of a kind the changed streams may have made others."""
    contacts = changed["Contact"]
    if kind == "contact":
        return contacts
    theirs = connection.execute(_CUSTOMERS, (list(contacts),)) if contacts else ()
    customers = changed["Customer"] | {row[0] for row in theirs}
    return {row[0] for row in connection.execute(_SURVIVORS, (list(customers),))}
