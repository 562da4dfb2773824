"""A crew: several processes that enter the rows of one file, for one Python is one core.

Rows that may be in each other's way go to one worker, in the order of the file; of others nobody
can tell in which order they were entered. So verdicts and records are the same as if one had done
it all.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from adapters.importing.claims import Claim, claims
from adapters.importing.report import Report
from adapters.importing.running import CHUNK, Import
from adapters.importing.sources import Line
from adapters.importing.worker import Taken, Task, begin, take
from aggregates.errors import Invalid
from commands.ports import OutcomeUnknown

LARGE_BYTES = 2_000_000
"""A file from which on further processes begin sooner than one is done."""
AHEAD, MOST_AHEAD = 2, 8
"""Batches that each worker has before no more rows are read; and that one may have, whose rows no
other may enter."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows that a worker was given."""

    claimed: set[Claim]
    taken: "Future[Taken]"


class _Worker:
    """One process, and what it has to do."""

    def __init__(self, task: Task) -> None:
        self.pool = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=begin, initargs=(task,)
        )
        self.lines: list[Line] = []
        self.claimed: set[Claim] = set()
        self.given: deque[_Batch] = deque()
        self.load = 0
        """Rows that it has not said what became of."""


class Crew:
    """Enters the rows of a file by several processes. For one thread."""

    def __init__(self, own: Import, task: Task, workers: int) -> None:
        """``own`` enters what can only be when everything else is there, and has the report."""
        self._own, self._kind = own, own.plan.kind
        self._workers = [_Worker(task) for _ in range(workers)]
        self._claimed: dict[Claim, _Worker] = {}
        self._later: list[Line] = []
        self._later_lanes: set[str] = set()

    def run(self, file: Iterable[Line], progress: Callable[[Report], None]) -> Report:
        """Import every row. Raises OutcomeUnknown or Overloaded where the store fails for long;
        what was done until then is done, and running it again does the rest."""
        try:
            self._enter(iter(file), progress)
        except BrokenProcessPool as error:
            raise OutcomeUnknown("a process that entered rows has ended") from error
        return self._own.run(sorted(self._later, key=lambda line: line.number), progress)

    def settle(self) -> None:
        """Wait for what is on its way, and tell nobody."""
        for worker in self._workers:
            worker.pool.shutdown(cancel_futures=True)
        self._own.settle()

    def _enter(self, rows: Iterator[Line], progress: Callable[[Report], None]) -> None:
        """Have the workers enter these rows, all that can be by now."""
        while chunk := list(islice(rows, CHUNK)):
            for line in chunk:
                self._put(line)
            progress(self._own.report)
        for worker in self._workers:
            self._give(worker)
        for worker in self._workers:
            self._finish(worker)
            progress(self._own.report)

    def _put(self, line: Line) -> None:
        lane, claimed = self._claims(line)
        if lane is not None and lane in self._later_lanes:
            self._later.append(line)
            return
        worker = self._whose(claimed)
        worker.lines.append(line)
        worker.claimed |= claimed
        worker.load += 1
        self._claimed |= dict.fromkeys(claimed, worker)
        if len(worker.lines) == CHUNK:
            self._give(worker)

    def _claims(self, line: Line) -> tuple[str | None, set[Claim]]:
        """The row's lane and claims; what cannot be read can be in nobody's way."""
        plan = self._own.plan
        if line.problem is not None or not plan.is_for(line):
            return None, set()
        try:
            draft = plan.draft(line)
        except Invalid:
            return None, set()
        return draft.lane, set(claims(self._kind, draft))

    def _whose(self, claimed: set[Claim]) -> _Worker:
        """The worker that has rows with one of these claims, or who has least to do."""
        while True:
            holding = {id(w): w for c in claimed if (w := self._claimed.get(c)) is not None}
            if not holding:
                return min(self._workers, key=lambda worker: worker.load)
            one, *others = holding.values()
            if not others:
                return one
            self._finish(one)

    def _give(self, worker: _Worker) -> None:
        """Send the worker the rows that were gathered for it, if any were."""
        if not worker.lines:
            return
        taken = worker.pool.submit(take, worker.lines)
        worker.given.append(_Batch(worker.claimed, taken))
        worker.lines, worker.claimed = [], set()
        self._collect()
        while self._are_busy() or len(worker.given) > MOST_AHEAD:
            oldest = [other.given[0].taken for other in self._workers if other.given]
            wait(oldest, return_when=FIRST_COMPLETED)
            self._collect()

    def _are_busy(self) -> bool:
        """Whether nobody would be idle if no more rows were read for a while."""
        return all(len(worker.given) >= AHEAD for worker in self._workers)

    def _collect(self) -> None:
        """Account for the batches that are done."""
        for worker in self._workers:
            while worker.given and worker.given[0].taken.done():
                self._land(worker)

    def _finish(self, worker: _Worker) -> None:
        self._give(worker)
        while worker.given:
            self._land(worker)

    def _land(self, worker: _Worker) -> None:
        """Account for the worker's oldest batch."""
        batch = worker.given.popleft()
        taken = batch.taken.result()
        self._own.report.add(taken.report)
        worker.load -= taken.report.read + len(taken.later)
        for line in taken.later:
            self._later.append(line)
            if (lane := self._claims(line)[0]) is not None:
                self._later_lanes.add(lane)
        still = set().union(worker.claimed, *(other.claimed for other in worker.given))
        for claim in batch.claimed - still:
            self._claimed.pop(claim, None)


def workers_for(path: Path) -> int:
    """As many as there are processors, where there is enough to do for them."""
    return cores() if path.stat().st_size >= LARGE_BYTES else 1


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
