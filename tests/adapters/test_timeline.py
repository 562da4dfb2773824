"""The timeline: one life of a customer's whole family, told from the log, page by page."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from adapters.postgres.reads.asof import NOW, Moment, Recorded
from aggregates.errors import NotFound, kebab
from aggregates.values import Money
from commands.base import COMMANDS
from commands.ports import StoredEvent
from commands.requests import Receipt
from projections.base import Projection
from tests.adapters.serving import Served, serving

YEAR = datetime(2017, 1, 1, tzinfo=UTC)
CONTACT = {"name": "王芳", "phone": "+86 21 6288 1234"}


@pytest.fixture
def parts(database_url: str) -> Iterator[Served]:
    with Served(database_url) as served:
        yield served


@pytest.fixture
def client(parts: Served) -> Iterator[httpx.Client]:
    with serving(parts) as client:
        yield client


def run(
    served: Served, command: str, id: UUID | None, at: datetime | None = None, /, **fields: Any
) -> Receipt:
    reason = fields.pop("reason", None) if command == "customers/change-details" else None
    return served.do(COMMANDS[command].model_validate(fields), id, at=at, reason=reason)


def customer(served: Served, name: str, at: datetime | None = None) -> UUID:
    given = {"industry": "other", "source": "other", "primary_contact": CONTACT}
    return run(served, "customers/register", None, at, name=name, **given).id


def opportunity(served: Served, of: UUID, at: datetime | None = None, **fields: Any) -> UUID:
    given = {
        "title": "年度框架",
        "customer_id": of,
        "amount": Money(amount=Decimal(5), currency="CNY"),
    }
    return run(served, "opportunities/open", None, at, **(given | fields)).id


def told(client: httpx.Client, id: UUID, language: str = "zh", **query: Any) -> list[Any]:
    """Every page of the timeline."""
    path, headers = f"/v1/customers/{id}/timeline", {"Accept-Language": language}
    items: list[Any] = []
    while True:
        answer = client.get(path, params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        if page["next"] is None:
            return items
        query["cursor"] = page["next"]


def test_one_life_across_everything(parts: Served, client: httpx.Client) -> None:
    acme = customer(parts, "上海测试有限公司", YEAR)
    deal = opportunity(parts, acme, YEAR + timedelta(days=10))
    said = {"channel": "call", "subject": "询价", "content": "要三台"}
    run(parts, "customers/record-interaction", acme, YEAR + timedelta(days=20), **said)
    run(parts, "opportunities/win", deal, won_on="2017-03-01")
    rename = {"name": "上海样例有限公司", "reason": "工商变更"}
    run(parts, "customers/change-details", acme, YEAR + timedelta(days=90), **rename)
    parts.caught_up()
    items = told(client, acme)
    assert [(i["event"], i["record"]["kind"], i["record"]["title"]) for i in items] == [
        ("Customer.DetailsChanged", "customer", "上海样例有限公司"),
        ("Opportunity.Won", "opportunity", "年度框架"),
        ("Customer.InteractionRecorded", "customer", "上海测试有限公司"),
        ("Opportunity.Opened", "opportunity", "年度框架"),
        ("Contact.Added", "contact", "王芳"),
        ("Customer.Registered", "customer", "上海测试有限公司"),
    ]
    assert items[3]["sentence"].startswith("为“上海测试有限公司”新建了商机“年度框架”")
    assert items[3]["record"]["number"].startswith("SJ-")
    assert [i["position"] for i in told(client, acme, clock="recorded")] == sorted(
        (i["position"] for i in items), reverse=True
    )
    for item in items:
        plural = {"opportunity": "opportunities"}.get(item["record"]["kind"])
        plural = plural or f"{item['record']['kind']}s"
        path = f"/v1/{plural}/{item['record']['id']}/history"
        history = client.get(path, params={"clock": "occurred"}, headers={"Accept-Language": "zh"})
        same = [i for i in history.json()["items"] if i["position"] == item["position"]]
        assert same == [{n: v for n, v in item.items() if n != "record"}]
    assert [i["event"] for i in told(client, acme, channel="call")] == [
        "Customer.InteractionRecorded"
    ]
    assert told(client, acme, channel="visit") == []
    assert {i["record"]["kind"] for i in told(client, acme, kind=["opportunity", "contact"])} == {
        "opportunity",
        "contact",
    }
    assert len(told(client, acme, event=["Opportunity.Won", "Contact.Added"])) == 2
    assert [i["event"] for i in told(client, acme, as_of="2017-01-15")] == [
        "Opportunity.Opened",
        "Contact.Added",
        "Customer.Registered",
    ]


def test_what_moved_is_told_on_both_sides(parts: Served, client: httpx.Client) -> None:
    acme, other = customer(parts, "上海测试有限公司"), customer(parts, "北京样例有限公司")
    deal = opportunity(parts, acme)
    parts.caught_up()
    before = run(parts, "opportunities/advance", deal, stage="proposal").position
    run(parts, "opportunities/move", deal, customer_id=other)
    last = run(parts, "opportunities/advance", deal, stage="negotiating")
    query: dict[str, Any] = {"kind": "opportunity", "clock": "recorded", "after": last.position}
    events = ["Opportunity.Advanced", "Opportunity.Moved", "Opportunity.Advanced"]
    assert [i["event"] for i in told(client, other, **query)] == [*events, "Opportunity.Opened"]
    assert [i["event"] for i in told(client, acme, **query)] == [*events[1:], "Opportunity.Opened"]
    then: dict[str, Any] = {"kind": "opportunity", "as_of": before}
    assert told(client, other, **then) == []
    assert len(told(client, acme, **then)) == 2


def test_a_family_has_one_timeline(parts: Served, client: httpx.Client) -> None:
    acme, twin = customer(parts, "上海测试有限公司"), customer(parts, "上海测试公司总部有限公司")
    opportunity(parts, twin)
    before = run(parts, "customers/tag", acme, tags=["重点"]).position
    merged = run(parts, "customers/merge", twin, into_id=acme).position
    parts.caught_up()
    items = told(client, acme, clock="recorded")
    assert {i["record"]["id"] for i in items} >= {str(acme), str(twin)}
    assert "Opportunity.Opened" in {i["event"] for i in items}
    early = told(client, acme, as_of=before)
    assert {i["record"]["kind"] for i in early} == {"customer", "contact"}
    whole = client.get(f"/v1/customers/{acme}/360", params={"after": merged}).json()
    assert whole["opportunities"]["count"] == 1
    assert [c["id"] for c in whole["merged"]] == [str(twin)]
    assert client.get(f"/v1/customers/{twin}").json()["merged_into"] == str(acme)
    last = run(parts, "customers/unmerge", twin).position
    whole = client.get(f"/v1/customers/{acme}/360", params={"after": last}).json()
    assert (whole["opportunities"]["count"], whole["merged"]) == (0, [])
    whole = client.get(f"/v1/customers/{acme}/360", params={"as_of": merged}).json()
    assert (whole["opportunities"]["count"], len(whole["merged"])) == (1, 1)


def test_pages_of_random_lives_are_what_the_log_holds(parts: Served, client: httpx.Client) -> None:
    draw = random.Random(3)
    customers = [customer(parts, f"样例{n}有限公司", some_day(draw)) for n in range(3)]
    deals = [opportunity(parts, draw.choice(customers), some_day(draw)) for _ in range(6)]
    for _ in range(40):
        deal, at = draw.choice(deals), some_day(draw)
        if draw.random() < 0.3:
            run(parts, "opportunities/move", deal, at, customer_id=draw.choice(customers))
        else:
            summary = f"第{draw.randrange(9)}稿"
            run(parts, "opportunities/change-details", deal, at, summary=summary)
    head = parts.caught_up()
    log = [e for events in parts.log.scan() for e in events]
    for id in customers:
        for position in draw.sample(range(1, head), 4):
            known = [e for e in log if e.position <= position]
            if not any(e.stream_id == id for e in known):
                continue
            items = told(client, id, as_of=position, limit=7)
            own = {d for d in deals if belongs(parts, d, id, Recorded(position))}
            found = [i["position"] for i in items]
            assert found == sorted(expected(id, known, own), reverse=True)
        items = told(client, id, limit=7)
        own = {d for d in deals if belongs(parts, d, id, NOW)}
        assert {i["position"] for i in items} == expected(id, log, own)
        order = [(i["occurred_at"], i["position"]) for i in items]
        assert order == sorted(order, reverse=True)
        assert [kebab(e.kind) for i in items for e in log if e.position == i["position"]] == [
            i["record"]["kind"] for i in items
        ]


def some_day(draw: random.Random) -> datetime:
    return YEAR + timedelta(days=draw.randrange(365))


def belongs(served: Served, deal: UUID, customer: UUID, moment: Moment) -> bool:
    try:
        row = served.records.at(Projection.registry["opportunities"], deal, moment)
    except NotFound:
        return False
    return bool(vars(row)["customer_id"] == customer)


def expected(id: UUID, log: list[StoredEvent], own: set[UUID]) -> set[int]:
    """What was recorded under the customer, what took it away, and all of what is its own."""
    streams: dict[UUID, list[StoredEvent]] = {}
    for event in log:
        streams.setdefault(event.stream_id, []).append(event)
    found: set[int] = set()
    for events in streams.values():
        owners = [e.customer_id for e in events]
        for n, event in enumerate(events):
            was = n and owners[n - 1] == id and owners[n] is not None
            if owners[n] == id or was or event.stream_id in own:
                found.add(event.position)
    return found


def test_what_cannot_be_asked_is_refused_by_name(parts: Served, client: httpx.Client) -> None:
    acme = customer(parts, "上海测试有限公司")
    parts.caught_up()
    for query, field in {
        "limit=0": "limit",
        "limit=201": "limit",
        "cursor=x": "cursor",
        "cursor=999999": "cursor",
        "kind=nonsense": "kind",
        "event=Customer.Nonsense": "event",
        "event=a&event=b": "event",
        "sort=id": "sort",
        "channel=%00": "channel",
        "as_of=1&clock=occurred": "as_of",
    }.items():
        answer = client.get(f"/v1/customers/{acme}/timeline?{query}")
        assert answer.status_code == 422, query
        assert [e["field"] for e in answer.json()["errors"]] == [field]
    assert client.get(f"/v1/customers/{uuid4()}/timeline").status_code == 404
    early = client.get(f"/v1/customers/{acme}/timeline", params={"as_of": "2001-01-01"})
    assert early.status_code == 404


def test_a_cursor_fits_its_own_timeline_only(parts: Served, client: httpx.Client) -> None:
    acme, other = customer(parts, "上海测试有限公司"), customer(parts, "北京测试有限公司")
    for tag in "甲乙":
        run(parts, "customers/tag", acme, tags=(tag,))
        run(parts, "customers/tag", other, tags=(tag,))
    parts.caught_up()
    path = f"/v1/customers/{acme}/timeline"
    page = client.get(path, params={"limit": 1}).json()
    strange = client.get(f"/v1/customers/{other}/timeline", params={"limit": 1}).json()
    assert client.get(path, params={"cursor": page["next"]}).status_code == 200
    for query in (
        {"cursor": strange["next"]},
        {"cursor": str(strange["items"][0]["position"])},
        {"cursor": str(page["items"][0]["position"])},
        {"cursor": page["next"], "kind": "customer"},
        {"cursor": page["next"], "clock": "recorded"},
    ):
        answer = client.get(path, params=query)
        assert answer.status_code == 422, query
        assert [e["field"] for e in answer.json()["errors"]] == ["cursor"]


def test_the_document_says_what_is_answered(parts: Served, client: httpx.Client) -> None:
    jsonschema = pytest.importorskip("jsonschema_rs")
    acme = customer(parts, "上海测试有限公司")
    opportunity(parts, acme)
    parts.caught_up()
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v1/customers/{id}/timeline"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    schema |= {"components": document["components"]}
    page = client.get(f"/v1/customers/{acme}/timeline").json()
    jsonschema.validator_for(schema, validate_formats=True).validate(page)
    taken = {p["name"] for p in operation["parameters"]}
    assert {"kind", "event", "channel", "limit", "cursor", "as_of", "clock", "after"} <= taken
