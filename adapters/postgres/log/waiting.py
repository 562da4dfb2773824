"""The units that wait to be stored: what may go together, and what has to wait its turn."""

from collections import deque
from collections.abc import Iterable, Sequence
from threading import Condition, Event
from time import monotonic

from adapters.postgres.log.submitting import Submitter
from adapters.postgres.log.units import Key, Unit
from commands.ports import Answer

BATCH_UNITS = 512
BATCH_BYTES = 4_000_000
_LOOK_AHEAD = 2_048
"""How many waiting units one batch is chosen from; bounds the work where many want one stream."""


class Pending:
    """A unit, since when it waits (``time.monotonic``), and who is told what becomes of it."""

    __slots__ = ("_place", "_submitter", "since", "unit")

    def __init__(self, unit: Unit, submitter: Submitter, place: int = 0) -> None:
        """``place``: which one it is of those that were submitted together."""
        self.unit = unit
        self._submitter, self._place = submitter, place
        self.since = monotonic()

    def begin(self) -> bool:
        """It is about to be stored; False where nobody wants that any more."""
        return self._submitter.begin()

    def answer(self, answer: Answer) -> None:
        """Say what became of it, once."""
        self._submitter.answer(self._place, answer)


class Waiting:
    """A bounded queue that hands out batches of units with no key in common.

    Units that share a key are handed out in the order they came, the next when the one before is
    done.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queue: deque[Pending] = deque()
        self._busy: set[Key] = set()
        self._changed = Condition()
        self._over = Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, pending: Sequence[Pending]) -> Sequence[Pending]:
        """Queue them; answers those for which there is no room, or all where it is closed."""
        with self._changed:
            room = 0 if self._closed else max(0, self._limit - len(self._queue))
            self._queue.extend(pending[:room])
            self._changed.notify()
            return pending[room:]

    def take(self) -> list[Pending] | None:
        """The next batch, as soon as there is one; None when closed and empty."""
        with self._changed:
            while True:
                if batch := self._pick():
                    return batch
                if self._closed and not self._queue:
                    return None
                self._changed.wait()

    def take_overdue(self, age: float) -> list[Pending] | None:
        """The next batch once a unit has waited for ``age`` seconds; None when closed and empty."""
        while True:
            with self._changed:
                if self._closed and not self._queue:
                    return None
                is_overdue = bool(self._queue) and monotonic() - self._queue[0].since > age
                if is_overdue and (batch := self._pick()):
                    return batch
            # Not on the condition: what is put there must wake a lane that takes it at once.
            self._over.wait(age)

    def done(self, batch: Iterable[Pending]) -> None:
        """The batch's keys are free for those that wait for them."""
        with self._changed:
            for pending in batch:
                self._busy -= pending.unit.keys
            if self._queue or self._closed:
                self._changed.notify_all()

    def close(self) -> None:
        """Take no more units; what waits is still handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._over.set()

    def _pick(self) -> list[Pending]:
        batch: list[Pending] = []
        passed_over: list[Pending] = []
        theirs: set[Key] = set()
        room = BATCH_BYTES
        for _ in range(min(len(self._queue), _LOOK_AHEAD)):
            if len(batch) >= BATCH_UNITS or room <= 0:
                break
            pending = self._queue.popleft()
            keys = pending.unit.keys
            if not (self._busy.isdisjoint(keys) and theirs.isdisjoint(keys)):
                passed_over.append(pending)
                theirs |= keys
            elif pending.begin():
                batch.append(pending)
                self._busy |= keys
                room -= pending.unit.size
        self._queue.extendleft(reversed(passed_over))
        return batch
