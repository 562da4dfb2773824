"""What the benchmarks share: a durable server, threads that start together, alternating runs."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg

from adapters.embedded.server import EmbeddedPostgres

RUNS = 5
"""Alternating runs of which the median counts."""


@dataclass(frozen=True)
class Result:
    """One line of the table: a figure beside its reference, from the same run."""

    what: str
    ours: float
    reference: float
    unit: str
    target: str
    is_met: bool
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.reference if self.reference else float("nan")


@contextmanager
def server() -> Iterator[str]:
    """A durable embedded server in a temporary folder; answers its URL."""
    with (
        tempfile.TemporaryDirectory(prefix="backstory-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as postgres,
    ):
        yield postgres.url


def fresh_database(url: str, name: str) -> str:
    """A new database on the server; answers its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return psycopg.conninfo.make_conninfo(url, dbname=name)


def rate(threads: int, seconds: float, work: Callable[[int, int], None]) -> float:
    """Calls per second of ``work(thread, call)`` by threads that start and stop together."""
    counts = [0] * threads
    begin, end = threading.Barrier(threads + 1), threading.Event()
    failures: list[BaseException] = []

    def run(thread: int) -> None:
        begin.wait()
        try:
            while not end.is_set():
                work(thread, counts[thread])
                counts[thread] += 1
        except BaseException as failure:
            failures.append(failure)

    workers = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(threads)]
    for worker in workers:
        worker.start()
    begin.wait()
    started = time.perf_counter()
    time.sleep(seconds)
    end.set()
    for worker in workers:
        worker.join(30)
    if failures:
        raise failures[0]
    return sum(counts) / (time.perf_counter() - started)


def alternating(
    ours: Callable[[], float], reference: Callable[[], float], runs: int = RUNS
) -> tuple[float, float]:
    """Medians of both, measured in turns so that a noisy neighbour hits both."""
    pairs = [(reference(), ours()) for _ in range(runs)]
    return median(o for _, o in pairs), median(r for r, _ in pairs)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
