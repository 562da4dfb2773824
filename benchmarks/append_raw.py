"""The append alone: units of one event, durable, beside the library's recorder; and reading back.

The reference is the event-sourcing library's Postgres recorder as it comes (its safe path: a table
lock for each insert), on the same server, with the same number of threads and bytes. Ours hashes
each event and keeps a receipt for each command; the reference does neither.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from uuid import UUID, uuid4

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from adapters.postgres.log.schema import install
from adapters.postgres.log.store import PostgresLog
from benchmarks.measure import Result, alternating, fresh_database, rate, server
from commands.ports import Append, CommandRow, EventRow

THREADS = 16
IN_FLIGHT = 16
SECONDS = 4.0
PAYLOAD = b'{"title":"' + b"x" * 150 + b'"}'
ACTOR = uuid4()


@contextmanager
def stock(url: str) -> Iterator[PostgresApplicationRecorder]:
    """The library's recorder on a database of its own."""
    parts = psycopg.conninfo.conninfo_to_dict(fresh_database(url, "stock"))
    datastore = PostgresDatastore(
        dbname=str(parts["dbname"]),
        host=str(parts["host"]),
        port=str(parts.get("port", 5432)),
        user=str(parts.get("user", "postgres")),
        password=str(parts.get("password", "")),
        pool_size=THREADS,
    )
    recorder = PostgresApplicationRecorder(datastore)
    recorder.create_table()
    try:
        yield recorder
    finally:
        datastore.close()


@contextmanager
def ours(url: str) -> Iterator[PostgresLog]:
    """Our log on a database of its own."""
    url = fresh_database(url, "append_raw")
    install(url)
    with PostgresLog(url) as log:
        yield log


def stock_rate(recorder: PostgresApplicationRecorder) -> float:
    """Inserts per second of one event each."""

    def work(thread: int, call: int) -> None:
        recorder.insert_events([StoredEvent(_id(), 1, "Opportunity.Opened", PAYLOAD)])

    return rate(THREADS, SECONDS, work)


def log_rate(log: PostgresLog) -> float:
    """Units per second, each thread waiting for one at a time."""

    def work(thread: int, call: int) -> None:
        log.submit(_unit()).result()

    return rate(THREADS, SECONDS, work)


def window_rate(log: PostgresLog) -> float:
    """Units per second, each thread with IN_FLIGHT on their way: what many requests make."""

    def work(thread: int, call: int) -> None:
        log.append([_unit() for _ in range(IN_FLIGHT)])

    return IN_FLIGHT * rate(THREADS, SECONDS, work)


def read_rate(log: PostgresLog) -> float:
    """Events per second read back whole."""
    started = time.perf_counter()
    count = sum(len(events) for events in log.scan())
    return count / (time.perf_counter() - started)


def _id() -> UUID:
    """A UUIDv7, as commands make them."""
    milliseconds = time.time_ns() // 1_000_000
    bits = secrets.randbits(74)
    return UUID(
        int=milliseconds << 80 | 7 << 76 | (bits >> 62) << 64 | 2 << 62 | bits & (1 << 62) - 1
    )


def _unit() -> Append:
    stream, command = _id(), _id()
    row = CommandRow(command, "opportunities/open", 201, stream, 1, ACTOR, "api", command)
    event = EventRow(0, stream, 1, "opportunity", "Opportunity.Opened", 1, PAYLOAD, None, stream)
    return Append((row,), (event,))


def run() -> list[Result]:
    """The figures, their references and whether the targets are met."""
    with server() as url, stock(url) as recorder, ours(url) as log:
        one, reference = alternating(lambda: log_rate(log), lambda: stock_rate(recorder))
        many = window_rate(log)
        read_rate(log)  # Postgres notes on the first read that rows are committed
        read = median(read_rate(log) for _ in range(3))
    return [
        Result(
            "appends of one event, 16 writers",
            one,
            reference,
            "appends/s",
            "≥ 6 ×",
            one >= 6 * reference,
        ),
        Result(
            f"the same, {IN_FLIGHT} on their way each",
            many,
            reference,
            "appends/s",
            "≥ 8 ×",
            many >= 8 * reference,
        ),
        Result("events read back", read, 150_000.0, "events/s", "≥ 150,000", read >= 150_000),
    ]
