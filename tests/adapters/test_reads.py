"""Reads over HTTP: what callers get, what they are refused, what the document says of it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from adapters.postgres.reads.filters import filterable
from aggregates.values import ExternalId, Money
from commands.base import COMMANDS
from commands.requests import Receipt, relaxed
from projections.base import Projection
from queries.base import QUERIES
from tests.adapters.serving import Served, serving

YEAR = datetime(2017, 1, 1, tzinfo=UTC)
CONTACT = {"name": "王芳", "phone": "+86 21 6288 1234"}
RESERVED = (
    *("sort", "limit", "cursor", "count", "as_of", "clock", "after", "archived", "import_id"),
)


@pytest.fixture
def parts(database_url: str) -> Iterator[Served]:
    with Served(database_url) as parts:
        yield parts


@pytest.fixture
def client(parts: Served) -> Iterator[httpx.Client]:
    with serving(parts) as client:
        yield client


def run(parts: Served, command: str, id: UUID | None = None, /, **fields: Any) -> Receipt:
    said = {n: fields.pop(n) for n in ("at", "origin", "incomplete") if n in fields}
    if said.get("incomplete"):
        model = relaxed(COMMANDS[command], frozenset(said["incomplete"]))
    else:
        model = COMMANDS[command]
    return parts.do(model.model_validate(fields), id, **said)


def customer(parts: Served, name: str, **fields: Any) -> Receipt:
    given = {"industry": "software", "source": "website", "primary_contact": CONTACT}
    given = {n: v for n, v in (given | fields).items() if n not in fields.get("incomplete", ())}
    return run(parts, "customers/register", name=name, **given)


def opportunity(parts: Served, customer_id: UUID, amount: str | None, **fields: Any) -> Receipt:
    given: dict[str, Any] = {"title": "框架", "customer_id": customer_id}
    if amount is not None:
        given["amount"] = Money(amount=Decimal(amount), currency=fields.pop("currency", "CNY"))
    return run(parts, "opportunities/open", **(given | fields))


def got(client: httpx.Client, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_row_is_answered_as_it_was_entered(parts: Served, client: httpx.Client) -> None:
    receipt = customer(
        parts,
        "上海测试有限公司",
        annual_revenue=Money(amount=Decimal("1200000.5"), currency="CNY"),
        founded_on="1998-07-01",
        tags=("重点",),
        external=ExternalId(system="sap", id="K/47 %11"),
        custom={"tier": 2},
    )
    answer = client.get(f"/v1/customers/{receipt.id}", params={"after": receipt.position})
    row = answer.json()
    assert answer.headers["etag"] == '"1"'
    assert row["annual_revenue"] == {"amount": "1200000.50", "currency": "CNY"}
    assert row["founded_on"] == "1998-07-01"
    assert row["tags"] == ["重点"]
    assert row["custom"] == {"tier": 2}
    assert row["created_at"].endswith("Z")
    assert (row["id"], row["version"]) == (str(receipt.id), 1)
    listed = got(client, "/v1/customers", after=receipt.position)
    assert listed["items"] == [row]
    assert listed["next"] is None
    assert listed["position"] >= receipt.position
    assert got(client, "/v1/customers/by-external/sap/K%2F47%20%2511") == row
    assert got(client, f"/v1/customers/{receipt.id}", as_of=receipt.position) == row
    assert got(client, "/v1/customers", as_of=receipt.position)["items"] == [row]


def test_a_record_can_be_read_the_moment_it_is_recorded(database_url: str) -> None:
    with Served(database_url, projecting=False) as parts, serving(parts) as client:
        parts.project()
        parts.runner.stop()
        receipt = customer(parts, "上海测试有限公司")
        assert got(client, f"/v1/customers/{receipt.id}")["version"] == 1
        run(parts, "customers/classify", receipt.id, grade="a")
        assert got(client, f"/v1/customers/{receipt.id}")["grade"] == "a"
        assert got(client, "/v1/customers")["items"] == [], "the view is behind"


def test_a_read_waits_for_the_view(database_url: str) -> None:
    with Served(database_url, projecting=False) as parts, serving(parts) as client:
        receipt = customer(parts, "上海测试有限公司")
        starting = Thread(target=parts.project)
        timer = time.monotonic()
        starting.start()
        deadline = timer + 30
        while (answer := client.get("/v1/customers", params={"after": receipt.position})).is_error:
            assert answer.status_code == 503
            assert answer.json()["type"].endswith("not-yet")
            assert int(answer.headers["retry-after"]) >= 1
            assert time.monotonic() < deadline
        assert [row["id"] for row in answer.json()["items"]] == [str(receipt.id)]
        starting.join(30)


def test_a_position_that_is_not_there_is_not_waited_for_long(
    parts: Served, client: httpx.Client
) -> None:
    head = parts.caught_up()
    for position, longest in ((head + 1, 4.0), (2**63 - 1, 1.0)):
        begun = time.monotonic()
        answer = client.get("/v1/users", params={"after": position})
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert time.monotonic() - begun < longest


def test_lists_filter_sort_count_and_page(parts: Served, client: httpx.Client) -> None:
    acme = customer(parts, "上海测试有限公司").id
    for n in range(7):
        opportunity(parts, acme, str(n % 3), title=f"框架{n}")
    parts.caught_up()
    query: dict[str, Any] = {"amount.gte": "1", "sort": "-amount", "limit": "2", "count": "exact"}
    found, cursor = [], None
    while True:
        page = got(client, "/v1/opportunities", **query, **({"cursor": cursor} if cursor else {}))
        assert page["count"] == 4
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert [row["amount"]["amount"] for row in found] == ["2.00", "2.00", "1.00", "1.00"]
    titles = got(client, "/v1/opportunities", **{"title.contains": "架6"})["items"]
    assert [row["title"] for row in titles] == ["框架6"]
    both = client.get("/v1/opportunities?title=框架1&title=框架2&sort=title").json()["items"]
    assert [row["title"] for row in both] == ["框架1", "框架2"]


def test_records_are_read_as_of_any_day(parts: Served, client: httpx.Client) -> None:
    acme = customer(parts, "上海测试有限公司", at=datetime(2016, 1, 1, tzinfo=UTC)).id
    id = opportunity(parts, acme, "5", at=datetime(2017, 3, 1, 12, tzinfo=UTC)).id
    run(parts, "opportunities/win", id, won_on="2017-06-01")
    head = parts.caught_up()
    path = f"/v1/opportunities/{id}"
    assert client.get(path, params={"as_of": "2017-02-28"}).status_code == 404
    assert got(client, path, as_of="2017-03-01")["stage"] == "lead"
    assert got(client, path, as_of="2017-05-31")["stage"] == "lead"
    assert got(client, path, as_of="2017-06-01")["stage"] == "won"
    assert got(client, path, as_of=head - 1)["stage"] == "lead"
    assert got(client, path, as_of="2100-01-01")["stage"] == "won"
    long_ago = {"as_of": "2017-12-31", "clock": "recorded"}
    assert client.get(path, params=long_ago).status_code == 404, "nobody knew of it then"

    def stages(**query: Any) -> list[Any]:
        return [
            (i["stage"], i["opportunities"], i["amount"])
            for i in got(client, "/v1/queries/pipeline", **query)["items"]
        ]

    five = {"amount": "5.00", "currency": "CNY"}
    assert stages() == [("won", 1, five)]
    assert stages(as_of="2017-05-31") == [("lead", 1, five)]
    assert stages(as_of="2017-02-01") == []
    assert stages(**long_ago) == []


def test_the_pipeline_is_ordered_and_never_mixes_currencies(
    parts: Served, client: httpx.Client
) -> None:
    acme = customer(parts, "上海测试有限公司").id
    owner = run(parts, "users/add", login="li", name="李雷").id
    opportunity(parts, acme, "5.5", stage="proposal", owner_id=owner)
    opportunity(parts, acme, "7", stage="proposal", currency="JPY")
    opportunity(parts, acme, "4.5", stage="proposal")
    opportunity(parts, acme, "999999999999999.99", stage="lead")
    opportunity(parts, acme, "999999999999999.99", stage="lead")
    lacking = opportunity(parts, acme, None, origin="import", incomplete=("amount",))
    parts.caught_up()
    answer = got(client, "/v1/queries/pipeline", after=lacking.position)
    assert [
        (i["stage"], i["opportunities"], i["amount"] and tuple(i["amount"].values()))
        for i in answer["items"]
    ] == [
        ("lead", 2, ("1999999999999999.98", "CNY")),
        ("lead", 1, None),
        ("proposal", 2, ("10.00", "CNY")),
        ("proposal", 1, ("7", "JPY")),
    ]
    mine = got(client, "/v1/queries/pipeline", owner_id=str(owner), pipeline="sales")["items"]
    assert [(i["stage"], i["opportunities"]) for i in mine] == [("proposal", 1)]
    assert got(client, "/v1/queries/pipeline", pipeline="other")["items"] == []


def test_what_an_import_left_out_is_listed(parts: Served, client: httpx.Client) -> None:
    lacking = customer(
        parts,
        "进口有限公司",
        origin="import",
        incomplete=("source", "primary_contact"),
    )
    opportunity(parts, lacking.id, None, origin="import", incomplete=("amount",))
    customer(parts, "完整有限公司")
    parts.caught_up()
    items = got(client, "/v1/queries/incomplete")["items"]
    assert [(i["kind"], i["title"], sorted(i["fields"])) for i in items] == [
        ("customer", "进口有限公司", ["primary_contact", "source"]),
        ("opportunity", "框架", ["amount"]),
    ]
    assert items[0]["number"].startswith("KH-")
    assert items[0]["table"] == "customers"
    for kind in ("opportunity", "opportunities"):
        only = got(client, "/v1/queries/incomplete", kind=kind)["items"]
        assert [i["kind"] for i in only] == ["opportunity"]
    for kind in ("dictionary-entry", "dictionary-entries", "users"):
        assert got(client, "/v1/queries/incomplete", kind=kind)["items"] == []
    contactless = got(client, "/v1/queries/incomplete", field="primary_contact")["items"]
    assert contactless == items[:1]
    assert got(client, "/v1/queries/incomplete", field="source")["items"] == items[:1]
    run(parts, "customers/change-details", lacking.id, source="referral")
    parts.caught_up()
    assert got(client, "/v1/queries/incomplete")["items"][0]["fields"] == ["primary_contact"]
    before = got(client, "/v1/queries/incomplete", as_of=lacking.position)["items"]
    assert [i["fields"] for i in before] == [["source", "primary_contact"]]


REFUSED = {
    "/v1/customers?nonsense=1": "nonsense",
    "/v1/customers?limit=0": "limit",
    "/v1/customers?limit=1001": "limit",
    "/v1/customers?limit=5&limit=6": "limit",
    "/v1/customers?count=roughly": "count",
    "/v1/customers?cursor=abc": "cursor",
    "/v1/customers?archived=yes": "archived",
    "/v1/customers?name=%00": "name",
    "/v1/customers?employees=9999999999999999999999": "employees",
    "/v1/customers?as_of=5&clock=occurred": "as_of",
    "/v1/customers?after=-1": "after",
    "/v1/customers?after=9223372036854775808": "after",
    "/v1/customers?%00=1": "\x00",
    "/v1/customers?" + "&".join(["name=x"] * 101): "name",
    "/v1/customers/1": "id",
    "/v1/queries/pipeline?owner_id=1": "owner_id",
    "/v1/queries/pipeline?pipeline=%00": "pipeline",
    "/v1/queries/pipeline?owner=1": "owner",
    "/v1/queries/incomplete?limit=0": "limit",
    "/v1/queries/incomplete?kind=bogus": "kind",
    "/v1/queries/incomplete?kind=": "kind",
    "/v1/queries/incomplete?field=bogus": "field",
    "/v1/events?after=x": "after",
    "/v1/events?limit=1001": "limit",
    "/v1/events?as_of=5": "as_of",
    "/v1/events/stream?after=-5": "after",
}


def test_a_wrong_parameter_is_named_in_the_language_of_the_caller(
    parts: Served, client: httpx.Client
) -> None:
    for path, field in REFUSED.items():
        for language, title in (("zh-CN", "请求的内容有误"), ("en", "The request is not valid")):
            answer = client.get(path, headers={"Accept-Language": language})
            assert answer.status_code == 422, path
            problem = answer.json()
            assert problem["title"] == title
            assert [e["field"] for e in problem["errors"]] == [field], path
            assert "{" not in problem["errors"][0]["message"]
    for path in (f"/v1/customers/{uuid4()}", "/v1/customers/by-external/sap/%00", "/v1/queries/x"):
        assert client.get(path).status_code == 404, path


@pytest.mark.parametrize("beyond", ["20250101", "9223372036854775807"])
def test_a_position_that_the_log_does_not_have_is_no_moment(
    parts: Served, client: httpx.Client, beyond: str
) -> None:
    own = customer(parts, "上海日志有限公司")
    head = parts.caught_up()
    single = f"/v1/customers/{own.id}"
    for path in ("/v1/customers", single, f"{single}/history", "/v1/queries/pipeline"):
        for language, end in (("zh", f"位置 {head}；"), ("en", f"at {head}; a day is written")):
            query = {"as_of": beyond}
            answer = client.get(path, params=query, headers={"Accept-Language": language})
            assert answer.status_code == 422, path
            [error] = answer.json()["errors"]
            assert error["field"] == "as_of"
            assert end in error["message"]
            assert "2025-01-01" in error["message"]
    assert client.get(single, params={"as_of": head + 1}).status_code == 422
    for ahead in ("2100-01-01", str(head)):
        assert got(client, single, as_of=ahead)["version"] == 1


def test_a_receipt_is_a_moment_before_the_head_has_come_to_it(
    parts: Served, client: httpx.Client
) -> None:
    for number in range(5):
        own = customer(parts, f"上海回执 {number} 号有限公司")
        assert got(client, f"/v1/customers/{own.id}", as_of=own.position)["version"] == 1


def test_no_column_is_called_like_a_parameter(parts: Served) -> None:
    for projection in Projection.registry.values():
        assert not projection.row.fields.keys() & set(RESERVED), projection.table


def test_every_read_is_in_the_document(parts: Served, client: httpx.Client) -> None:
    document = got(client, "/openapi.json")
    paths = document["paths"]
    for table, projection in Projection.registry.items():
        taken = {p["name"]: p for p in paths[f"/v1/{table}"]["get"]["parameters"]}
        assert set(RESERVED) <= taken.keys()
        for field, kind in filterable(projection.row).items():
            if not kind.is_open:
                names = {f"{field}.{o}".rstrip(".") for o in kind.operators}
                assert names <= taken.keys()
        assert f"/v1/{table}/{{id}}" in paths
        has_history = f"/v1/{projection.plural}/{{id}}/history" in paths
        assert has_history is not projection.is_of_parts
        schema = document["components"]["schemas"][projection.row.__name__]
        assert schema["properties"].keys() == projection.row.fields.keys()
    for name in QUERIES:
        taken = {p["name"]: p for p in paths[f"/v1/queries/{name}"]["get"]["parameters"]}
        assert all(p["description"] for p in taken.values()), name
    taken = {p["name"]: p for p in paths["/v1/queries/incomplete"]["get"]["parameters"]}
    assert {"customer", "customers", "dictionary-entry"} <= set(taken["kind"]["schema"]["enum"])
    assert {"amount", "primary_contact"} <= set(taken["field"]["schema"]["enum"])
    for path, methods in paths.items():
        operation = methods.get("get")
        if operation is None:  # Imports are read from here, and asked for.
            continue
        assert operation["summary"].endswith("."), path
        assert {"200", "401", "422", "503"} <= operation["responses"].keys(), path
        places = [(p["in"], p["name"]) for p in operation["parameters"]]
        assert len(places) == len(set(places)), path
        assert all("schema" in p for p in operation["parameters"])


def test_answers_are_as_the_document_says(parts: Served, client: httpx.Client) -> None:
    jsonschema = pytest.importorskip("jsonschema_rs")
    acme = customer(
        parts, "上海测试有限公司", annual_revenue=Money(amount=Decimal(1), currency="CNY")
    )
    id = opportunity(parts, acme.id, "5", products=("a",)).id
    parts.caught_up()
    document = got(client, "/openapi.json")
    components = {"components": document["components"]}
    for path, template in (
        ("/v1/customers", "/v1/customers"),
        (f"/v1/customers/{acme.id}", "/v1/customers/{id}"),
        (f"/v1/customers/{acme.id}/history", "/v1/customers/{id}/history"),
        ("/v1/opportunities", "/v1/opportunities"),
        (f"/v1/opportunities/{id}", "/v1/opportunities/{id}"),
        ("/v1/users", "/v1/users"),
        ("/v1/contacts", "/v1/contacts"),
        ("/v1/dictionary_entries", "/v1/dictionary_entries"),
        ("/v1/queries/pipeline", "/v1/queries/pipeline"),
        ("/v1/queries/incomplete", "/v1/queries/incomplete"),
        ("/v1/events", "/v1/events"),
    ):
        answered = document["paths"][template]["get"]["responses"]["200"]
        schema = answered["content"]["application/json"]["schema"] | components
        jsonschema.validator_for(schema, validate_formats=True).validate(got(client, path))
