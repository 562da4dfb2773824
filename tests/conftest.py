"""A Postgres for each process that tests, a database of its own for every test that wants one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from random import Random

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from adapters.embedded.server import EmbeddedPostgres
from adapters.postgres.log.schema import install

_numbers = count(1)
os.environ["BACKSTORY_LANGUAGE"] = "en"
"""Whatever is spoken where the tests run: also of command lines in processes of their own."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process more than there are processors, as tests often wait; one alone for a single file.

    A file is over before others have started. At most eight: a container counts the processors
    of its host.
    """
    asked = {argument.partition("::")[0] for argument in config.args}
    if len(asked) == 1 and Path(*asked).is_file():
        return 0
    return min(os.cpu_count() or 1, 7) + 1


@pytest.fixture(scope="session", autouse=True)
def _pools_draw_for_themselves() -> Iterator[None]:
    """Pools draw when their connections shall end, in threads: Hypothesis takes it for a strategy's
    drawing, where the pool grows just then, and warns.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("psycopg_pool.base.random", Random().random)
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server on which tests may create databases: BACKSTORY_TEST_DATABASE_URL, or one of ours."""
    if url := os.environ.get("BACKSTORY_TEST_DATABASE_URL"):
        yield url
        return
    options = {"max_connections": "200"}
    with (
        tempfile.TemporaryDirectory(
            prefix="backstory-tests-", ignore_cleanup_errors=True
        ) as folder,
        EmbeddedPostgres(Path(folder), durable=False, options=options) as server,
    ):
        yield server.url


@pytest.fixture(scope="session")
def template_url(postgres_url: str) -> Iterator[str]:
    """A database with the schema installed and nothing in it, to be copied."""
    with _database(postgres_url, f"template_{os.getpid()}") as url:
        install(url)
        yield url


@pytest.fixture
def database_url(template_url: str, postgres_url: str) -> Iterator[str]:
    """A fresh database with the event store's schema, dropped after the test."""
    template = f"template_{os.getpid()}"
    with _database(postgres_url, f"test_{os.getpid()}_{next(_numbers)}", template) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(template_url: str, postgres_url: str) -> Iterator[str]:
    """Like ``database_url``, one for all tests of a module that only read what was written once."""
    template = f"template_{os.getpid()}"
    with _database(postgres_url, f"test_{os.getpid()}_{next(_numbers)}", template) as url:
        yield url


class _database:
    def __init__(self, server: str, name: str, template: str = "template1") -> None:
        self._server, self._name, self._template = server, name, template

    def __enter__(self) -> str:
        self._run("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", self._name, self._template)
        return make_conninfo(self._server, dbname=self._name)

    def __exit__(self, *_: object) -> None:
        with suppress(psycopg.OperationalError):  # a test may have ended the server
            self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", self._name)

    def _run(self, statement: str, *names: str) -> None:
        identifiers = [sql.Identifier(name) for name in names]
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*identifiers))
