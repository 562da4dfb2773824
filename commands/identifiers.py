"""Identifiers made by Backstory: time-ordered ids for programs, numbers for people."""

import os
import random
import time
from datetime import date
from threading import Lock
from uuid import UUID

from commands.ports import EventLog, NeedsIO

BLOCK = 50
"""Numbers drawn at once; those a process did not use when it ends are gaps."""

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


class Numbers:
    """Hands out numbers such as ``KH-2026-000123`` from blocks. Thread-safe."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._blocks: dict[str, range] = {}
        self._lock = Lock()

    def next(self, series: str | None, today: date, *, offline: bool = False) -> str | None:
        """The next number of a series in a year; None for records without numbers."""
        if series is None:
            return None
        name = f"{series}-{today.year}"
        with self._lock:
            block = self._blocks.get(name, range(0))
            if not block:
                if offline:
                    raise NeedsIO
                block = self._log.next_numbers(name, BLOCK)
            self._blocks[name] = block[1:]
        return f"{name}-{block[0]:06}"
