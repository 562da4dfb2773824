"""The demo company told: events per second, beside the library's bare appends of as many events.

Ours are ordinary commands by one thread, or by several processes where there are many customers:
drawn from a seed, validated, references and rules looked after, personal data sealed, hashed, kept
with a receipt for each. The reference is the
event-sourcing library's Postgres recorder as it comes (its safe path), on the same server: one
thread that stores the payloads of the same events, one insert for each command, and nothing else.
"""

import resource
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder

from adapters.bootstrap import Backstory
from adapters.demo.telling import Demo, tell
from adapters.demo.workers import worth_having
from adapters.settings import Settings
from benchmarks.append_raw import stock
from benchmarks.measure import Result, alternating, fresh_database, server

CUSTOMERS = 1_000
RUNS = 3
TARGET = 5_000.0
UNTIL = date(2026, 1, 1)
Units = Sequence[Sequence[tuple[UUID, int, str, bytes]]]
"""For each command its events: stream, version, topic, payload."""


class Told:
    """One demo, told again and again into fresh databases; remembers what its events were."""

    def __init__(self, url: str, customers: int) -> None:
        self._url, self._customers = url, customers
        self.units: Units = ()
        self.processor = 0.0
        """Seconds of processor time of the telling processes, the last time."""

    def rate(self) -> float:
        """Events per second."""
        demo = Demo(self._customers, years=3, seed=1, until=UNTIL)
        with tempfile.TemporaryDirectory() as folder:
            url = fresh_database(self._url, "demo_company")
            with Backstory(Settings(database_url=url, data=Path(folder))) as backstory:
                begun, used = time.perf_counter(), _processor_time()
                tell(backstory, demo, workers=worth_having(self._customers))
                seconds = time.perf_counter() - begun
                self.processor = _processor_time() - used
                self.units = self.units or _units(backstory)
        return self.events / seconds

    @property
    def events(self) -> int:
        return sum(map(len, self.units))


def _processor_time() -> float:
    """Seconds of this process and of those it began that are done."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _units(backstory: Backstory) -> Units:
    """What the demo's commands have stored."""
    backstory.log.wait_for_head(_last(backstory) - 1, 10)
    events = (e for batch in backstory.log.scan() for e in batch if e.origin == "api")
    units = groupby(events, key=lambda e: e.command_id)
    return [[(e.stream_id, e.version, e.topic, e.payload) for e in unit] for _, unit in units]


def _last(backstory: Backstory) -> int:
    with backstory.pool.connection() as connection:
        found = connection.execute("SELECT max(position) FROM backstory.events").fetchone()
    return 0 if found is None else int(found[0])


def appended_rate(recorder: PostgresApplicationRecorder, units: Units) -> float:
    """Events per second of storing the same, under streams of its own."""
    others: dict[UUID, UUID] = {}
    begun = time.perf_counter()
    for unit in units:
        recorder.insert_events(
            [
                StoredEvent(others.setdefault(stream, uuid4()), version, topic, payload)
                for stream, version, topic, payload in unit
            ]
        )
    return sum(map(len, units)) / (time.perf_counter() - begun)


def run(customers: int = CUSTOMERS) -> list[Result]:
    """The figure and its reference."""
    with server() as url, stock(url) as recorder:
        told = Told(url, customers)
        told.rate()  # So that there is something to append; and what is cached once, is.
        ours, reference = alternating(
            told.rate, lambda: appended_rate(recorder, told.units), runs=RUNS
        )
    note = (
        f"{customers:,} customers, {told.events:,} events; per second of the tellers' processor "
        f"time {told.events / told.processor:,.0f} events"
    )
    met = ours >= TARGET
    return [Result("demo company told", ours, reference, "events/s", "≥ 5,000", met, note)]
