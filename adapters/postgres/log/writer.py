"""Group commit: whatever waits at the same moment is stored in one transaction."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from threading import Event, Thread

from adapters.postgres.log.lane import Lane
from adapters.postgres.log.storing import Answer, Storing
from adapters.postgres.log.units import Unit
from adapters.postgres.log.waiting import Pending, Waiting
from commands.ports import Outcome, Overloaded

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

    def submit(self, units: Iterable[Unit]) -> "list[Future[Outcome]]":
        """Queue units; their futures always end, with an outcome or with what went wrong."""
        pending = [Pending(unit) for unit in units]
        for refused in self._waiting.put(pending):
            refused.future.set_exception(Overloaded("too many units wait, or the log is closed"))
        return [one.future for one in pending]

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
                _resolve(pending, answer)
            self._on_commit()
        lane.close()

    def _cut_hung(self) -> None:
        while not self._stopped.wait(0.5):
            for lane in self._lanes:
                lane.cut_if_hung()


def _resolve(pending: Pending, answer: Answer) -> None:
    if isinstance(answer, Exception):
        pending.future.set_exception(answer)
    else:
        pending.future.set_result(answer)
