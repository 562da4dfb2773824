"""The processes of the tail oracle: writers of every temper, and readers that follow the log.

Run as ``python -m tests.faults.tail_roles ROLE URL FILE SEED SECONDS``. Writers append each
position they were told is stored to FILE, at once, so that a killed one leaves what it knew.
Readers append each position they saw, as they saw it, until they are told on stdin how far to read.
"""

import os
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from struct import pack

import psycopg

from adapters.postgres.log.lane import Appender, connect
from adapters.postgres.log.store import PostgresLog
from adapters.postgres.log.units import Unit
from commands.ports import Append, Committed
from tests.adapters.log_units import stream_of, unit

THREADS = 6
PAGE = 2_000


class Notes:
    """Positions, written down where they outlive the process."""

    def __init__(self, file: str) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def add(self, positions: list[int]) -> None:
        os.write(self._descriptor, pack(f"<{len(positions)}q", *positions))


def write(url: str, notes: Notes, seed: int, seconds: float) -> None:
    """Through the log, from several threads: new streams, old streams, stale versions."""
    until = time.monotonic() + seconds
    with PostgresLog(url) as log:

        def go(number: int) -> None:
            chance = random.Random(f"{seed}/{number}")
            last = unit()
            version = 0
            while time.monotonic() < until:
                last, version = _next(chance, last, version)
                window = [log.submit(last), *(log.submit(unit(events=3)) for _ in range(7))]
                done = [future.result() for future in window]
                notes.add(
                    [r.position for o in done if isinstance(o, Committed) for r in o.receipts]
                )

        threads = [threading.Thread(target=go, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _next(chance: random.Random, last: Append, version: int) -> tuple[Append, int]:
    if chance.random() < 0.1:
        return unit(stream_of(last), max(version, 1)), version  # stale: will be refused
    if chance.random() < 0.5:
        count = chance.randint(1, 4)
        return unit(events=count), count
    return unit(stream_of(last), version + 1), version + 1


def disturb(url: str, notes: Notes, seed: int, seconds: float) -> None:
    """On bare connections: transactions that abort, are slow, hang, or are cut off."""
    chance = random.Random(seed)
    until = time.monotonic() + seconds
    appender = Appender(connect(url))
    while time.monotonic() < until:
        with suppress(psycopg.Error):
            if appender.connection.closed:
                appender = Appender(connect(url))
            _disturb_once(appender, notes, chance)
        time.sleep(chance.random() * 0.01)


def _disturb_once(appender: Appender, notes: Notes, chance: random.Random) -> None:
    connection = appender.connection
    made = [Unit(unit(events=chance.randint(1, 20))) for _ in range(chance.randint(1, 3))]
    connection.execute("BEGIN")
    stored = appender.append(made)
    temper = chance.random()
    if temper < 0.02:
        time.sleep(2.2)  # hung: the server ends such a transaction after two seconds
    elif temper < 0.05:
        connection.close()
        return
    elif temper < 0.4:
        time.sleep(chance.random() * 0.06)
    if temper > 0.7:
        connection.execute("ROLLBACK")
        return
    connection.execute("COMMIT")
    notes.add([r.position for o in stored if isinstance(o, Committed) for r in o.receipts])


def read(url: str, notes: Notes, seed: int, seconds: float) -> None:
    """Follow the log by the published head. SEED is the position to start after."""
    with PostgresLog(url) as log:

        def after(position: int) -> list[int]:
            log.wait_for_head(position, 0.2)
            return [event.position for event in log.log(position, limit=PAGE)]

        _follow(notes, seed, after)


def read_naively(url: str, notes: Notes, seed: int, seconds: float) -> None:
    """Follow the log by whatever is visible: what the oracle must be able to catch."""
    query = "SELECT position FROM backstory.events WHERE position > %s ORDER BY position LIMIT %s"
    with psycopg.connect(url, autocommit=True) as connection:

        def after(position: int) -> list[int]:
            time.sleep(0.002)
            return [row[0] for row in connection.execute(query, (position, PAGE))]

        _follow(notes, seed, after)


def _follow(notes: Notes, start: int, after: Callable[[int], list[int]]) -> None:
    final: list[int] = []
    threading.Thread(target=lambda: final.append(int(input())), daemon=True).start()
    last = start
    while not final or last < final[0]:
        if seen := after(last):
            notes.add(seen)
            last = seen[-1]


def hang(url: str, notes: Notes, seed: int, seconds: float) -> None:
    """Hold one transaction open that has appended, as a client of ours never would; then let go."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT backstory.show_floor(), backstory.draw(3)")
        print("hanging", flush=True)
        time.sleep(seconds)
        connection.rollback()


ROLES = {
    "write": write,
    "disturb": disturb,
    "read": read,
    "read_naively": read_naively,
    "hang": hang,
}


def main() -> None:
    role, url, file, seed, seconds = sys.argv[1:]
    ROLES[role](url, Notes(file), int(seed), float(seconds))


if __name__ == "__main__":
    main()
