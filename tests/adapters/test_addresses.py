"""Addresses over HTTP: other systems' ids, other spellings, the page of every route."""

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


def test_the_document_says_what_a_put_does_not_change(service: Service) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    methods = paths["/v1/customers/by-external/{system}/{id}"]
    assert methods.keys() == {"get", "put"}
    for field in ("type", "tags", "owner_id", "primary_contact"):
        assert f"`{field}`" in methods["put"]["description"]
    path = "/v1/customers/by-external/sap/ignored"
    service.client.put(path, json=registering(tags=["a"]))
    receipt = service.client.put(path, json={"tags": ["b"], "region": "华东"}).json()
    row = service.client.get(path, params={"after": receipt["position"]}).json()
    assert (row["tags"], row["region"]) == (["a"], "华东")


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
