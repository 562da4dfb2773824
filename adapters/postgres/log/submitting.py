"""Who submitted units, and is told what became of them: of one, or of many at once."""

from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Protocol

from commands.ports import Answer, Outcome


class Submitter(Protocol):
    """Waits for the answers to the units of one submission."""

    def begin(self) -> bool:
        """One of them is about to be stored; False where nobody wants that any more."""
        ...

    def answer(self, place: int, answer: Answer) -> None:
        """What became of one of them, by its place; told once for each, by any thread."""
        ...


class One:
    """Of a single unit; until it is about to be stored, its future can be cancelled."""

    def __init__(self) -> None:
        self.future: Future[Outcome] = Future()

    def begin(self) -> bool:
        return self.future.set_running_or_notify_cancel()

    def answer(self, place: int, answer: Answer) -> None:
        if isinstance(answer, Exception):
            self.future.set_exception(answer)
        else:
            self.future.set_result(answer)


class Together:
    """Of units that were submitted at once: one future for all, for a future each costs more than
    to encode a unit."""

    def __init__(self, count: int) -> None:
        self.future: Future[Sequence[Answer]] = Future()
        self.future.set_running_or_notify_cancel()
        self._answers: list[Answer | None] = [None] * count
        self._left = count
        self._lock = Lock()
        if not count:
            self._end()

    def begin(self) -> bool:
        return True

    def answer(self, place: int, answer: Answer) -> None:
        self._answers[place] = answer
        with self._lock:
            self._left -= 1
            is_last = not self._left
        if is_last:
            self._end()

    def _end(self) -> None:
        self.future.set_result([answer for answer in self._answers if answer is not None])
