"""Group commit: whatever waits at the same moment is stored in one transaction."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from threading import Event, Thread

from adapters.postgres.log.lane import Lane
from adapters.postgres.log.storing import Storing
from adapters.postgres.log.submitting import One, Together
from adapters.postgres.log.units import Unit
from adapters.postgres.log.waiting import Pending, Waiting
from commands.ports import Answer, Outcome, Overloaded

Take = Callable[[], list[Pending] | None]

PATIENCE_SECONDS = 10.0
"""How long a unit is tried before its submitter is told that the outcome is not known."""
OVERDUE_SECONDS = 0.05
"""The spare lane helps when a unit has waited so long: the others are held up."""


class Writer:
    """Threads that store what is submitted; each has a connection of its own.

    One lane is enough: while its batch is flushed to disk, the next one gathers. A spare one steps
    in where the first is held up.
    """

    def __init__(
        self,
        url: str,
        *,
        lanes: int = 1,
        waiting_limit: int = 10_000,
        patience: float = PATIENCE_SECONDS,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._waiting = Waiting(waiting_limit)
        self._patience = patience
        self._on_commit = on_commit
        self._stopped = Event()
        take_overdue = partial(self._waiting.take_overdue, OVERDUE_SECONDS)
        takes: list[Take] = [*[self._waiting.take] * lanes, take_overdue]
        self._lanes = [Lane(url) for _ in takes]
        self._threads = [
            Thread(target=self._run, args=(lane, take), name=f"backstory-writer-{n}", daemon=True)
            for n, (lane, take) in enumerate(zip(self._lanes, takes, strict=True))
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
        submitter = One()
        self._put([Pending(unit, submitter)])
        return submitter.future

    def submit_all(self, units: Sequence[Unit]) -> "Future[Sequence[Answer]]":
        """Queue units; their future always ends, with an answer for each in their order."""
        submitter = Together(len(units))
        self._put([Pending(unit, submitter, place) for place, unit in enumerate(units)])
        return submitter.future

    def _put(self, pending: Sequence[Pending]) -> None:
        for refused in self._waiting.put(pending):
            refused.answer(Overloaded("too many units wait, or the log is closed"))

    def close(self) -> None:
        """Store what waits, then stop."""
        self._waiting.close()
        for thread in self._threads:
            thread.join()
        self._stopped.set()
        self._watch.join()

    def _run(self, lane: Lane, take: Take) -> None:
        while (batch := take()) is not None:
            answers = Storing(lane, batch, self._patience).answers()
            self._waiting.done(batch)
            for pending, answer in zip(batch, answers, strict=True):
                pending.answer(answer)
            self._on_commit()
        lane.close()

    def _cut_hung(self) -> None:
        while not self._stopped.wait(0.5):
            for lane in self._lanes:
                lane.cut_if_hung()
