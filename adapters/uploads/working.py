"""Working: uploads are imported in the background, by whichever process comes to it first."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from adapters.uploads.folders import sweep
from adapters.uploads.rehearsing import rehearse
from adapters.uploads.running import AWAY, Run, Stopping
from adapters.uploads.sealing import Sealing
from adapters.uploads.store import Store, Stored, lock_of

if TYPE_CHECKING:
    from adapters.bootstrap import Backstory

_log = logging.getLogger(__name__)
_ALONE = "SELECT pg_try_advisory_lock(%s, %s)"
AT_ONCE = 2
"""Uploads that one process imports at the same time; of rehearsals, one."""
POLL_SECONDS = 1.0
RETRY_SECONDS = 5.0
"""After the database was away."""
SWEEP_SECONDS = 3_600.0
KEPT = timedelta(days=7)
"""How long what came of an upload can be read, with its refused rows."""


class Worker:
    """Imports what was uploaded while the block runs. A context manager."""

    def __init__(self, backstory: "Backstory") -> None:
        self._backstory, self._wake = backstory, backstory.uploaded
        self._store, self._sealing = Store(backstory.pool), Sealing(backstory.contents)
        self._running: dict[UUID, bool] = {}
        """Those that this process has taken up, and which of them are rehearsals."""
        self._guard, self._stopping = Lock(), Event()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="backstory-import")
        self._thread = Thread(target=self._run, name="backstory-imports", daemon=True)

    def _run(self) -> None:
        swept_at = float("-inf")
        while not self._stopping.is_set():
            pause = POLL_SECONDS
            try:
                self._take_up()
                if monotonic() - swept_at > SWEEP_SECONDS:
                    sweep()
                    self._forget()
                    swept_at = monotonic()
            except (psycopg.Error, PoolTimeout) as error:
                _log.warning("uploads wait: %s", error)
                pause = RETRY_SECONDS
            self._wake.wait(pause)
            self._wake.clear()

    def _take_up(self) -> None:
        for id, is_rehearsal in self._store.open():
            with self._guard:
                is_full = len(self._running) >= AT_ONCE
                if (
                    is_full
                    or id in self._running
                    or (is_rehearsal and True in self._running.values())
                ):
                    continue
                self._running[id] = is_rehearsal
            self._threads.submit(self._worked, id)

    def _forget(self) -> None:
        for content_id in self._store.remove_old(KEPT):
            self._backstory.contents.chunks.remove(content_id)

    def _worked(self, id: UUID) -> None:
        pause = 0.0
        try:
            with psycopg.connect(self._backstory.url, autocommit=True) as connection:
                if connection.execute(_ALONE, lock_of(id)).fetchone() == (True,):
                    row = self._store.start(id)
                    if row is not None:
                        self._import(row)
                else:
                    pause = POLL_SECONDS
        except AWAY as error:
            _log.warning("import %s waits: %s", id, error)
            pause = RETRY_SECONDS
        except Stopping:
            pass
        except Exception:  # Nobody waits for what a thread of the pool raises.
            _log.exception("import %s was cut off", id)
            pause = RETRY_SECONDS
        self._stopping.wait(pause)
        with self._guard:
            del self._running[id]
        self._wake.set()

    def _import(self, row: Stored) -> None:
        if row.is_rehearsal:
            rehearse(self._backstory, row, self._stopping.is_set)
        else:
            Run(self._backstory, self._store, self._sealing, row, self._stopping).run()

    def __enter__(self) -> "Worker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._wake.set()
        self._thread.join()
        self._threads.shutdown()
