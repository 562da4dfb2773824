"""The service killed under load, again and again: what it acknowledged is there, each once."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.service import registering

ROOT = Path(__file__).parents[2]
CLIENTS = 4
START_SECONDS = 60
LOAD_SECONDS = 2.0


class Process:
    """``backstory serve`` on a data folder of its own."""

    def __init__(self, data: Path) -> None:
        environment = {**os.environ, "BACKSTORY_AUTH": "off", "PYTHONUNBUFFERED": "1"}
        for name in ("BACKSTORY_DATABASE_URL", "BACKSTORY_DATA", "BACKSTORY_SECRET"):
            environment.pop(name, None)
        self._log = data.with_suffix(".log").open("a+", encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "adapters.cli", "serve", "--port", "0", "--data", str(data)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.url = self._listening()

    def _listening(self) -> str:
        """The address that the process prints once it serves."""
        assert self._process.stdout is not None
        found: list[str] = []
        reading = Thread(target=lambda: found.append(self._process.stdout.readline()), daemon=True)  # type: ignore[union-attr]
        reading.start()
        reading.join(START_SECONDS)
        if not found or "http://" not in found[0]:
            self.kill()
            self._log.seek(0)
            raise AssertionError(f"the service did not start: {found} {self._log.read()[-2000:]}")
        return "http://" + found[0].split("http://")[1].split()[0]

    def kill(self) -> None:
        """``kill -9``, of the service only: its Postgres has to notice by itself."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=20)

    def stop(self) -> int:
        """End it as an operator would."""
        self._process.terminate()
        try:
            return self._process.wait(timeout=40)
        finally:
            self._log.close()
            if self._process.stdout is not None:
                self._process.stdout.close()


@dataclass
class Load:
    """What clients have sent, and what they were told."""

    record: str
    """The customer that all clients change."""
    told: dict[str, tuple[str, Any, dict[str, Any]]] = field(default_factory=dict)
    """Idempotency key → path, body and receipt."""
    unanswered: dict[str, tuple[str, Any]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def run(self, url: str, stopped: Event) -> None:
        """One client: creations and changes of one record, until the service is gone."""
        with httpx.Client(base_url=url, timeout=10) as client:
            while not stopped.is_set():
                key = uuid4().hex
                path, body = ("/v1/customers/register", registering(name=f"{key}有限公司"))
                if int(key, 16) % 2:
                    path, body = f"/v1/customers/{self.record}/change-details", {"region": key}
                try:
                    response = send(client, key, path, body)
                except httpx.TransportError:
                    with self.lock:
                        self.unanswered[key] = (path, body)
                    return
                if response.status_code != 503:
                    assert response.status_code in (200, 201), response.text
                    with self.lock:
                        self.told[key] = (path, body, response.json())


def send(client: httpx.Client, key: str, path: str, body: Any) -> httpx.Response:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


@contextmanager
def serving(data: Path) -> Iterator[Process]:
    process = Process(data)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.stop()


def shot(data: Path, load: Load) -> None:
    """Serve, load, kill."""
    with serving(data) as process:
        stopped = Event()
        clients = [Thread(target=load.run, args=(process.url, stopped)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(LOAD_SECONDS)
        process.kill()
        stopped.set()
        for client in clients:
            client.join(timeout=30)
            assert not client.is_alive()


def recorded(client: httpx.Client) -> list[dict[str, Any]]:
    """Every event in the log."""
    events: list[dict[str, Any]] = []
    while True:
        after = events[-1]["position"] if events else 0
        page = client.get("/v1/events", params={"after": after, "limit": 1_000}).json()
        if not page["items"]:
            return events
        events += page["items"]


def check(client: httpx.Client, load: Load) -> None:
    """Everything acknowledged is in the log where its receipt says, once; repeated, it answers the
    same receipt; what was not answered is done when it is repeated."""
    for key, (path, body) in list(load.unanswered.items()):
        response = send(client, key, path, body)
        assert response.status_code in (200, 201), response.text
        load.told[key] = (path, body, response.json())
        del load.unanswered[key]
    last = max(receipt["position"] for *_, receipt in load.told.values())
    client.get("/v1/customers", params={"after": last, "limit": 1}).raise_for_status()
    events = recorded(client)
    at = {event["position"]: (event["subject"], event["version"]) for event in events}
    assert len(at) == len(events)
    for path, _, receipt in load.told.values():
        assert at[receipt["position"]] == (receipt["id"], receipt["version"]), path
    registered = Counter(e["subject"] for e in events if e["type"].endswith("Customer.Registered"))
    creations = [r["id"] for path, _, r in load.told.values() if path.endswith("register")]
    assert Counter(creations) == Counter({id: registered[id] for id in creations})
    assert sorted([*creations, load.record]) == sorted(registered)
    for key in list(load.told)[:: max(1, len(load.told) // 50)]:
        path, body, receipt = load.told[key]
        assert send(client, key, path, body).json() == receipt
    changes = [(r["version"], b["region"]) for _, b, r in load.told.values() if "region" in b]
    of_record = [e for e in events if e["subject"] == load.record and e["version"] > 1]
    history = [(event["version"], event["data"]["region"]) for event in of_record]
    assert sorted(changes) == history
    assert [version for version, _ in history] == list(range(2, len(history) + 2))


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(3, marks=pytest.mark.timeout(300)),
        pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)]),
    ],
)
def test_what_was_acknowledged_is_there_once(tmp_path: Path, rounds: int) -> None:
    data = tmp_path / "data"
    with serving(data) as process, httpx.Client(base_url=process.url) as client:
        created = client.post("/v1/customers/register", json=registering(name="共同有限公司"))
        load = Load(record=created.json()["id"])
    for _ in range(rounds):
        before = len(load.told)
        shot(data, load)
        assert len(load.told) > before + 10
        with serving(data) as process, httpx.Client(base_url=process.url, timeout=30) as client:
            check(client, load)
