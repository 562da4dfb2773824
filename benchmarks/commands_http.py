"""Durable commands over HTTP, 32 clients: opening an opportunity, with a key that is checked.

The reference is a bare FastAPI route that commits one INSERT per request on the same server.
"""

import tempfile
from pathlib import Path
from statistics import median
from uuid import uuid4

from adapters.apikeys import new_key
from adapters.bootstrap import Backstory
from adapters.settings import Settings
from benchmarks.commands_in_process import ME, a_customer
from benchmarks.http_load import Load
from benchmarks.measure import RUNS, Result, fresh_database, server
from benchmarks.processes import BACKSTORY, PYTHON, free_port, measured, process
from commands.requests import Request
from commands.user import AddUserApiKey

SECONDS = 5.0
FACTOR, P99_FACTOR = 1.3, 2.0


def opportunity(customer_id: str) -> dict[str, object]:
    amount = {"amount": "1250.50", "currency": "CNY"}
    return {"title": "设备", "customer_id": customer_id, "amount": amount, "strengths": "交付快"}


def prepared(settings: Settings) -> tuple[str, str]:
    """Make the database ready: answers a customer's id and an API key."""
    with Backstory(settings) as opened:
        key, digest = new_key(ME.actor)
        command = AddUserApiKey(key_name=f"benchmark {uuid4()}", digest=digest)
        opened.application.dispatch(Request(command, ME.actor), ME)
        return str(a_customer(opened)), key


def run() -> list[Result]:
    """Throughput and p99, each beside the bare route's."""
    with server() as url, tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=fresh_database(url, "http"), data=Path(folder))
        customer, key = prepared(settings)
        bare = [
            *PYTHON,
            "benchmarks.bare_http",
            fresh_database(url, "bare"),
            str(bare_port := free_port()),
        ]
        ours = [BACKSTORY, "serve", "--port", str(port := free_port()), "--data", folder]
        with (
            process(bare, bare_port),
            process(ours, port, BACKSTORY_DATABASE_URL=settings.database_url or ""),
        ):
            body, headers = opportunity(customer), f"Authorization: Bearer {key}\r\n"
            loads = [
                (
                    measured(bare_port, SECONDS, [("/opportunities", body, "")]),
                    measured(port, SECONDS, [("/v1/opportunities/open", body, headers)]),
                )
                for _ in range(RUNS)
            ]
    return _results([r for r, _ in loads], [o for _, o in loads])


def _results(bare: list[Load], ours: list[Load]) -> list[Result]:
    rate, bare_rate = (median(load.rate for load in loads) for loads in (ours, bare))
    p99, bare_p99 = (median(load.p99 for load in loads) for loads in (ours, bare))
    what = "durable commands over HTTP, 32 clients"
    return [
        Result(what, rate, bare_rate, "requests/s", f"≥ {FACTOR:g} ×", rate >= FACTOR * bare_rate),
        Result(
            f"{what}: p99", p99, bare_p99, "ms", f"≤ {P99_FACTOR:g} ×", p99 <= P99_FACTOR * bare_p99
        ),
    ]
