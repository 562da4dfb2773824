"""What nobody should send: naughty strings in every text, deep and huge bodies. Nothing may break,
and nothing may be kept otherwise than it came."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, find, settings
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from adapters import registry
from adapters.seeds import LOCAL
from aggregates.base import Aggregate, markers
from aggregates.contact import ContactDetails
from aggregates.values import Code
from commands.base import COMMANDS, Command
from commands.requests import IMPORT, Caller, Request
from tests.service import CONTACT, Service, database, registering, running
from tests.spec import default_codes
from tests.strategies import World, values

registry.load()

BLNS = Path(__file__).parents[3] / "shared" / "data" / "blns" / "blns.json"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


# Deep, huge, odd bodies

REGISTER = "/v1/customers/register"


def posted(service: Service, content: Any, path: str = REGISTER) -> tuple[int, list[str]]:
    """Status of a raw body, and the fields that the problem names."""
    response = service.client.post(path, content=content, headers=JSON)
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code, [e["field"] for e in response.json().get("errors", ())]


@pytest.mark.parametrize("depth", [33, 300, 1_000, 10_000, 100_000])
@pytest.mark.parametrize("path", [REGISTER, "/v1/batch"])
def test_deep_nesting_is_refused(service: Service, depth: int, path: str) -> None:
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        deep = opening * depth + b"1" + closing * depth
        for field in (b"custom", b"commands", b"meta", b"x"):
            status, named = posted(service, b'{"%b":%b}' % (field, deep), path)
            assert (status, named) in ((422, ["body"]), (400, []))
        item = b'{"commands":[{"command":"customers/register","body":{"custom":%b}}]}' % deep
        assert posted(service, item, "/v1/batch")[0] in (400, 422)


def chunks(size: int) -> Iterator[bytes]:
    yield b'{"name":"'
    for _ in range(size // 65_536):
        yield b"x" * 65_536
    yield b'"}'


@pytest.mark.parametrize("megabytes", [2, 50])
def test_a_huge_body_is_refused_before_it_is_kept(service: Service, megabytes: int) -> None:
    whole = b'{"name":"%b"}' % (b"x" * megabytes * 1_000_000)
    assert posted(service, whole) == (413, [])
    if megabytes > 8:
        assert posted(service, whole, "/v1/batch") == (413, [])
    assert posted(service, chunks(megabytes * 1_000_000)) == (413, [])
    assert service.customer()


def test_a_text_within_the_limit_of_the_body_is_refused_by_name(service: Service) -> None:
    body = registering(notes="长" * 20_001, region="x" * 301, tags=["a"] * 101)
    status, named = posted(service, json.dumps(body, ensure_ascii=False).encode())
    assert (status, sorted(named)) == (422, ["notes", "region", "tags"])
    assert service.customer(notes="长" * 20_000, region="x" * 300)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"name":"a","name":"b"}', "name"),
        (b'{"name":"a:","x":{"b":1,"b":1}}', "b"),
        (b'{"tags":[{"z":1,"\\u007a":2}]}', "z"),
        (b'{"annual_revenue":{"amount":"1","currency":"CNY","amount":"2"}}', "amount"),
    ],
)
def test_a_field_given_twice_is_refused(service: Service, body: bytes, field: str) -> None:
    assert posted(service, body) == (422, [field])
    inside = b'{"commands":[{"command":"customers/register","body":%b}]}' % body
    assert posted(service, inside, "/v1/batch") == (422, [field])


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"\\ud800"}',
        b'{"name":"\\udc00\\ud800"}',
        b'{"name":"\xed\xa0\x80"}',
        b'{"name":"\xff"}',
        b'\xef\xbb\xbf{"name":"a"}',
        b'{"employees":1e400}',
        b'{"employees":Infinity}',
        b'{"name":"a\x00"}',
        b'{"name":"a"}{"name":"b"}',
        b'{"name":"a",}',
        b"{" * 1_000_000,
        "{}".encode("utf-16"),
    ],
)
def test_what_is_no_json_is_refused(service: Service, body: bytes) -> None:
    assert posted(service, body) == (400, [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "a\x00b"),
        ("name", "有限公司"),
        ("name", "、、"),
        ("name", "上海\n晨光有限公司"),
        ("name", "\u200b"),
        ("notes", "\u200b"),
        ("primary_contact", {"name": "\u200b", "phone": "13812345678"}),
        ("notes", "\x00"),
        ("employees", -1),
        ("employees", 10**18),
        ("employees", 10**30),
        ("employees", 1.5),
        ("employees", "250"),
        ("employees", True),
        ("founded_on", "9999-12-31"),
        ("founded_on", "0001-01-01"),
        ("founded_on", "2023-02-29"),
        ("founded_on", "86400"),
        ("founded_on", 0),
        ("annual_revenue", {"amount": "1e9", "currency": "CNY"}),
        ("annual_revenue", {"amount": "9" * 16, "currency": "CNY"}),
        ("annual_revenue", {"amount": "1.005", "currency": "CNY"}),
        ("annual_revenue", {"amount": "0.5", "currency": "JPY"}),
        ("annual_revenue", {"amount": "1", "currency": "RMB"}),
        ("annual_revenue", {"amount": "1", "currency": "XAU"}),
        ("annual_revenue", {"amount": 1, "currency": "CNY"}),
        ("annual_revenue", {"amount": "1", "currency": "CNY", "rate": 7}),
        ("annual_revenue", "1 CNY"),
        ("custom", {"x": 2**53 + 1}),
        ("custom", {"x": 2**70}),
        ("custom", {"x": [1]}),
        ("custom", {"X": 1}),
        ("custom", {f"x{n}": 1 for n in range(201)}),
        ("external", {"system": "a b", "id": "1"}),
        ("external", {"system": "a"}),
        ("parent_id", "x"),
        ("owner_id", "8d0f6c1e-5a0b-4c57-9d8e-3f1c2b7a6e90"),
        ("industry", "alchemy"),
        ("industry", "\x00"),
        ("tags", "a"),
        ("tags", [""]),
        ("confirm_distinct", "yes"),
        ("primary_contact", {"name": "a", "phone": "1"}),
        ("primary_contact", []),
        ("merged_into", "8d0f6c1e-5a0b-4c57-9d8e-3f1c2b7a6e90"),
        ("number", "KH-2026-000001"),
        ("version", 1),
        ("__proto__", {}),
        ("", 1),
    ],
)
def test_absurd_values_are_refused_by_name(service: Service, field: str, value: Any) -> None:
    status, named = posted(service, json.dumps(registering(**{field: value})).encode())
    assert status == 422
    assert named
    assert {name.split(".")[0] for name in named} == {field}


def test_a_sign_that_nobody_sees_makes_no_other_customer(service: Service) -> None:
    first = service.made("customers/register", registering(name="上海无形电子有限公司"))
    for unseen in "\u202c\u200b\u2066\u061c\u00ad":
        again = service.post(
            "customers/register", registering(name=f"上海无形{unseen}电子有限公司")
        )
        assert again.status_code == 409, again.text
        assert again.json()["existing_id"] == first["id"]
    assert service.customer(phone="\u202d13812345678\u202c", notes="👩\u200d🚀")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers/%00",
        "/v1/customers/%ff",
        "/v1/customers/..%2f..%2fetc%2fpasswd",
        "/v1/customers/" + "a" * 8_000,
        "/v1/customers?limit=99999999999999999999",
        "/v1/customers?sort=%00",
        "/v1/customers?name=%00",
        "/v1/customers?cursor=%F0%9F%92%A9",
        "/v1/customers?as_of=9999999999999999999999",
        "/v1/customers?employees.gte=1e400",
        "/v1/customers?" + "&".join(f"name=x{n}" for n in range(2_000)),
        "/v1/events?after=-1",
        "/v1/events?after=99999999999999999999999",
        "/v1/queries/%00",
    ],
)
def test_odd_addresses_are_answered_with_a_problem(service: Service, path: str) -> None:
    response = service.client.get(path)
    assert 400 <= response.status_code < 500
    assert response.headers["Content-Type"] == "application/problem+json"


# Naughty strings


def naughty() -> list[str]:
    if not BLNS.exists():
        pytest.skip("the naughty strings of ../shared/data are not here")
    strings: list[str] = json.loads(BLNS.read_text("utf-8"))
    assert len(strings) > 500
    return list(dict.fromkeys(strings))


class Sent:
    """One command with a text put wherever a text goes, and what became of it."""

    def __init__(self, command: str, id: str | None, body: dict[str, Any]) -> None:
        self.command, self.id, self.body = command, id, body

    def item(self) -> dict[str, Any]:
        return {"command": self.command, "id": self.id, "body": self.body}

    def without(self, fields: list[str]) -> "Sent":
        """The same without what was refused by name."""
        body = {n: v for n, v in self.body.items() if not any(_is_of(f, n) for f in fields)}
        return Sent(self.command, self.id, body)


def _is_of(refused: str, field: str) -> bool:
    return refused == field or refused.startswith(f"{field}.")


def results(service: Service, sent: list[Sent]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for start in range(0, len(sent), 500):
        batch = {"commands": [one.item() for one in sent[start : start + 500]]}
        response = service.post("batch", batch)
        assert response.status_code == 200, response.text
        found += response.json()["results"]
    return found


def carried_out(service: Service, sent: list[Sent], required: set[str]) -> list[tuple[Sent, Any]]:
    """What was accepted, with its receipt: fields that are refused by name are left out, and what
    is required and refused leaves nothing to send."""
    done, again = [], []
    for one, result in zip(sent, results(service, sent), strict=True):
        if result["status"] == 422:
            refused = [error["field"] for error in result["errors"]]
            assert refused
            if not any(_is_of(field, name) for field in refused for name in required):
                again.append(one.without(refused))
        else:
            assert result["status"] in (200, 201), result
            done.append((one, result))
    final = results(service, again)
    assert {r["status"] for r in final} <= {200, 201}, [r for r in final if r["status"] > 201][:1]
    return [*done, *zip(again, final, strict=True)]


def kept(service: Service, sent: Sent, receipt: dict[str, Any]) -> None:
    """What was sent is in the log, code point by code point."""
    log, mapper = service.backstory.log, service.backstory.mapper
    stream = log.stream(UUID(receipt["id"]), after=receipt["version"] - 1, limit=1)
    [event] = mapper.read_all(stream)
    said = json.loads(event.model_dump_json(exclude_unset=True))
    for name, value in sent.body.items():
        if name in said:
            assert said[name] == value, (sent.command, name)
            assert repr(said[name]) == repr(value)


TEXTS = (
    *("short_name", "region", "address", "postcode", "website", "management_style", "notes"),
    *("industry_standing", "main_customers", "business_group", "channel"),
)


def customer_with(text: str, number: int) -> Sent:
    body = registering(name=f"{text} {number} 号有限公司", **dict.fromkeys(TEXTS, text))
    body["primary_contact"] = {"name": "王芳", "phone": "13812345678"}
    body["external"] = {"system": "blns", "id": text}
    body["custom"] = {"text": text}
    body["tags"] = [text]
    return Sent("customers/register", None, body)


@pytest.mark.timeout(300)
def test_a_naughty_string_comes_back_as_it_was_or_is_refused(service: Service) -> None:
    sent = [customer_with(text, n) for n, text in enumerate(naughty())]
    done = carried_out(service, sent, {"name", "primary_contact"})
    assert len(done) > 450
    for one, receipt in done:
        kept(service, one, receipt)
    last = max(receipt["position"] for _, receipt in done)
    service.client.get("/v1/customers", params={"after": last, "limit": 1}).raise_for_status()
    for one, receipt in done:
        row = service.client.get(f"/v1/customers/{receipt['id']}").json()
        shown = {name: row[name] for name in one.body if name in row}
        assert shown == {name: value for name, value in one.body.items() if name in row}


TAKES_AWAY = {"customers/untag", "users/revoke-api-key"}
_simplest: dict[str, Any] = {}


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(23, marks=pytest.mark.timeout(300)),
        pytest.param(1, marks=[pytest.mark.soak, pytest.mark.timeout(3_600)]),
    ],
)
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_naughty_strings_in_every_field_of_every_command(
    service: Service, name: str, step: int
) -> None:
    """Whatever the field's type: kept as it was, or refused by name; the history can be read."""
    command, sent = COMMANDS[name], []
    first = sorted(COMMANDS).index(name) % step  # together the commands try all of them
    for text in naughty()[first::step]:
        for field, value in placed(command, text):
            id = None if command.CREATES else target(service, command.AGGREGATE)
            body = {**required(service, command), field: value}
            sent.append((text, Sent(name, id, body)))
    answers = results(service, [one for _, one in sent])
    assert {answer["status"] for answer in answers} <= {200, 201, 409, 422}
    accepted = [
        (text, answer)
        for (text, _), answer in zip(sent, answers, strict=True)
        if answer["status"] < 300
    ]
    for text, receipt in accepted:
        changed_nothing = not command.CREATES and receipt["version"] == 1
        assert changed_nothing or name in TAKES_AWAY or text in said(service, receipt)
    for id in sorted({receipt["id"] for _, receipt in accepted})[:20]:
        history = service.client.get(f"/v1/{name.split('/')[0]}/{id}/history")
        assert history.status_code == 200, history.text


def placed(command: type[Command], text: str) -> Iterator[tuple[str, Any]]:
    """(field, value) with the text as the value, or inside it where the field has parts."""
    for field, info in command.model_fields.items():
        yield field, text
        for shape in ([text], {"x": text}, {"system": "blns", "id": text}):
            with suppress(ValidationError):
                TypeAdapter(info.rebuild_annotation()).validate_json(json.dumps(shape))
                yield field, shape
        if info.annotation is ContactDetails:
            yield field, {**CONTACT, "name": text}
            yield field, {**CONTACT, "job_title": text}
    yield "meta", {"reason": text}
    yield "meta", {"occurred_at": text}
    yield "meta", text


def required(service: Service, command: type[Command]) -> dict[str, Any]:
    """Values of the fields that must be there; free texts are new each time."""
    fields = {n: f.rebuild_annotation() for n, f in command.model_fields.items() if f.is_required()}
    return {name: required_value(service, annotation) for name, annotation in fields.items()}


def required_value(service: Service, annotation: Any) -> Any:
    value = to_jsonable_python(simplest(service, annotation))
    if get_args(annotation)[:1] == (str,) and not list(markers(annotation, Code)):
        with suppress(ValidationError):
            return TypeAdapter(annotation).validate_python(uuid4().hex)
    return value


def simplest(service: Service, annotation: Any) -> Any:
    """A value that a field of this annotation takes; records that it names exist."""
    if not _simplest:
        _simplest["customer"] = UUID(service.customer())
    world = World(
        ids={"Customer": [_simplest["customer"]], "User": [LOCAL]},
        codes={**{dictionary: [code] for dictionary, code in default_codes()}, "stage": ["lead"]},
    )
    if repr(annotation) not in _simplest:
        quiet = settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
        _simplest[repr(annotation)] = find(values(annotation, world), bool, settings=quiet)
    return _simplest[repr(annotation)]


def said(service: Service, receipt: dict[str, Any]) -> set[str]:
    """Every text in what the command recorded, its reason included."""
    log, mapper = service.backstory.log, service.backstory.mapper
    [own] = log.stream(UUID(receipt["id"]), after=receipt["version"] - 1, limit=1)
    assert log.wait_for_head(own.position - 1, 10) is not None
    events = [e for e in log.log(own.position - 1, limit=3) if e.command_id == own.command_id]
    texts: set[str] = set()
    for event in mapper.read_all(events):
        texts |= {event.envelope.reason or "", *strings(event.model_dump(mode="json"))}
    return texts


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


def target(service: Service, kind: type[Aggregate]) -> str:
    """A new record of the kind that commands can be sent to."""
    creating = [c for c in COMMANDS.values() if c.CREATES and c.AGGREGATE is kind]
    begin = next((c for c in creating if c.IS_REMOTE), creating[0])
    body = required(service, begin)
    if kind.KIND == "Task":  # until then nobody but us changes it
        body["due_at"] = "2100-01-01T00:00:00Z"
    if begin.IS_REMOTE:
        return str(service.made(begin.NAME, body)["id"])
    made = Request(begin.model_validate(body))
    return str(service.backstory.application.dispatch(made, Caller(LOCAL, origin=IMPORT)).id)
