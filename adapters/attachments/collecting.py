"""Collecting: contents that came in and were never attached are removed after a day.

That a content is attached is a mark of the record in the log, stored with the event itself: what an
event names is never taken for loose, whatever was killed when.
"""

import logging
from datetime import timedelta
from threading import Event, Thread
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from adapters.attachments.contents import Contents
from adapters.keys import Keyring
from commands.ports import Lookups

AGE = timedelta(days=1)
"""Of what is loose before it is removed: far longer than any request lasts."""
EVERY_SECONDS = 3_600.0
BATCH = 500
SCOPE = "content"
"""Of the marks of records that have files."""

_log = logging.getLogger(__name__)


def collect(contents: Contents, lookups: Lookups, age: timedelta = AGE) -> int:
    """Remove what is loose; how many contents."""
    removed = 0
    while loose := contents.chunks.loose(age, BATCH):
        keys = {_key(contents.keyring, id): id for id in loose}
        attached = [keys[key] for key in lookups.marked(list(keys))]
        contents.chunks.settle(attached)
        removed += contents.chunks.remove_loose(sorted({*loose} - {*attached}), age)
    return removed


def _key(keyring: Keyring, content_id: UUID) -> bytes:
    return keyring.lookup(SCOPE, str(content_id))


class Collector:
    """Collects every hour while the block runs. A context manager."""

    def __init__(self, contents: Contents, lookups: Lookups) -> None:
        self._contents, self._lookups = contents, lookups
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="attachments", daemon=True)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            try:
                collect(self._contents, self._lookups)
            except (psycopg.Error, PoolTimeout) as error:
                _log.warning("loose contents could not be collected: %s", error)

    def __enter__(self) -> "Collector":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
