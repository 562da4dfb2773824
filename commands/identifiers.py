"""Identifiers made by Backstory: time-ordered ids for programs, numbers for people."""

import os
import time
from datetime import date
from threading import Lock
from uuid import UUID

from commands.ports import EventLog, NeedsIO

BLOCK = 50
"""Numbers drawn at once; those a process did not use when it ends are gaps."""


def uuid7() -> UUID:
    """A time-ordered id (RFC 9562, version 7), with sub-millisecond order in rand_a."""
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random
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
