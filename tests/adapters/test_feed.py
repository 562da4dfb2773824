"""The event feed: pages and streams of the log, without a gap, without a double, to its end."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.http import feed
from commands.base import COMMANDS
from tests.adapters.serving import Served, serving

CLOUDEVENTS = Path(__file__).resolve().parents[3] / "shared/data/cloudevents/cloudevents.json"


@pytest.fixture
def parts(database_url: str) -> Iterator[Served]:
    with Served(database_url, projecting=False) as parts:
        yield parts


@pytest.fixture
def client(parts: Served) -> Iterator[httpx.Client]:
    with serving(parts) as client:
        yield client


def write(parts: Served, count: int, prefix: str) -> None:
    for number in range(count):
        fields = {"dictionary": "tags", "code": f"{prefix}.{number}", "zh": "标签", "en": "Tag"}
        parts.do(COMMANDS["dictionary-entries/add"].model_validate(fields))


def positions(parts: Served) -> list[int]:
    parts.published()
    return [e.position for events in parts.log.scan() for e in events]


class Listener:
    """A client of the stream, in a thread of its own, that stops after so many events."""

    def __init__(self, client: httpx.Client, wanted: int, **request: Any) -> None:
        self._client, self._wanted, self._request = client, wanted, request
        self.ids: list[int] = []
        self.events: list[dict[str, Any]] = []
        self.comments = 0
        self.has_ended = False
        self.begun = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def join(self) -> list[int]:
        self._thread.join(30)
        assert not self._thread.is_alive(), f"only {len(self.ids)} of {self._wanted} events came"
        return self.ids

    def _listen(self) -> None:
        with self._client.stream("GET", "/v1/events/stream", **self._request) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            self.begun.set()
            for line in stream.iter_lines():
                name, _, value = line.partition(":")
                if name == "id":
                    self.ids.append(int(value))
                elif name == "data":
                    self.events.append(json.loads(value))
                elif name == "" and line:
                    self.comments += 1
                if len(self.events) == self._wanted:
                    return
            self.has_ended = True


def test_pages_cover_the_log_once_and_in_order(parts: Served, client: httpx.Client) -> None:
    write(parts, 30, "a")
    expected = positions(parts)
    found: list[int] = []
    after = 0
    while True:
        page = client.get("/v1/events", params={"after": after, "limit": 7}).json()
        assert page["head"] == expected[-1]
        if not page["items"]:
            break
        found += [event["position"] for event in page["items"]]
        after = page["position"]
        assert after == found[-1]
    assert found == expected
    assert page["position"] == after, "an empty page leaves the reader where it was"


def test_a_reader_is_told_that_the_log_does_not_reach_so_far(
    parts: Served, client: httpx.Client
) -> None:
    head = positions(parts)[-1]
    resumed = {"Last-Event-ID": "99999999"}
    for path, headers, field in (
        ("/v1/events?after=99999999", {}, "after"),
        (f"/v1/events?after={head + 1}", {}, "after"),
        ("/v1/events/stream?after=99999999", {}, "after"),
        ("/v1/events/stream", resumed, "Last-Event-ID"),
    ):
        answer = client.get(path, headers={**headers, "Accept-Language": "en"})
        assert answer.status_code == 422, path
        [error] = answer.json()["errors"]
        assert error["field"] == field
        assert str(head) in error["message"]
    assert client.get(f"/v1/events?after={head}").json()["position"] == head


def test_events_are_cloud_events_with_personal_fields_open(
    parts: Served, client: httpx.Client
) -> None:
    parts.do(COMMANDS["users/add"].model_validate({"login": "li", "name": "李雷"}))
    parts.published()
    events = client.get("/v1/events", params={"limit": 1000}).json()["items"]
    added = next(e for e in events if e["data"].get("login") == "li")
    assert added["type"] == "User.Added"
    assert added["data"] == {"login": "li", "name": "李雷"}
    assert added["id"] == f"{added['subject']}:1"
    assert added["source"] == "/v1/users"
    assert added["time"].endswith("Z")
    if not CLOUDEVENTS.exists():
        pytest.skip(f"no {CLOUDEVENTS.name} to check events against")
    jsonschema = pytest.importorskip("jsonschema_rs")
    schema = json.loads(CLOUDEVENTS.read_text(encoding="utf-8"))
    validator = jsonschema.validator_for(schema, validate_formats=True)
    for event in events:
        validator.validate(event)
        assert all(name.isalnum() and name.islower() for name in event), "spec 1.0, section 3"


def test_a_stream_goes_on_where_it_was_left(parts: Served, client: httpx.Client) -> None:
    write(parts, 20, "a")
    expected = positions(parts)
    first = Listener(client, 5).join()
    second = Listener(client, 5, headers={"Last-Event-ID": str(first[-1])}).join()
    rest = len(expected) - 10
    last = {"Last-Event-ID": str(second[-1])}
    third = Listener(client, rest, params={"after": "0"}, headers=last).join()
    assert first + second + third == expected
    assert Listener(client, 3, params={"after": first[-1]}).join() == second[:3]


def test_streams_see_what_is_recorded_while_they_listen(
    parts: Served, client: httpx.Client
) -> None:
    """Listeners that come and go, at several places, while several threads write."""
    begin = positions(parts)[-1]
    listeners = [Listener(client, 60, params={"after": begin}) for _ in range(6)]
    writers = [threading.Thread(target=write, args=(parts, 20, f"w{n}")) for n in range(3)]
    for writer in writers:
        writer.start()
    broken = Listener(client, 7, params={"after": begin}).join()
    resumed = Listener(client, 53, headers={"Last-Event-ID": str(broken[-1])})
    for writer in writers:
        writer.join(30)
    expected = [p for p in positions(parts) if p > begin]
    assert len(expected) == 60
    for listener in listeners:
        assert listener.join() == expected
        assert [e["position"] for e in listener.events] == expected
    assert broken + resumed.join() == expected


def test_an_event_arrives_soon(parts: Served, client: httpx.Client) -> None:
    begin = positions(parts)[-1]
    listener = Listener(client, 1, params={"after": begin})
    assert listener.begun.wait(10)
    time.sleep(0.7)
    begun = time.monotonic()
    write(parts, 1, "soon")
    listener.join()
    assert time.monotonic() - begun < 2


def test_many_idle_streams_hold_no_threads(parts: Served, client: httpx.Client) -> None:
    begin = positions(parts)[-1]
    before = threading.active_count()
    with httpx.Client(base_url=client.base_url, timeout=20, limits=httpx.Limits()) as many:
        streams = [
            many.stream("GET", "/v1/events/stream", params={"after": begin}) for _ in range(60)
        ]
        opened = [stream.__enter__() for stream in streams]
        assert all(answer.status_code == 200 for answer in opened)
        assert threading.active_count() - before < 12
        begun = time.monotonic()
        assert client.get("/v1/events", params={"limit": 1}).status_code == 200
        assert time.monotonic() - begun < 2, "others are served meanwhile"
        for stream in streams:
            stream.__exit__(None, None, None)


def test_idle_streams_say_that_they_live(
    parts: Served, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_SECONDS", 0.05)
    begin = positions(parts)[-1]
    listener = Listener(client, 1, params={"after": begin})
    deadline = time.monotonic() + 10
    while listener.comments < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    write(parts, 1, "late")
    assert len(listener.join()) == 1


def test_streams_end_when_the_server_does(parts: Served) -> None:
    """``serving`` fails where the server cannot end while somebody listens."""
    with httpx.Client(timeout=20) as own:
        with serving(parts) as client:
            own.base_url = client.base_url
            listener = Listener(own, 1, params={"after": positions(parts)[-1]})
            assert listener.begun.wait(10)
        listener.join()
    assert listener.has_ended


def test_the_feed_never_shows_what_is_not_certain(parts: Served, client: httpx.Client) -> None:
    """While a transaction with a lower position is open, later events wait for it."""
    write(parts, 1, "a")
    head = parts.published()
    with parts.pool.connection() as hung, hung.transaction():
        hung.execute("SELECT backstory.show_floor()")
        hung.execute("SELECT backstory.draw(1)")
        write(parts, 3, "b")
        time.sleep(0.3)
        page = client.get("/v1/events", params={"after": head}).json()
        assert (page["items"], page["head"], page["position"]) == ([], head, head)
    parts.published()
    page = client.get("/v1/events", params={"after": head}).json()
    assert len(page["items"]) == 3


def test_the_service_stops_at_once_while_somebody_listens(database_url: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BACKSTORY_")}
    given = {"DATABASE_URL": database_url, "AUTH": "off", "SECRET": "5e" * 32, "PORT": "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "adapters.cli", "serve"],
        env=environment | {f"BACKSTORY_{name}": value for name, value in given.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        starting = threading.Timer(60, process.kill)
        starting.start()
        line = next(line for line in process.stdout if line.startswith("Backstory listens"))
        starting.cancel()
        with httpx.Client(base_url=line.split()[-1], timeout=20) as client:
            head = client.get("/v1/events").json()["head"]
            listener = Listener(client, 1, params={"after": head})
            assert listener.begun.wait(10)
            begun = time.monotonic()
            process.terminate()
            _, errors = process.communicate(timeout=20)
            took = time.monotonic() - begun
            listener.join()
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert listener.has_ended, "the stream ended as it should, it was not cut off"
    assert took < 3, "uvicorn would have waited for five seconds"
