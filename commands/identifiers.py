"""Identifiers made by Backstory: time-ordered ids for programs, numbers for people."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from threading import Lock
from uuid import UUID

from commands.ports import EventLog, NeedsIO

BLOCK, LARGEST_BLOCK = 50, 1_600
"""Numbers drawn at once; those a process did not use when it ends are gaps."""
HURRY_SECONDS = 1.0
"""Whoever has used up a block within this time gets twice as many: each draw waits for the disk."""

_random = random.Random()
"""Ids are to be unique, not secret: a system call for each would cost more than all the rest."""
os.register_at_fork(after_in_child=_random.seed)


def uuid7() -> UUID:
    """A time-ordered id (RFC 9562, version 7), with sub-millisecond order in rand_a."""
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    tail = _random.getrandbits(62)
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | tail
    return UUID(int=value)


@dataclass(slots=True)
class _Block:
    """Numbers of one series that were drawn together."""

    left: range
    size: int
    drawn_at: float

    def next_size(self, now: float) -> int:
        """How many to draw when these are used up."""
        is_hurried = now - self.drawn_at < HURRY_SECONDS
        return min(2 * self.size, LARGEST_BLOCK) if is_hurried else BLOCK


class Numbers:
    """Hands out numbers such as ``KH-2026-000123`` from blocks. Thread-safe."""

    def __init__(self, log: EventLog, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._blocks: dict[str, _Block] = {}
        self._lock = Lock()

    def next(self, series: str, today: date, *, offline: bool = False) -> str:
        """The next number of a series in a year."""
        name = f"{series}-{today.year}"
        with self._lock:
            block = self._blocks.get(name)
            if block is None or not block.left:
                if offline:
                    raise NeedsIO
                block = self._blocks[name] = self._drawn(name, block)
            number, block.left = block.left[0], block.left[1:]
        return f"{name}-{number:06}"

    def _drawn(self, name: str, before: _Block | None) -> _Block:
        now = self._clock()
        size = BLOCK if before is None else before.next_size(now)
        return _Block(self._log.next_numbers(name, size), size, now)
