"""A crew: several processes that enter the rows of one file, for one Python is one core.

Rows that may be in each other's way go to one worker, in the order of the file; of others nobody
can tell in which order they were entered. So verdicts and records are the same as if one had done
it all. Who has to wait for a record further down keeps its place before those that it may be in the
way of.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from adapters.importing.claims import Claim, claims
from adapters.importing.drafts import Draft, Rows
from adapters.importing.report import Report
from adapters.importing.rows import Batch
from adapters.importing.running import CHUNK, Import
from adapters.importing.sources import Line
from adapters.importing.worker import Taken, Task, begin, finish, take
from aggregates.errors import Invalid
from commands.ports import OutcomeUnknown

LARGE_BYTES = 2_000_000
"""A file from which on further processes begin sooner than one is done."""
BATCH = 250
"""Rows that are given at once: few, so that nobody has much left to do when the others are done."""
AHEAD, MOST_AHEAD = 3, 32
"""Batches that each worker has before others are given rows; and that one may have, whose rows no
other may enter."""


class _Hands:
    """Who enters rows: those gathered for it, and what it claims of those it was given."""

    def __init__(self) -> None:
        self.rows: Rows = []
        self.claimed: set[Claim] = set()
        self._given: deque[set[Claim]] = deque()
        """Of each batch that is not done, as far as that is known."""

    def _gathered(self) -> Rows:
        """The rows, which it is given now."""
        self._given.append(self.claimed)
        rows, self.rows, self.claimed = self.rows, [], set()
        return rows

    def _free(self, done: int) -> set[Claim]:
        """What it claims no more when so many batches, the oldest, are done."""
        free = set().union(*(self._given.popleft() for _ in range(done)))
        return free.difference(self.claimed, *self._given)


class _Worker(_Hands):
    """One further process, and what it has to do."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.pool = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=begin, initargs=(task,)
        )
        self.pool.submit(int)  # So that it begins while the first rows are read.
        self._asked: deque[Future[Taken]] = deque()

    @property
    def ahead(self) -> int:
        """How often it was asked for something and has not answered."""
        return len(self._asked)

    @property
    def oldest(self) -> "Future[Taken]":
        return self._asked[0]

    def give(self) -> None:
        """Send it the rows that were gathered for it."""
        rows = [_portable(row) for row in self._gathered()]
        self._asked.append(self.pool.submit(take, rows))

    def hurry(self) -> None:
        """Have it tell when all that it was given is done."""
        if self._given:
            self._asked.append(self.pool.submit(finish))

    def land(self, report: Report) -> tuple[list[Line], set[Claim]]:
        """Account for what it answers first. Answers the rows that are to be entered later, and
        what it claims no more."""
        taken = self._asked.popleft().result()
        report.add(taken.report)
        return taken.later, self._free(taken.done)


def _portable(row: Draft | Line) -> Draft | Line:
    """What can be sent to another process: a draft with commands or plans in it is drafted there
    again."""
    return row.line if isinstance(row, Draft) and (row.then or row.parts) else row


class _Own(_Hands):
    """This process, as far as it enters rows itself."""

    def __init__(self, importing: Import) -> None:
        super().__init__()
        self._importing = importing
        self._begun: deque[Batch] = deque()

    @property
    def ahead(self) -> int:
        """Batches that were begun and may not be done."""
        return len(self._begun)

    def give(self) -> None:
        """Enter the rows that were gathered, without waiting for the last of them."""
        self._begun.append(self._importing.enter(self._gathered()))

    def hurry(self) -> None:
        """It never waits but for its own."""

    def land(self, report: Report) -> tuple[list[Line], set[Claim]]:
        """Wait until the oldest batch is done; see ``_Worker.land``."""
        batch = self._begun.popleft()
        self._importing.land(batch)
        return batch.later, self._free(1)


class Crew:
    """Enters the rows of a file by several processes. For one thread."""

    def __init__(self, own: Import, task: Task, workers: int, *, is_apart: bool = False) -> None:
        """``own`` has the report, and enters what can only be when everything else is there.

        ``workers``: the processes that enter rows, this one among them unless ``is_apart``.
        """
        self._importing, self._kind = own, own.plan.kind
        self._own = None if is_apart else _Own(own)
        self._others = [_Worker(task) for _ in range(workers if is_apart else workers - 1)]
        self._claimed: dict[Claim, _Worker | _Own] = {}
        self._later: list[Line] = []
        self._later_claims: set[Claim] = set()

    def run(self, file: Iterable[Line], progress: Callable[[Report], None]) -> Report:
        """Import every row. Raises OutcomeUnknown or Overloaded where the store fails for long;
        what was done until then is done, and running it again does the rest."""
        try:
            self._enter(iter(file), progress)
        except BrokenProcessPool as error:
            raise OutcomeUnknown("a process that entered rows has ended") from error
        return self._importing.run(sorted(self._later, key=lambda line: line.number), progress)

    def settle(self) -> None:
        """Wait for what is on its way, and tell nobody."""
        for worker in self._others:
            worker.pool.shutdown(cancel_futures=True)
        self._importing.settle()

    def _enter(self, rows: Iterator[Line], progress: Callable[[Report], None]) -> None:
        """Have everybody enter these rows, all that can be by now."""
        while chunk := list(islice(rows, CHUNK)):
            for line in chunk:
                self._put(line)
            progress(self._importing.report)
        own: list[_Worker | _Own] = [] if self._own is None else [self._own]
        for worker in self._others:
            if worker.rows:
                worker.give()
        for one in (*own, *self._others):
            self._finish(one)
            progress(self._importing.report)

    def _put(self, line: Line) -> None:
        row = self._read(line)
        claimed = set(claims(self._kind, row)) if isinstance(row, Draft) else set()
        one = self._whose(claimed, row.lane if isinstance(row, Draft) else None)
        # Looked at last: whose turn it is may only have been found by waiting for others.
        if not claimed.isdisjoint(self._later_claims):
            self._postpone(line, claimed)
            return
        one.rows.append(row)
        one.claimed |= claimed
        self._claimed |= dict.fromkeys(claimed, one)
        if len(one.rows) == BATCH:
            self._give(one)

    def _postpone(self, line: Line, claimed: Iterable[Claim]) -> None:
        """Have it entered when all others are, and behind it whoever may be in its way."""
        self._later.append(line)
        self._later_claims.update(claimed)

    def _read(self, line: Line) -> Draft | Line:
        """What the row says; the line, where it cannot be read: it can be in nobody's way."""
        plan = self._importing.plan
        if line.problem is not None or not plan.is_for(line):
            return line
        try:
            return plan.draft(line)
        except Invalid:
            return line

    def _whose(self, claimed: set[Claim], lane: str | None) -> _Worker | _Own:
        """Who has rows with one of these claims; or who has not enough to do."""
        always = self._always(lane)
        while True:
            holding = {id(w): w for c in claimed if (w := self._claimed.get(c)) is not None}
            if always is not None:
                holding.pop(id(always), None)
            if not holding:
                break
            one, *others = holding.values()
            if not others and always is None:
                return one
            self._finish(one)
        if always is not None:
            return always
        idle = [worker for worker in self._others if worker.ahead < AHEAD]
        if not idle and self._own is not None:
            return self._own
        return min(idle or self._others, key=lambda worker: (worker.ahead, len(worker.rows)))

    def _always(self, lane: str | None) -> _Worker | _Own | None:
        """Who has all rows of a record when an import goes on: of what was entered before, each
        process counts every record once."""
        if lane is None or not self._importing.earlier:
            return None
        own: list[_Worker | _Own] = [] if self._own is None else [self._own]
        everybody = [*self._others, *own]
        return everybody[hash(lane) % len(everybody)]

    def _give(self, one: _Worker | _Own) -> None:
        """Have the rows entered that were gathered; account for what is done meanwhile."""
        one.give()
        if isinstance(one, _Own) and one.ahead > MOST_AHEAD:
            self._land(one)
        self._collect()
        while self._must_wait(one):
            wait([w.oldest for w in self._others if w.ahead], return_when=FIRST_COMPLETED)
            self._collect()

    def _must_wait(self, given: _Worker | _Own) -> bool:
        """Whether nobody would be idle if no more rows were read for a while."""
        if isinstance(given, _Worker) and given.ahead > MOST_AHEAD:
            return True
        return self._own is None and all(worker.ahead >= AHEAD for worker in self._others)

    def _collect(self) -> None:
        """Account for the batches that are done."""
        for worker in self._others:
            while worker.ahead and worker.oldest.done():
                self._land(worker)

    def _finish(self, one: _Worker | _Own) -> None:
        """Have all that was gathered for it done."""
        if one.rows:
            one.give()
        one.hurry()
        while one.ahead:
            self._land(one)

    def _land(self, one: _Worker | _Own) -> None:
        later, free = one.land(self._importing.report)
        for line in later:
            row = self._read(line)
            self._postpone(line, claims(self._kind, row) if isinstance(row, Draft) else ())
        for claim in free:
            self._claimed.pop(claim, None)


def workers_for(path: Path) -> int:
    """As many as there are processors, where there is enough to do for them."""
    return cores() if path.stat().st_size >= LARGE_BYTES else 1


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
