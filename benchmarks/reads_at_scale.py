"""Search, lists and the pipeline board over HTTP, at a million customers.

Rows of invented customers, contacts and opportunities are written straight into the views' tables
by the bulk path; what is measured is reading them. One client asks one thing after the other.
"""

import json
import os
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg
from psycopg import sql
from pypinyin import lazy_pinyin

from adapters import registry
from adapters.apikeys import new_key
from adapters.bootstrap import Backstory
from adapters.postgres.views import tracking
from adapters.postgres.views.cells import HEADER, TRAILER
from adapters.postgres.views.tables import View, complete, create, names
from adapters.settings import Settings
from aggregates.values import Money
from benchmarks.commands_in_process import ME
from benchmarks.invented import PLACES, Company, company
from benchmarks.measure import Result, fresh_database, percentile, server
from benchmarks.processes import BACKSTORY, free_port, process
from commands.requests import Request
from commands.user import AddUserApiKey
from projections.base import Projection

CUSTOMERS, OTHERS = int(os.environ.get("BENCH_CUSTOMERS", 1_000_000)), 4
"""One contact and one opportunity for so many customers."""
OWNERS, ASKED, WARM, SEED = 500, 200, 10, 7
LIMIT_MS = 100.0
SLICE = 10_000
STAGES = ("lead", "first_contact", "proposal", "negotiating", "won", "won", "lost")
_BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)


def _id(number: int, series: int) -> UUID:
    """Grows with the number, as the ids of records grow with time."""
    at = int((_BEGINNING + timedelta(seconds=60 * number)).timestamp() * 1000)
    low = Random(number * 10 + series).getrandbits(62)
    return UUID(int=at << 80 | 7 << 76 | series << 64 | 2 << 62 | low)


def owner(number: int) -> UUID:
    return UUID(int=(8 << 76) + number % OWNERS)


def _customer(number: int, of: Company) -> dict[str, Any]:
    return {"name": of.name, "number": of.number, "phone": of.phone, "industry": "software"}


def _contact(number: int, of: Company) -> dict[str, Any]:
    email = f"{''.join(lazy_pinyin(of.brand))}{number % 97}@example.com"
    name = "王李张刘陈杨赵黄"[number % 8] + of.brand[:2]
    return {"name": name, "phone": of.phone, "email": email, "customer_id": _id(number, 1)}


def _opportunity(number: int, of: Company) -> dict[str, Any]:
    amount = Money(amount=Decimal(number % 90 + 10) * 1000, currency="CNY")
    more = {"pipeline": "sales", "stage": STAGES[number % len(STAGES)], "amount": amount}
    return {"title": f"{of.brand}设备采购", "customer_id": _id(number, 1), **more}


MADE: dict[str, tuple[int, int, Callable[[int, Company], dict[str, Any]]]] = {
    "customers": (1, 1, _customer),
    "contacts": (2, OTHERS, _contact),
    "opportunities": (3, OTHERS, _opportunity),
}
"""Table → number of the series, one for so many customers, how."""


def load(url: str, table: str, first: int, last: int) -> None:
    """Write the rows of some customers, in a process that lets others go first."""
    os.nice(19)
    registry.load()
    view = View(Projection.registry[table])
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)")
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        connection.execute("SET synchronous_commit = off")
        with cursor.copy(statement.format(view.table, names(view.columns))) as copy:
            copy.write(HEADER)
            for begin in range(first, last, SLICE):
                copy.write(b"".join(_lines(view, range(begin, min(last, begin + SLICE)))))
            copy.write(TRAILER)


def _lines(view: View, numbers: range) -> Iterator[bytes]:
    series, each, made = MADE[view.name]
    start = struct.pack(">h", len(view.columns))
    for number in numbers:
        if number % each == 0:
            at = _BEGINNING + timedelta(seconds=60 * number)
            blank = view.projection.row(id=_id(number, series), created_at=at, updated_at=at)
            fields = made(number, company(SEED, number))
            if "owner_id" in view.projection.row.fields:
                fields["owner_id"] = owner(number)
            row = blank.updated(version=1, position=number + 1, **fields)
            row.searching.follow(blank, row)
            yield start
            yield from view.encoder.encode(row, None).cells


def fill(url: str) -> None:
    """Fill the views, and make their indexes."""
    views = [View(Projection.registry[table]) for table in MADE]
    step = -(-CUSTOMERS // 2)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '256MB'")
        for view in views:
            create(connection, view)
            with ProcessPoolExecutor(2, get_context("spawn")) as pool:
                ranges = range(0, CUSTOMERS, step), range(step, CUSTOMERS + step, step)
                list(pool.map(load, repeat(url), repeat(view.name), *ranges))
            began = time.perf_counter()
            complete(connection, view)
            connection.execute(sql.SQL("VACUUM ANALYZE {}").format(view.table))
            print(
                f"{view.name}: indexes and totals in {time.perf_counter() - began:.0f} s",
                flush=True,
            )
            tracking.begin(connection, view, 0, tracking.draw_epoch(connection))


# What is asked


def _written(phone: str, draw: Random) -> str:
    parts = phone[:3], phone[3:7], phone[7:]
    return draw.choice(("{}{}{}", "{} {} {}", "+86 {}-{}-{}", "0086{}{}{}", "({}) {}{}")).format(
        *parts
    )


def _part(text: str, length: int, draw: Random) -> str:
    begin = draw.randrange(max(1, len(text) - length))
    return text[begin : begin + length]


def _initials(of: Company) -> str:
    return "".join(s[0] for s in lazy_pinyin(of.name[:6]))


FREQUENT = ("科技", "有限公司", "公司", "信息", "科", "技术", "1", "138", "keji")
NOWHERE = ("鼯鼠饲养", "qqqxxx", "+1 201 555 0123", "xyzzy")
QUESTIONS: dict[str, Callable[[Company, Random], str]] = {
    "1 character of a name": lambda c, d: _part(c.name, 1, d),
    "2 characters of a name": lambda c, d: _part(c.name, 2, d),
    "4 characters of a name": lambda c, d: _part(c.name, 4, d),
    "frequent words": lambda c, d: d.choice(
        ("科技", "有限公司", "公司", "信息", "科", "技术", "1", "138")
    ),
    "two words": lambda c, d: f"{c.brand} {c.name[:2]}",
    "two frequent words": lambda c, d: f"{d.choice(PLACES)} {d.choice(('科技', '贸易', '电子'))}",
    "a phone number": lambda c, d: _written(c.phone, d),
    "the end of a phone number": lambda c, d: c.phone[-6:],
    "a brand's pinyin": lambda c, d: "".join(lazy_pinyin(c.brand)),
    "six initials": lambda c, d: _initials(c),
    "a number": lambda c, d: c.number,
    "nothing that is there": lambda c, d: d.choice(
        ("鼯鼠饲养", "qqqxxx", "+1 201 555 0123", "xyzzy")
    ),
}


def _paths(draw: Random) -> Iterator[tuple[str, list[str]]]:
    """What is measured → addresses."""
    for what, typed in QUESTIONS.items():
        asked = (typed(company(SEED, draw.randrange(CUSTOMERS)), draw) for _ in range(ASKED))
        yield f"search by {what}", [f"/v1/search?q={quote(text)}" for text in asked]
    owners = [owner(draw.randrange(OWNERS)) for _ in range(ASKED)]
    yield "list of customers, a page", ["/v1/customers?limit=50"] * ASKED
    mine = [f"/v1/customers?owner_id={o}&sort=name" for o in owners]
    yield "list of one's customers, by name", mine
    yield "pipeline board of an owner", [f"/v1/queries/pipeline?owner_id={o}" for o in owners]
    yield "pipeline board of everybody", ["/v1/queries/pipeline"] * 20


def _times(port: int, key: str, paths: list[str]) -> list[float]:
    """Milliseconds of each request, after some that do not count."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    times: list[float] = []
    for path in [*paths[:WARM], *paths]:
        began = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        body = response.read()
        times.append((time.perf_counter() - began) * 1000)
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {json.loads(body)}")
    connection.close()
    return times[WARM:]


def run() -> list[Result]:
    """The 99th percentile of each, beside the limit."""
    with server() as url, tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=fresh_database(url, "scale"), data=Path(folder))
        with Backstory(settings) as opened:
            key, digest = new_key(ME.actor)
            command = AddUserApiKey(key_name="benchmark", digest=digest)
            opened.application.dispatch(Request(command, ME.actor), ME)
            opened.rebuild()
        fill(settings.database_url or "")
        port = free_port()
        ours = [BACKSTORY, "serve", "--role", "api", "--port", str(port), "--data", folder]
        with process(ours, port, BACKSTORY_DATABASE_URL=settings.database_url or ""):
            return [_result(w, _times(port, key, paths)) for w, paths in _paths(Random(SEED))]


def _result(what: str, times: list[float]) -> Result:
    p99 = percentile(times, 0.99)
    note = f"p50 {percentile(times, 0.5):.1f} ms, slowest {max(times):.0f} ms"
    size = f"{CUSTOMERS / 1e6:g} M customers"
    named = f"{what}, {size}: p99"
    return Result(named, p99, LIMIT_MS, "ms", f"< {LIMIT_MS:g} ms", p99 < LIMIT_MS, note)
