"""A service that is killed while it imports what was uploaded: the next one goes on with it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import httpx

from adapters.bootstrap import Backstory
from adapters.importing.mapping import load
from adapters.importing.sources import FOUND_OUT
from adapters.seeds import LOCAL
from adapters.uploads.asked import Wish
from adapters.uploads.uploads import Uploads
from adapters.uploads.working import Worker
from commands.requests import Caller
from tests import test_import_killed
from tests.importing import SECRET, counts, imported, last, opened
from tests.killing import SECONDS, wall
from tests.test_import_killed import ROWS, content

file = test_import_killed.file
Process = subprocess.Popen[str]


@contextmanager
def serving(url: str, role: str = "all") -> Iterator[tuple[Process, httpx.Client]]:
    """``backstory serve`` in a process of its own, and a client."""
    given = {"DATABASE_URL": url, "SECRET": SECRET, "AUTH": "off"}
    environment = {f"BACKSTORY_{name}": value for name, value in given.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "adapters.cli", "serve", "--port", "0", "--role", role],
        env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with httpx.Client(base_url=_listening(process), timeout=60) as client:
            yield process, client
    finally:
        process.terminate()
        with suppress(ValueError):  # Killed, and its output closed.
            process.communicate(timeout=SECONDS)


def _listening(process: Process) -> str:
    said: list[str] = []
    assert process.stdout is not None
    reading = Thread(target=lambda out: said.append(out.readline()), args=(process.stdout,))
    reading.start()
    reading.join(SECONDS)
    assert "http://" in "".join(said), "the service did not start"
    return "http://" + said[0].split("http://")[1].split()[0]


def upload(client: httpx.Client, file: Path) -> str:
    mapping = (file.parent / "m.toml").read_bytes()
    files = {"file": ("deals.csv", file.read_bytes()), "mapping": ("m.toml", mapping)}
    response = client.post("/v1/imports", data={"kind": "opportunities"}, files=files)
    assert response.status_code == 202, response.text
    return response.headers["Location"]


def progress(client: httpx.Client, location: str) -> dict[str, Any]:
    response = client.get(location)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()["progress"]
    return found


def until(client: httpx.Client, location: str, state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 2 * SECONDS
    while (found := progress(client, location))["state"] != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_killed_twice_and_started_again_the_log_says_the_same_as_unbroken(
    database_url: str, module_database_url: str, file: Path
) -> None:
    with opened(database_url) as backstory:
        begun = last(backstory)
    with wall(database_url, begun + 150) as end, serving(database_url) as (process, client):
        location = upload(client, file)
        end.kill(process, lost=True)
    with serving(database_url, role="api") as (_, client):
        assert progress(client, location)["state"] == "cut_off"
        [shown] = client.get("/v1/imports").json()["items"]
        assert (shown["status"], shown["state"]) == ("running", "cut_off")
    with wall(database_url, begun + 900) as end, serving(database_url) as (process, _):
        end.kill(process, lost=False)
    with serving(database_url) as (_, client):
        done = until(client, location, "finished")
        assert client.get(location).json()["id"] == location.rpartition("/")[2]
    assert (done["rows_read"], done["rows_refused"]) == (ROWS, 0)
    told = [done[f"rows_{name}"] for name in ("created", "updated", "skipped")]
    assert told == [ROWS, 0, 0], "whichever run has entered it"
    with opened(database_url) as broken, opened(module_database_url) as unbroken:
        whole = imported(unbroken, "opportunities", file, file.parent / "m.toml")
        assert counts(whole) == (ROWS, 0, 0, 0)
        assert content(broken) == content(unbroken)
        assert set(content(broken).values()) == {1}
        left = "SELECT count(*) FROM backstory.contents"
        with broken.pool.connection() as connection:
            assert connection.execute(left).fetchone() == (0,)


def test_one_file_given_to_two_processes_is_imported_once(database_url: str, file: Path) -> None:
    mapping = load(file.parent / "m.toml")
    wish = Wish("deals.csv", "opportunities", mapping, "refuse", False, FOUND_OUT)
    with opened(database_url) as one, opened(database_url) as other:
        taken: list[UUID] = []

        def take(backstory: Backstory) -> None:
            taken.append(Uploads(backstory).taking.take(file, wish, Caller(LOCAL), None))

        with Worker(one), Worker(other):
            threads = [Thread(target=take, args=(backstory,)) for backstory in (one, other, one)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(SECONDS)
            assert len(taken) == 3
            assert len(set(taken)) == 1
            deadline = time.monotonic() + 2 * SECONDS
            while (found := Uploads(other).progress(taken[0]) or {})["state"] != "finished":
                assert time.monotonic() < deadline, found
                time.sleep(0.1)
        said = content(one)
        assert said.total() == ROWS * 5 // 3
        assert set(said.values()) == {1}
