"""Group commit: whatever waits at the same moment is stored in one transaction."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Event, Thread
from time import monotonic, sleep

import psycopg

from adapters.postgres.lane import Lane, Lost, RolledBack
from adapters.postgres.units import Unit
from adapters.postgres.waiting import Pending, Waiting, units_of
from commands.ports import Outcome, OutcomeUnknown, Overloaded

_log = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
"""How long a unit is tried before its submitter is told that the outcome is not known."""


class Writer:
    """Threads that store what is submitted; each has a connection of its own.

    A batch whose reply is lost is submitted again, the same command ids with it: the guard on
    command ids makes that exact whether the first was committed, is still running, or never
    arrived.
    """

    def __init__(
        self,
        url: str,
        *,
        lanes: int = 2,
        waiting_limit: int = 10_000,
        patience: float = PATIENCE_SECONDS,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._waiting = Waiting(waiting_limit)
        self._patience = patience
        self._on_commit = on_commit
        self._stopped = Event()
        self._lanes = [Lane(url) for _ in range(lanes)]
        self._threads = [
            Thread(target=self._run, args=(lane,), name=f"backstory-writer-{number}", daemon=True)
            for number, lane in enumerate(self._lanes)
        ]
        self._watch = Thread(target=self._cut_hung, name="backstory-writer-watch", daemon=True)
        for thread in (*self._threads, self._watch):
            thread.start()

    @property
    def waiting(self) -> int:
        """How many units are not yet on their way."""
        return len(self._waiting)

    def submit(self, unit: Unit) -> "Future[Outcome]":
        """Queue a unit; its future always ends, with an outcome or with what went wrong."""
        pending = Pending(unit)
        if not self._waiting.put(pending):
            pending.future.set_exception(Overloaded("too many units wait, or the log is closed"))
        return pending.future

    def close(self) -> None:
        """Store what waits, then stop."""
        self._waiting.close()
        for thread in self._threads:
            thread.join()
        self._stopped.set()
        self._watch.join()

    def _run(self, lane: Lane) -> None:
        while (batch := self._waiting.take()) is not None:
            answers = self._store(lane, batch)
            self._waiting.done(batch)
            for pending, answer in zip(batch, answers, strict=True):
                _resolve(pending, answer)
            self._on_commit()
        lane.close()

    def _store(self, lane: Lane, batch: Sequence[Pending]) -> Sequence[Outcome | Exception]:
        give_up_at = batch[0].since + self._patience
        may_be_stored = False
        pause = 0.005
        while True:
            try:
                return lane.store(units_of(batch))
            except Lost as error:
                may_be_stored = True
                reason: Exception = error
            except RolledBack as error:
                reason = error
            except psycopg.Error as error:
                return self._one_by_one(lane, batch, error)
            except Exception as error:  # a defect of ours must not leave anybody waiting
                _log.exception("a batch could not be stored")
                return [error] * len(batch)
            if monotonic() + pause > give_up_at:
                return [_given_up(reason, may_be_stored) for _ in batch]
            _log.warning("appending again: %s", reason)
            sleep(pause)
            pause = min(pause * 2, 0.5)

    def _one_by_one(
        self, lane: Lane, batch: Sequence[Pending], error: psycopg.Error
    ) -> Sequence[Outcome | Exception]:
        """One unit can never be stored: find out which, so that the others are."""
        if len(batch) == 1:
            return [error]
        return [answer for pending in batch for answer in self._store(lane, [pending])]

    def _cut_hung(self) -> None:
        while not self._stopped.wait(0.5):
            for lane in self._lanes:
                lane.cut_if_hung()


def _given_up(reason: Exception, may_be_stored: bool) -> Exception:
    if may_be_stored:
        return OutcomeUnknown(f"the database does not answer: {reason}")
    return Overloaded(f"nothing was stored: {reason}")


def _resolve(pending: Pending, answer: Outcome | Exception) -> None:
    if isinstance(answer, Exception):
        pending.future.set_exception(answer)
    else:
        pending.future.set_result(answer)
