"""Events that this release cannot read: everything else goes on, and nothing is a riddle."""

import json
import time
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from commands.ports import Append, CommandRow, Committed, EventRow
from projections.base import Projection
from tests.service import Service, registering, running

SEALED = {"$p": "0" * 8}


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    with running(database_url) as service:
        yield service


def append(
    service: Service,
    id: str,
    version: int,
    payload: bytes,
    topic: str = "Opportunity.Vanished",
    at: datetime | None = None,
) -> int:
    """Store an event as another release might have; its position, once it is published."""
    kind, stream = topic.partition(".")[0], UUID(id)
    row = EventRow(0, stream, version, kind, topic, 1, payload, at)
    command = CommandRow(uuid4(), "test", 200, stream, version, UUID(int=7), "api", uuid4())
    log = service.backstory.log
    [outcome] = log.append([Append((command,), (row,))])
    assert isinstance(outcome, Committed), outcome
    position = outcome.receipts[0].position
    assert log.wait_for_head(position - 1, 10) is not None
    return position


def got(service: Service, path: str, status: int = 200, **query: Any) -> Any:
    answer = service.client.get(path, params=query, headers={"Accept-Language": "en"})
    assert answer.status_code == status, answer.text
    return answer.json()


def unreadable(service: Service, path: str, position: int, **query: Any) -> None:
    problem = got(service, path, 503, **query)
    assert problem["type"] == "/problems/record-unreadable"
    assert problem["position"] == position
    assert str(position) in problem["detail"]


def test_a_record_is_served_as_it_was_before_what_cannot_be_read(service: Service) -> None:
    receipt = service.made("customers/register", registering())
    path = f"/v1/customers/{receipt['id']}"
    good = got(service, path, after=receipt["position"])
    poison = append(service, receipt["id"], 2, b'{"a": 1}', "Customer.Vanished")
    last = append(service, receipt["id"], 3, b'{"tags": ["x"]}', "Customer.Tagged")
    assert got(service, path) == good
    assert got(service, path, after=last) == good
    assert got(service, path, as_of=last) == good
    assert got(service, path, as_of=poison - 1) == good
    assert got(service, path, as_of="2100-01-01") == good
    assert got(service, "/v1/customers", after=last)["items"] == [good]
    unreadable(service, f"{path}/history", poison)
    unreadable(service, f"{path}/history", poison, clock="occurred")
    told = got(service, f"{path}/history", as_of=poison - 1)["items"]
    assert [item["version"] for item in told] == [1]


def test_where_there_is_nothing_to_serve_the_position_is_named(service: Service) -> None:
    id = str(uuid4())
    position = append(service, id, 1, b"{}", at=datetime(2017, 1, 1, tzinfo=UTC))
    path = f"/v1/opportunities/{id}"
    for query in ({}, {"after": position}, {"as_of": position}, {"as_of": "2017-01-02"}):
        unreadable(service, path, position, **query)
    assert got(service, path, 404, as_of="2016-12-31")["type"] == "/problems/not-found"
    unreadable(service, f"{path}/history", position)


@pytest.mark.parametrize("payload", [b"no json", b"[]"])
def test_what_came_before_it_happened_can_be_read(service: Service, payload: bytes) -> None:
    """An event of a known topic that is no JSON, or JSON of another form."""
    id = service.opportunity()
    poison = append(service, id, 2, payload, "Opportunity.Won")
    unreadable(service, f"/v1/opportunities/{id}/history", poison)
    assert got(service, f"/v1/opportunities/{id}", after=poison)["version"] == 1


def test_the_feed_delivers_what_it_cannot_read_as_it_is_stored(service: Service) -> None:
    id = str(uuid4())
    stored = {"name": SEALED, "amount": 5}
    first = append(service, id, 1, json.dumps(stored).encode())
    second = append(service, id, 2, b"no json", "Nobody.Knows")
    begin = first - 1
    good = service.made("customers/register", registering())
    assert service.backstory.log.wait_for_head(good["position"] - 1, 10) is not None
    page = got(service, "/v1/events", after=begin, limit=1000)
    [vanished, unknown, *readable] = page["items"]
    assert (vanished["type"], vanished["data"]) == ("Opportunity.Vanished", stored)
    assert (vanished["position"], vanished["subject"]) == (first, id)
    assert vanished["id"] == f"{id}:1"
    assert vanished["source"] == "/v1/opportunities"
    assert (unknown["position"], unknown["source"]) == (second, "/v1/events")
    assert b64decode(unknown["data_base64"]) == b"no json"
    assert "data" not in unknown
    assert good["position"] in [e["position"] for e in readable]
    assert streamed(service, begin, len(page["items"])) == page["items"]


def streamed(service: Service, after: int, count: int) -> list[Any]:
    events: list[Any] = []
    deadline = time.monotonic() + 20
    with service.client.stream("GET", "/v1/events/stream", params={"after": after}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                events.append(json.loads(line.removeprefix("data:")))
            if len(events) == count or time.monotonic() > deadline:
                break
    return events


def test_a_command_whose_record_cannot_be_shown_answers_its_receipt(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefer = {"Prefer": "return=representation"}
    entry = {"dictionary": "industry", "code": "oops", "zh": "错", "en": "Oops"}
    id = service.made("dictionary-entries/add", entry)["id"]
    deleted = service.post(f"dictionary-entries/{id}/delete", **prefer)
    assert deleted.status_code == 200, deleted.text
    assert deleted.json()["representation"] is None
    assert (deleted.json()["id"], deleted.json()["version"]) == (id, 2)
    customers = Projection.registry["customers"]

    def broken(row: Any, event: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(customers, "fold", broken)
    registered = service.post("customers/register", registering(), **prefer)
    assert registered.status_code == 201
    assert registered.json()["representation"] is None
