"""The whole customer: one of 200 interactions among 100,000 customers and 5 million events.

``python -m benchmarks customer_360``, or ``customer_360=2000`` for so many customers. The history
is written by the server (``long_history.sql``), the views by the bulk rebuild. One client asks a
served process over HTTP for the 360 of customers drawn at random: now, and as of random days of
their past on both clocks. The reference is the bare SQL of one section, the interactions, over the
same connection time after time.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg

from adapters.bootstrap import Backstory
from adapters.settings import Settings
from benchmarks.commands_http import prepared
from benchmarks.commands_in_process import ME
from benchmarks.measure import Result, fresh_database, percentile, server
from benchmarks.processes import BACKSTORY, free_port, process
from projections.base import Projection

CUSTOMERS = 100_000
REQUESTS = 500
NOW_MS, THEN_MS = 20.0, 100.0
BEGUN = datetime(2017, 1, 1, tzinfo=UTC)
DAYS = 365 + 800
_HISTORY = Path(__file__).with_name("long_history.sql")
_HEADS = """
    INSERT INTO backstory.heads (at, position)
    SELECT date_trunc('day', recorded_at) + interval '1 day', max(position)
    FROM backstory.events WHERE position > %s GROUP BY 1
"""
_BUSY = "SELECT md5('customer' || i)::uuid FROM generate_series(1, %s, 500) AS i"
_SECTION = (
    "SELECT * FROM views.interactions WHERE customer_id = %s AND archived_at IS NULL"
    " AND withdrawn_at IS NULL ORDER BY created_at DESC, id LIMIT 21"
)


def write_history(url: str, customers: int) -> int:
    """Fill the log of an installed database; answers how many events were added."""
    with psycopg.connect(url, autocommit=True) as connection:
        [(after,)] = connection.execute("SELECT max(position) FROM backstory.events").fetchall()
        given = {"customers": customers, "begun": BEGUN, "actor": ME.actor, "after": after}
        connection.execute("SET work_mem = '512MB'")
        added = connection.execute(_HISTORY.read_bytes(), given).rowcount
        connection.execute("SELECT setval('backstory.positions', %s)", (after + added,))
        connection.execute(_HEADS, (after,))
        connection.execute("VACUUM (ANALYZE) backstory.events")
    return added


def rebuild(settings: Settings, head: int) -> float:
    """Build every view up to the head; answers the seconds that took.

    Pairs are left out: no 360 shows them, and in this history everybody has one phone number.
    """
    with Backstory(settings) as opened:
        assert opened.log.wait_for_head(head - 1, 60) is not None
        begun = time.perf_counter()
        opened.rebuild(tuple(Projection.registry))
        return time.perf_counter() - begun


@contextmanager
def asking(port: int, key: str) -> Iterator[Callable[..., float]]:
    """A client: asks for one customer and answers the milliseconds until its 360 was there."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:

        def ask(id: UUID, **query: Any) -> float:
            begun = time.perf_counter()
            answer = client.get(f"/v1/customers/{id}/360", params=query)
            took = (time.perf_counter() - begun) * 1000
            assert answer.status_code == 200, answer.text
            assert query or answer.json()["interactions"]["count"] == 200
            return took

        yield ask


def some_day(draw: random.Random) -> str:
    """A day after every customer was registered."""
    return f"{BEGUN + timedelta(days=draw.randrange(366, DAYS)):%Y-%m-%d}"


def measure(
    url: str, ask: Callable[..., float], customers: int, requests: int
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Milliseconds of (the bare section, now, as of a day that was, as of what was known then)."""
    draw = random.Random(0)
    bare: list[float] = []
    now, occurred, recorded = list[float](), list[float](), list[float]()
    with psycopg.connect(url, autocommit=True) as connection:
        busy = [id for (id,) in connection.execute(_BUSY, (customers,)).fetchall()]
        for _ in range(requests):
            id, day = draw.choice(busy), some_day(draw)
            begun = time.perf_counter()
            connection.execute(_SECTION, (id,)).fetchall()
            bare.append((time.perf_counter() - begun) * 1000)
            now.append(ask(draw.choice(busy)))
            occurred.append(ask(draw.choice(busy), as_of=day))
            recorded.append(ask(draw.choice(busy), as_of=day, clock="recorded"))
    return bare, now, occurred, recorded


def run(customers: int = CUSTOMERS, requests: int = REQUESTS) -> list[Result]:
    """The 99th percentiles, each beside that of the bare section."""
    with server() as url, tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=fresh_database(url, "whole"), data=Path(folder))
        _, key = prepared(settings)
        begun = time.perf_counter()
        events = write_history(str(settings.database_url), customers)
        wrote = time.perf_counter() - begun
        folded = rebuild(settings, events)
        ours = [BACKSTORY, "serve", "--port", str(port := free_port()), "--data", folder]
        environment = {"BACKSTORY_DATABASE_URL": str(settings.database_url)}
        with process(ours, port, **environment), asking(port, key) as ask:
            measure(str(settings.database_url), ask, customers, max(1, requests // 10))  # warm
            figures = measure(str(settings.database_url), ask, customers, requests)
    note = f"{events:,} events written in {wrote:.0f} s, every view rebuilt in {folded:.0f} s"
    return _results(figures, customers, note)


def _results(figures: tuple[list[float], ...], customers: int, note: str) -> list[Result]:
    bare = percentile(figures[0], 0.99)
    results = []
    for name, times, limit in (
        ("now", figures[1], NOW_MS),
        ("as of any past day, occurred", figures[2], THEN_MS),
        ("as of any past day, recorded", figures[3], THEN_MS),
    ):
        p99 = percentile(times, 0.99)
        what = f"360 of 200 interactions, {customers:,} customers, {name}: p99"
        said = f"p50 {percentile(times, 0.5):.1f} ms; {note}" if name == "now" else ""
        said = said or f"p50 {percentile(times, 0.5):.1f} ms"
        results.append(Result(what, p99, bare, "ms", f"< {limit:g} ms", p99 < limit, said))
    return results
