"""Projection lag under 500 commands/s: from a command's receipt until every view has it.

Commands are dispatched in process at a fixed rate; after each, a reader waits until the tracking
of every projection, asked for in the database as another process would, has passed its position.
"""

import tempfile
import threading
import time
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg

from adapters.bootstrap import Backstory
from adapters.settings import Settings
from aggregates.values import Money
from benchmarks.commands_in_process import ME, a_customer
from benchmarks.measure import Result, fresh_database, percentile, server
from commands.opportunity import OpenOpportunity
from commands.requests import Request

RATE, SECONDS, WRITERS = 500, 20.0, 8
LIMIT_MS = 250.0
_BEHIND = "SELECT min(position) FROM backstory.tracking WHERE projection NOT LIKE '%@%'"


class _Watch:
    """Notes when every view has passed each position."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._waiting: list[tuple[int, float]] = []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self.lags: list[float] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def receipt(self, position: int) -> None:
        with self._lock:
            self._waiting.append((position, time.perf_counter()))

    def _run(self) -> None:
        while not self._stop.wait(0.002):
            row = self._connection.execute(_BEHIND).fetchone()
            reached, now = (row[0] if row else 0) or 0, time.perf_counter()
            with self._lock:
                self.lags += [(now - at) * 1000 for p, at in self._waiting if p <= reached]
                self._waiting = [w for w in self._waiting if w[0] > reached]

    def close(self) -> int:
        """Wait for the last; answers how many never arrived."""
        deadline = time.monotonic() + 30
        while self._waiting and time.monotonic() < deadline:
            time.sleep(0.05)
        self._stop.set()
        self._thread.join(10)
        self._connection.close()
        return len(self._waiting)


def _write(opened: Backstory, watch: _Watch, customer: UUID, begin: float) -> None:
    """One writer's share of the commands, on time or as soon after as it can."""
    for call in range(int(RATE * SECONDS / WRITERS)):
        pause = begin + call * WRITERS / RATE - time.perf_counter()
        if pause > 0:
            time.sleep(pause)
        amount = Money(amount=Decimal(call), currency="CNY")
        command = OpenOpportunity(title="设备", customer_id=customer, amount=amount)
        watch.receipt(opened.application.dispatch(Request(command), ME).position)


def run() -> list[Result]:
    """The 99th percentile of the lag, beside the limit."""
    with server() as url, tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=fresh_database(url, "lag"), data=Path(folder))
        with Backstory(settings) as opened:
            opened.project()
            customer, watch = a_customer(opened), _Watch(opened.url)
            begin = time.perf_counter() + 0.2
            writers = [
                threading.Thread(target=_write, args=(opened, watch, customer, begin + n / RATE))
                for n in range(WRITERS)
            ]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
            took = time.perf_counter() - begin
            missing = watch.close()
    p99, done = percentile(watch.lags, 0.99), len(watch.lags)
    note = (
        f"p50 {percentile(watch.lags, 0.5):.0f} ms; {done / took:.0f} commands/s; {missing} missing"
    )
    met = p99 < LIMIT_MS and not missing and done / took > 0.95 * RATE
    what = f"projection lag under {RATE} commands/s: p99"
    return [Result(what, p99, LIMIT_MS, "ms", f"< {LIMIT_MS:g} ms", met, note)]
