"""The database goes away under the service: callers are told to come back, and nothing is lost."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.service import Service, database, registering, running


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    with database(postgres_url) as url:
        yield url


@pytest.fixture
def service(url: str) -> Iterator[Service]:
    with running(url) as service:
        yield service


def hang_up(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )


@contextmanager
def closed(server: str, name: str) -> Iterator[None]:
    """Nobody is connected to the database or can connect."""
    allow = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        hang_up(server, name)
        try:
            yield
        finally:
            connection.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


def name_of(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def is_kept_waiting(response: httpx.Response) -> bool:
    """Told to come back: as a problem, with a time."""
    if response.status_code != 503:
        return False
    assert response.headers["Content-Type"] == "application/problem+json"
    assert int(response.headers["Retry-After"]) > 0
    return True


def test_lost_connections_cost_nobody_a_receipt(
    service: Service, url: str, postgres_url: str
) -> None:
    def register(n: int) -> str:
        body = registering()
        for _ in range(60):
            response = service.post("customers/register", body, idempotency_key=f"lost-{n}")
            if not is_kept_waiting(response):
                assert response.status_code == 201, response.text
                return str(response.json()["id"])
            time.sleep(0.1)
        raise AssertionError("the service never came back")

    with ThreadPoolExecutor(6) as threads:
        jobs = [threads.submit(register, n) for n in range(120)]
        for _ in range(6):
            hang_up(postgres_url, name_of(url))
            time.sleep(0.2)
        ids = [job.result(timeout=60) for job in jobs]
    assert len(set(ids)) == 120
    events = service.client.get("/v1/events", params={"limit": 1_000, "after": 54}).json()["items"]
    registered = [e["subject"] for e in events if e["type"].endswith("Customer.Registered")]
    assert sorted(registered) == sorted(ids)


def test_while_the_database_is_away_callers_are_told_to_come_back(
    service: Service, url: str, postgres_url: str
) -> None:
    customer = service.customer()
    paths = ["customers", f"customers/{customer}", f"customers/{customer}/history", "events"]
    paths += ["queries/pipeline", "customers/by-external/a/b"]
    with closed(postgres_url, name_of(url)), ThreadPoolExecutor(8) as threads:
        reads = [threads.submit(service.client.get, f"/v1/{path}") for path in paths]
        commands = [
            threads.submit(service.post, "customers/register", registering()),
            threads.submit(service.post, f"customers/{customer}/tag", {"tags": ["a"]}),
            threads.submit(service.client.put, "/v1/customers/by-external/a/b", json=registering()),
        ]
        ready = threads.submit(service.client.get, "/readyz")
        assert [is_kept_waiting(job.result(timeout=60)) for job in reads + commands] == [True] * 9
        assert ready.result(timeout=60).status_code == 503
        assert service.client.get("/healthz").status_code == 200
    deadline = time.monotonic() + 30
    while service.client.get("/readyz").status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert service.customer()
    assert service.client.get(f"/v1/customers/{customer}").status_code == 200
