"""Taking the lead in tests that go step by step."""

import time
from typing import TypeVar

import psycopg

from adapters.postgres.views.leading import Leading

L = TypeVar("L")


def take_lead(runner: Leading[L], connection: psycopg.Connection, seconds: float = 20) -> L:
    """The lead, once the server has noticed that the session that had it before is closed."""
    until = time.monotonic() + seconds
    while (lead := runner.lead(connection)) is None:
        assert time.monotonic() < until, "another session leads"
        time.sleep(0.02)
    return lead
