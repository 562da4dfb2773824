"""Commands over HTTP: receipts, headers, problems, upserts, batches, keys."""

import json
import re
from base64 import b32decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from adapters import apikeys
from adapters.http import bodies
from adapters.seeds import LOCAL, SYSTEM
from aggregates.errors import Invalid
from commands.base import COMMANDS, remote_commands
from commands.requests import Request
from commands.user import AddUserApiKey
from tests.service import Service, database, registering, running

STRINGS = Path(__file__).parents[3] / "shared" / "data" / "structured-fields" / "string.json"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


def problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem that a response must be."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["type"].endswith("/" + kind)
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    return document


def fields(response: httpx.Response) -> list[str]:
    """The fields that a 422 names."""
    return sorted(error["field"] for error in problem(response, 422, "validation")["errors"])


# Receipts


def test_a_creation_answers_where_the_record_is(service: Service) -> None:
    response = service.post("customers/register", registering())
    receipt = response.json()
    assert response.status_code == 201
    assert set(receipt) == {"id", "version", "position"}
    assert response.headers["ETag"] == f'"{receipt["version"]}"' == '"1"'
    assert response.headers["Location"] == f"/v1/customers/{receipt['id']}"
    after = {"after": receipt["position"]}
    row = service.client.get(response.headers["Location"], params=after)
    assert (row.status_code, row.json()["id"]) == (200, receipt["id"])
    assert row.headers["ETag"] == response.headers["ETag"]


def test_a_change_answers_the_new_version(service: Service) -> None:
    customer = service.customer()
    response = service.post(f"customers/{customer}/tag", {"tags": ["重点"]})
    assert (response.status_code, response.json()["version"]) == (200, 2)
    assert response.headers["ETag"] == '"2"'
    assert "Location" not in response.headers


def test_the_record_comes_with_the_receipt_where_it_is_preferred(service: Service) -> None:
    body = registering(tags=["重点"])
    prefer = {"Prefer": "respond-async, return=representation"}
    response = service.post("customers/register", body, **prefer)
    row = response.json()["representation"]
    assert (row["name"], row["tags"], row["version"]) == (body["name"], ["重点"], 1)
    assert response.headers["Preference-Applied"] == "return=representation"
    plain = service.post(f"customers/{row['id']}/tag", {"tags": ["a"]}, Prefer="return=minimal")
    assert "representation" not in plain.json()


def test_every_command_has_a_route_and_no_import_has(service: Service) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    for name, command in COMMANDS.items():
        plural, verb = name.split("/")
        path = f"/v1/{plural}/{verb}" if command.CREATES else f"/v1/{plural}/{{id}}/{verb}"
        assert (path in paths) == (name in remote_commands() or command.UPLOADED is not None)


def test_the_caller_may_give_the_id(service: Service) -> None:
    id = str(uuid4())
    assert service.customer(id=id) == id
    refused = problem(service.post("customers/register", registering(id=id)), 409, "already-exists")
    assert refused["existing_id"] == id
    wrongs: list[Any] = ["x", 1, [], "00000000-0000-0000-0000-00000000000g", "0" * 32]
    for wrong in wrongs:
        assert fields(service.post("customers/register", registering(id=wrong))) == ["id"]


def test_meta_is_kept_with_the_events(service: Service) -> None:
    correlation = str(uuid4())
    meta = {
        "reason": "展会上说的",
        "occurred_at": "2026-03-01T09:00:00+08:00",
        "correlation_id": correlation,
    }
    customer = service.customer()
    service.made(f"customers/{customer}/change-details", {"needs": "灯", "meta": meta})
    [*_, stored] = service.backstory.log.stream(UUID(customer))
    envelope = service.backstory.mapper.read(stored).envelope
    assert (envelope.reason, str(envelope.correlation_id)) == (meta["reason"], correlation)
    assert envelope.occurred_at.isoformat() == "2026-03-01T01:00:00+00:00"


@pytest.mark.parametrize(
    ("meta", "field"),
    [
        ({"occurred_at": "2026-03-01T09:00:00"}, "meta.occurred_at"),
        ({"occurred_at": "2026-03-01"}, "meta.occurred_at"),
        ({"occurred_at": "1700000000"}, "meta.occurred_at"),
        ({"occurred_at": 1700000000}, "meta.occurred_at"),
        ({"occurred_at": "1899-12-31T00:00:00Z"}, "meta.occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-23:59"}, "meta.occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+23:59"}, "meta.occurred_at"),
        ({"occurred_at": "2026-02-30T00:00:00Z"}, "meta.occurred_at"),
        ({"reason": ""}, "meta.reason"),
        ({"reason": "a\x00"}, "meta.reason"),
        ({"correlation_id": "x"}, "meta.correlation_id"),
        ({"incomplete": ["industry"]}, "meta.incomplete"),
        ({"reasn": "x"}, "meta.reasn"),
        (None, "meta"),
        ([], "meta"),
        ("because", "meta"),
    ],
)
def test_wrong_meta_is_refused_by_name(service: Service, meta: Any, field: str) -> None:
    customer = service.customer()
    body = {"tags": ["a"], "meta": meta}
    assert fields(service.post(f"customers/{customer}/tag", body)) == [field]


# Problems


def test_every_wrong_field_is_named(service: Service) -> None:
    body = registering(
        industry="alchemy",
        annual_revenue={"amount": "1.001", "currency": "CNY"},
        primary_contact={"name": " ", "phone": "123", "age": 3},
        nme="x",
        tags=["a", ""],
    )
    del body["name"]
    assert fields(service.post("customers/register", body)) == [
        "annual_revenue",
        "name",
        "nme",
        "primary_contact.age",
        "primary_contact.name",
        "primary_contact.phone",
        "tags.1",
    ]
    known = {"industry": "alchemy", "owner_id": str(uuid4())}
    assert fields(service.post("customers/register", registering(**known))) == [
        "industry",
        "owner_id",
    ]


def test_each_status_is_a_problem_of_its_kind(service: Service) -> None:
    opportunity = service.opportunity()
    at, post = f"opportunities/{opportunity}", service.post
    problem(post(f"customers/{uuid4()}/tag", {"tags": ["a"]}), 404, "not-found")
    problem(post(f"customers/{opportunity}/tag", {"tags": ["a"]}), 404, "not-found")
    problem(post(f"{at}/advance", {"stage": "won"}), 409, "use-win-or-lose")
    problem(post(f"{at}/reopen"), 409, "opportunity-open")
    problem(post(f"{at}/advance", {"stage": "lead"}, if_match='"7"'), 412, "version-conflict")
    problem(service.client.get("/v1/nothing"), 404, "no-such-route")
    problem(service.client.put("/v1/customers/register"), 405, "method-not-allowed")
    assert fields(post("customers/x/tag", {"tags": ["a"]})) == ["id"]
    raw = "/v1/customers/register"
    for content in (b"", b"{", b"nul", b"{'a': 1}", b'{"a": NaN}', b'{"a": 1}x', b"\xff"):
        problem(service.client.post(raw, content=content, headers=JSON), 400, "malformed-json")
    for content in (b"[]", b"null", b'"a"', b"1"):
        assert fields(service.client.post(raw, content=content, headers=JSON)) == ["body"]
    text = {"Content-Type": "text/plain"}
    problem(service.client.post(raw, content=b"{}", headers=text), 415, "unsupported-media-type")


def test_a_conflict_shows_both_sides(service: Service) -> None:
    customer = service.customer(region="华北")
    service.made(f"customers/{customer}/change-details", {"region": "华东"}, if_match='"1"')
    change = {"region": "华南", "website": "w.example"}
    response = service.post(f"customers/{customer}/change-details", change, if_match='"1"')
    conflict = problem(response, 412, "version-conflict")
    assert conflict["current_version"] == 2
    assert conflict["fields"] == {"region": {"yours": "华南", "theirs": "华东", "original": "华北"}}
    merged = {"website": "w.example"}
    assert service.made(f"customers/{customer}/change-details", merged, if_match='"1"')


def test_a_duplicate_names_the_record_that_exists(service: Service) -> None:
    body = registering()
    first = service.made("customers/register", body)["id"]
    body["name"] = body["name"].replace("有限公司", "有限责任公司")
    refused = problem(service.post("customers/register", body), 409, "duplicate-customer-name")
    assert refused["existing_id"] == first
    body["name"] = body["name"].replace("有限责任公司", "")
    short = problem(service.post("customers/register", body), 409, "short-name")
    assert short["existing_id"] == first
    assert service.made("customers/register", {**body, "confirm_distinct": True})


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("zh-CN", "zh"),
        ("zh", "zh"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("fr, en;q=0.5", "en"),
        ("en;q=0.4, zh;q=0.6", "zh"),
        ("fr", "en"),
        ("*", "zh"),
        ("", "zh"),
        (";;q=x,,", "en"),
    ],
)
def test_problems_are_in_the_language_asked_for(
    service: Service, wanted: str, language: str
) -> None:
    response = service.post("customers/register", {}, accept_language=wanted)
    document = problem(response, 422, "validation")
    texts = [document["title"], document["detail"], *(e["message"] for e in document["errors"])]
    assert response.headers["Content-Language"] == language
    is_chinese = [re.search("[\u4e00-\u9fff]", text) is not None for text in texts]
    assert is_chinese == [language == "zh"] * len(texts)


# Headers


def test_a_repeated_request_answers_the_same_bytes(service: Service) -> None:
    body = registering()
    first = service.post("customers/register", body, idempotency_key="repeat-1")
    service.made(f"customers/{first.json()['id']}/tag", {"tags": ["a"]})
    for key in ("repeat-1", '"repeat-1"'):
        again = service.post("customers/register", body, idempotency_key=key)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["Location"] == first.headers["Location"]
    other = service.post("customers/register", registering(), idempotency_key="repeat-1")
    problem(other, 422, "idempotency-key-reused")


@pytest.mark.skipif(not STRINGS.exists(), reason="the cases of ../shared/data are not here")
def test_keys_are_strings_of_structured_fields() -> None:
    cases = json.loads(STRINGS.read_text("utf-8"))
    tried = 0
    for case in cases:
        if len(case["raw"]) != 1 or not case["raw"][0].lstrip().startswith('"'):
            continue
        raw, tried = case["raw"][0].strip(" "), tried + 1
        if case.get("must_fail") or case["expected"][0] == "" or len(case["expected"][0]) > 255:
            with pytest.raises(Invalid):
                bodies.idempotency_key(raw, "Idempotency-Key")
        else:
            assert bodies.idempotency_key(raw, "Idempotency-Key") == case["expected"][0]
    assert tried > 10


@pytest.mark.parametrize(
    "key", ["", '"', '""', "a b", '"a', 'a"b', '"a\\c"', "a" * 256, '"' + "a" * 256 + '"', '"a";p']
)
def test_a_key_of_another_form_is_refused(service: Service, key: str) -> None:
    response = service.post("customers/register", registering(), idempotency_key=key)
    assert fields(response) == ["Idempotency-Key"]


@pytest.mark.parametrize(
    "seen", ["1", 'W/"1"', '"1", "2"', '"a"', '""', '"-1"', '"1', '"1234567890"']
)
def test_a_version_of_another_form_is_refused(service: Service, seen: str) -> None:
    customer = service.customer()
    response = service.post(f"customers/{customer}/tag", {"tags": ["a"]}, if_match=seen)
    assert fields(response) == ["If-Match"]


def test_any_version_will_do(service: Service) -> None:
    customer = service.customer()
    assert service.made(f"customers/{customer}/classify", {"grade": "a"}, if_match="*")


# By another system's id


def test_an_upsert_creates_then_changes(service: Service) -> None:
    path, body = "/v1/customers/by-external/maven/A%201", registering()
    created = service.client.put(path, json=body)
    assert (created.status_code, created.json()["version"]) == (201, 1)
    same = service.client.put(path, json=body)
    assert (same.status_code, same.json()) == (200, created.json())
    changed = service.client.put(path, json={"region": "华东"})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    row = service.client.get(path, params={"after": changed.json()["position"]}).json()
    assert (row["id"], row["region"]) == (created.json()["id"], "华东")
    assert row["external"] == {"system": "maven", "id": "A 1"}
    stale = service.client.put(path, json={"region": "华南"}, headers={"If-Match": '"1"'})
    problem(stale, 412, "version-conflict")


def test_an_upsert_refuses_what_no_command_has(service: Service) -> None:
    path = "/v1/customers/by-external/maven/refused"
    assert fields(service.client.put(path, json=registering(nme="x"))) == ["nme"]
    assert "name" in fields(service.client.put(path, json={"region": "华东"}))
    service.client.put(path, json=registering())
    assert fields(service.client.put(path, json={"nme": "x"})) == ["nme"]
    other = {"external": {"system": "maven", "id": "another"}}
    assert fields(service.client.put(path, json=other)) == ["external"]
    wrong = service.client.put("/v1/customers/by-external/MAVEN/1", json=registering())
    assert fields(wrong) == ["external.system"]
    long = service.client.put("/v1/customers/by-external/m/" + "x" * 201, json=registering())
    assert fields(long) == ["external.id"]


def test_a_repeated_upsert_answers_the_first_receipt(service: Service) -> None:
    path, body = "/v1/customers/by-external/maven/repeated", registering()
    answers = [
        service.client.put(path, json=body, headers={"Idempotency-Key": "upsert-1"})
        for _ in range(3)
    ]
    assert [a.status_code for a in answers] == [201] * 3
    assert len({a.content for a in answers}) == 1
    other = service.client.put(path, json={"region": "x"}, headers={"Idempotency-Key": "upsert-1"})
    problem(other, 422, "idempotency-key-reused")


def test_concurrent_upserts_make_one_record(service: Service) -> None:
    for attempt in range(5):
        path, body = f"/v1/customers/by-external/maven/race-{attempt}", registering()

        def put(n: int, path: str = path, body: dict[str, Any] = body) -> httpx.Response:
            return service.client.put(path, json={**body, "postcode": f"{n}"})

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(put, range(8)))
        assert sorted(a.status_code for a in answers) == [200] * 7 + [201]
        assert len({a.json()["id"] for a in answers}) == 1


# Batches


def batch(service: Service, *commands: Any, **options: Any) -> list[dict[str, Any]]:
    headers = {n: options.pop(n) for n in ("idempotency_key",) if n in options}
    response = service.post("batch", {"commands": list(commands), **options}, **headers)
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def test_a_batch_answers_each_command_in_order(service: Service) -> None:
    id = str(uuid4())
    results = batch(
        service,
        {"command": "customers/register", "id": id, "body": registering()},
        {"command": "customers/tag", "id": id, "body": {"tags": ["a"]}},
        {"command": "customers/tag", "body": {"tags": ["a"]}},
        {"command": "customers/tag", "id": str(uuid4()), "body": {"tags": ["a"]}},
        {"command": "customers/vanish", "id": id},
        {"command": "customers/tag", "id": id, "body": {"tags": [""], "x": 1}},
        {"command": "opportunities/open", "body": {"title": "t", "customer_id": id}},
        {"command": "customers/tag", "id": id, "body": {"tags": ["b"]}, "idempotency_key": " "},
    )
    assert [r["status"] for r in results] == [201, 200, 422, 404, 422, 422, 422, 422]
    assert [r["version"] for r in results[:2]] == [1, 2]
    named = [sorted(e["field"] for e in r.get("errors", ())) for r in results[2:]]
    tagging = ["tags", "tags.0", "x"]
    assert named == [["id"], [], ["command"], tagging, ["amount"], ["idempotency_key"]]
    assert all(r["type"].startswith("/problems/") for r in results[2:])


def test_an_atomic_batch_leaves_nothing_of_a_refused_one(service: Service) -> None:
    id = str(uuid4())
    good = {"command": "customers/register", "id": id, "body": registering()}
    for bad, status in (
        ({"command": "customers/register", "body": registering(industry="x")}, 422),
        ({"command": "customers/register", "body": {}}, 422),
        ({"command": "customers/tag", "id": str(uuid4()), "body": {"tags": ["a"]}}, 404),
    ):
        results = batch(service, good, bad, atomic=True)
        assert [r["status"] for r in results] == [409, status]
        assert results[0]["type"].endswith("not-attempted")
    assert service.backstory.log.stream(UUID(id)) == []
    assert [r["status"] for r in batch(service, good, atomic=True)] == [201]


def test_a_key_of_the_header_covers_the_whole_batch(service: Service) -> None:
    good = {"command": "customers/register", "body": registering()}
    bad = {"command": "customers/register", "body": registering(industry="x")}
    first = batch(service, bad, good, idempotency_key="batch-1")
    assert [r["status"] for r in first] == [422, 201]
    assert batch(service, bad, good, idempotency_key="batch-1") == first
    head = service.backstory.log.stream(UUID(first[1]["id"]))
    for changed in ([good, bad], [good], [bad, good, good]):
        response = service.post("batch", {"commands": changed}, idempotency_key="batch-1")
        problem(response, 422, "idempotency-key-reused")
    assert service.backstory.log.stream(UUID(first[1]["id"])) == head


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"commands": [{"command": "customers/register"}] * 1_001}, "commands"),
        ({"commands": {}}, "commands"),
        ({}, "commands"),
        ({"commands": [], "atomic": "yes"}, "atomic"),
        ({"commands": [], "x": 1}, "x"),
        ({"commands": [{"command": 1}]}, "commands.0.command"),
        ({"commands": [{"command": "customers/tag", "id": "x"}]}, "commands.0.id"),
        ({"commands": [{"command": "customers/tag", "body": []}]}, "commands.0.body"),
        ({"commands": [3]}, "commands.0"),
    ],
)
def test_a_batch_of_another_shape_is_refused(service: Service, body: Any, field: str) -> None:
    assert fields(service.post("batch", body)) == [field]


def test_a_thousand_commands_in_one_request(service: Service) -> None:
    commands = [{"command": "customers/register", "body": registering()} for _ in range(1_000)]
    results = batch(service, *commands)
    assert [r["status"] for r in results] == [201] * 1_000
    assert len({r["id"] for r in results}) == 1_000
    assert batch(service) == batch(service, atomic=True) == []


# Keys


@pytest.fixture(scope="module")
def locked(postgres_url: str) -> Iterator[tuple[Service, str]]:
    """A service that wants keys, and a key of the user ``local``."""
    with database(postgres_url) as url, running(url, auth="on") as service:
        key, digest = apikeys.new_key(LOCAL)
        grant(service, LOCAL, "first", digest)
        yield service, key


def grant(service: Service, user: UUID, name: str, digest: str) -> None:
    """Give a user a key, as an operator does; no program can over the network."""
    request = Request(AddUserApiKey(key_name=name, digest=digest), user)
    service.backstory.application.dispatch(request, SYSTEM)


def bearing(service: Service, key: str) -> int:
    response = service.post("customers/register", registering(), authorization=key)
    if response.status_code == 401:
        problem(response, 401, "unauthenticated")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    return response.status_code


def test_a_key_opens_and_names_its_user(locked: tuple[Service, str]) -> None:
    service, key = locked
    assert bearing(service, f"Bearer {key}") == bearing(service, f"bearer  {key} ".strip()) == 201
    [*_, last] = service.backstory.log.log()
    assert last.actor == LOCAL


def test_without_a_good_key_nothing_opens(locked: tuple[Service, str]) -> None:
    service, key = locked
    problem(service.post("customers/register", registering()), 401, "unauthenticated")
    other_users = "bs_" + "a" * 26 + key[29:]
    assert b32decode("A" * 26 + "======") == bytes(16)
    for wrong in (
        *("", "Bearer", f"Basic {key}", key, f"Bearer {key}x", f"Bearer {key[:-1]}"),
        *(f"Bearer {key[:-1]}{'A' if key[-1] != 'A' else 'B'}", f"Bearer {key.upper()}"),
        *(f"Bearer {other_users}", "Bearer bs__", f"Bearer {key} {key}"),
    ):
        assert bearing(service, wrong) == 401, wrong
    paths = service.client.get("/openapi.json").json()["paths"]
    gets = [p for p, of in paths.items() if "get" in of and p.startswith("/v1/")]
    assert len(gets) > 10
    for path in gets:
        problem(service.client.get(re.sub(r"\{\w+\}", "x", path)), 401, "unauthenticated")
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert service.client.get(path).status_code == 200


def test_a_revoked_key_and_a_disabled_user_stop_at_once(locked: tuple[Service, str]) -> None:
    service, key = locked
    me = {"authorization": f"Bearer {key}"}
    user = service.made("users/add", {"login": "li.na", "name": "李娜"}, **me)["id"]
    keys = {}
    for name in ("one", "two"):
        keys[name], digest = apikeys.new_key(UUID(user))
        added = {"key_name": name, "digest": digest}
        assert service.post(f"users/{user}/add-api-key", added, **me).status_code in (404, 405)
        grant(service, UUID(user), name, digest)
    assert [bearing(service, f"Bearer {k}") for k in keys.values()] == [201, 201]
    service.made(f"users/{user}/revoke-api-key", {"key_name": "one"}, **me)
    assert [bearing(service, f"Bearer {k}") for k in keys.values()] == [401, 201]
    service.made(f"users/{user}/disable", None, **me)
    assert [bearing(service, f"Bearer {k}") for k in keys.values()] == [401, 401]


def test_custom_fields_are_compared_one_by_one(service: Service) -> None:
    customer = service.customer()
    path = f"customers/{customer}/change-details"
    service.made(path, {"custom": {"x": 1, "z": 1}}, if_match='"1"')
    assert service.made(path, {"custom": {"y": 1}}, if_match='"1"')["version"] == 3
    refused = service.post(path, {"custom": {"x": 2}}, if_match='"1"')
    document = problem(refused, 412, "version-conflict")
    assert document["fields"].keys() == {"custom"}
    service.made(path, {"custom": {"y": 2}, "region": "华东"}, if_match='"3"')
    assert service.read(f"customers/{customer}")["custom"] == {"x": 1, "y": 2, "z": 1}


def test_a_company_is_not_founded_in_the_future(service: Service) -> None:
    today = datetime.now(service.backstory.timezone).date()
    customer = service.customer(founded_on=today.isoformat())
    later = (today + timedelta(days=2)).isoformat()
    for path, body in (
        ("customers/register", registering(founded_on=later)),
        (f"customers/{customer}/change-details", {"founded_on": later}),
    ):
        assert fields(service.post(path, body)) == ["founded_on"]
    far = service.post("customers/register", registering(founded_on="2999-01-01"))
    [error] = problem(far, 422, "validation")["errors"]
    assert "1000-01-01" in error["message"]
    assert "2199-12-31" in error["message"]
