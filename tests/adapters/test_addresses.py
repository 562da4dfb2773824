"""Addresses over HTTP: other systems' ids, other spellings, the page of every route."""

import socket
import time
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest

from projections.base import Projection
from tests.importing import last
from tests.service import Service, registering, running


@pytest.fixture(scope="module")
def service(module_database_url: str) -> Iterator[Service]:
    with running(module_database_url) as service:
        yield service


@pytest.mark.parametrize("id", ["K/47", "/", "a//b?c#d%2F", "客户/1"])
def test_a_record_is_put_and_read_by_whatever_id_another_system_gives(
    service: Service, id: str
) -> None:
    path = f"/v1/customers/by-external/sap/{quote(id, safe='')}"
    created = service.client.put(path, json=registering())
    assert created.status_code == 201, created.text
    changed = service.client.put(path, json={"region": "华东"})
    assert changed.status_code == 200, changed.text
    assert changed.json()["id"] == created.json()["id"]
    row = service.client.get(path, params={"after": changed.json()["position"]}).json()
    assert row["external"] == {"system": "sap", "id": id}
    assert row["region"] == "华东"


def test_what_a_put_does_not_change_may_be_said_again_but_not_otherwise(service: Service) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    methods = paths["/v1/customers/by-external/{system}/{id}"]
    assert methods.keys() == {"get", "put"}
    for field in ("type", "tags", "owner_id", "primary_contact"):
        assert f"`{field}`" in methods["put"]["description"]
    path, body = "/v1/customers/by-external/sap/again", registering(tags=["a", "b"])
    assert service.client.put(path, json=body).status_code == 201
    said = {**body, "tags": ["b", "a"], "type": "prospect", "owner_id": None, "region": "华东"}
    receipt = service.client.put(path, json=said)
    assert receipt.status_code == 200, receipt.text
    after = {"after": receipt.json()["position"]}
    row = service.client.get(path, params=after).json()
    assert (sorted(row["tags"]), row["region"]) == (["a", "b"], "华东")
    person = {"name": "李雷", "phone": "13812345678"}
    otherwise = {
        **said,
        "tags": ["b"],
        "type": "customer",
        "primary_contact": person,
        "region": "x",
    }
    refused = service.client.put(path, json=otherwise, headers={"Accept-Language": "en"})
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["type"].endswith("/not-by-upsert")
    named = {name: found["command"] for name, found in problem["fields"].items()}
    assert named == {
        "tags": "customers/tag",
        "type": "customers/classify",
        "primary_contact": "contacts/change-details",
    }
    assert all(command in problem["detail"] for command in named.values())
    assert service.client.get(path, params=after).json()["region"] == "华东"
    wrong = service.client.put(path, json={"owner_id": 5})
    assert [e["field"] for e in wrong.json()["errors"]] == ["owner_id"]


def test_an_opportunity_is_put_as_it_stands(service: Service) -> None:
    path, amount = "/v1/opportunities/by-external/sap/o", {"amount": "12.50", "currency": "CNY"}
    body = {"title": "照明", "customer_id": service.customer(), "amount": amount, "stage": "lead"}
    key = {"Idempotency-Key": "put-o"}
    assert service.client.put(path, json=body).status_code == 201
    same = {**body, "amount": {"amount": "12.5", "currency": "CNY"}, "summary": "b"}
    changed = service.client.put(path, json=same, headers=key)
    assert changed.status_code == 200
    service.made(f"opportunities/{changed.json()['id']}/advance", {"stage": "proposal"})
    assert service.client.put(path, json=same, headers=key).json() == changed.json()
    other = {**body, "amount": {"amount": "13", "currency": "CNY"}}
    fields = service.client.put(path, json=other).json()["fields"]
    assert fields["stage"] == {
        "yours": "lead",
        "theirs": "proposal",
        "command": "opportunities/advance",
    }
    assert fields["amount"]["command"] == "opportunities/change-amount"
    assert fields.keys() == {"amount", "stage"}


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/customers/by-external/sap/Z%ff", "path"),
        ("/v1/customers/%c3%28", "path"),
        ("/v1/customers/%ed%a0%80/archive", "path"),
        ("/v1/customers?name=%fe", "query"),
    ],
)
def test_an_address_that_is_no_text_is_refused(
    service: Service, method: str, path: str, field: str
) -> None:
    answer = service.client.request(method, path, json={})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [e["field"] for e in answer.json()["errors"]] == [field]


def test_who_goes_away_while_sending_is_no_error(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    address = service.client.base_url
    for method, path in (
        ("POST", "/v1/customers/register"),
        ("POST", "/v1/batch"),
        ("PUT", "/v1/customers/by-external/sap/gone"),
    ):
        with socket.create_connection((address.host, address.port), timeout=10) as connection:
            head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            connection.sendall(f'{head}Content-Length: 100\r\n\r\n{{"name":'.encode())
            time.sleep(0.1)  # The request has begun when it is cut; later would do as well.
    assert service.customer()
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and not caplog.records:
        time.sleep(0.05)
    assert not [r for r in caplog.records if "Exception" in r.getMessage()]


def test_a_table_is_read_under_the_name_that_commands_use_too(service: Service) -> None:
    position = last(service.backstory)
    asked: dict[str, Any] = {"after": position, "dictionary": "industry"}
    answers = [
        service.client.get(f"/v1/{name}", params=asked)
        for name in ("dictionary_entries", "dictionary-entries")
    ]
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    [entry, *_] = answers[0].json()["items"]
    assert service.client.get(f"/v1/dictionary-entries/{entry['id']}").json() == entry
    paths = service.client.get("/openapi.json").json()["paths"]
    assert "get" in paths["/v1/dictionary_entries"]
    assert "/v1/dictionary-entries" not in paths
    for projection in Projection.registry.values():
        plural = service.client.get(f"/v1/{projection.plural}", params={"after": position})
        assert plural.status_code == 200


def test_the_page_of_every_route_needs_nothing_from_elsewhere(service: Service) -> None:
    answer = service.client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    page = unescape(answer.text)
    document: dict[str, Any] = service.client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            row = f"<td>{method.upper()}</td><td><code>{path}</code></td>"
            assert f"{row}<td>{operation['summary']}</td>" in page
    assert 'href="/openapi.json"' in page
    assert "<script" not in page
    assert "//" not in page, "no address of another server"
    assert service.client.get("/redoc").status_code == 404
    assert "/docs" not in document["paths"]
