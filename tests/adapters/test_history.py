"""The history of a record: every kind of event, in both languages, on both clocks."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from aggregates.base import Aggregate, traits
from aggregates.values import Money
from commands.base import COMMANDS
from commands.requests import Receipt
from tests.adapters.serving import Served, serving
from tests.adapters.test_reads import customer


def cny(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="CNY")


@pytest.fixture
def parts(database_url: str) -> Iterator[Served]:
    with Served(database_url) as parts:
        yield parts


@pytest.fixture
def client(parts: Served) -> Iterator[httpx.Client]:
    with serving(parts) as client:
        yield client


def told(client: httpx.Client, path: str, language: str = "zh", **query: Any) -> list[Any]:
    answer = client.get(path, params=query, headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-language"] == language
    items: list[Any] = answer.json()["items"]
    return items


def own_events(kind: str) -> set[str]:
    """Topics of a kind less those that it has of its traits: these are told elsewhere."""
    of = Aggregate.registry[kind]
    inherited = {name for trait in traits(of) for name in vars(trait)}
    return {topic for topic, event in of.EVENTS.items() if event.__name__ not in inherited}


class Story:
    """One record of each kind, with every command carried out on it."""

    def __init__(self, parts: Served) -> None:
        self.parts = parts

    def do(self, command: str, id: UUID | None = None, /, **fields: Any) -> Receipt:
        said = {n: fields.pop(n) for n in ("at", "reason", "origin") if n in fields}
        return self.parts.do(COMMANDS[command].model_validate(fields), id, **said)

    def user(self, login: str, name: str) -> UUID:
        return self.do("users/add", login=login, name=name).id

    def customer(self, name: str, **fields: Any) -> UUID:
        contact = {"name": "王芳", "phone": "+86 21 6288 1234"}
        given = {"industry": "software", "source": "website", "primary_contact": contact}
        return self.do("customers/register", name=name, **(given | fields)).id

    def opportunity(self, customer_id: UUID, **fields: Any) -> UUID:
        given = {"title": "年度框架", "customer_id": customer_id, "amount": cny("120000")}
        return self.do("opportunities/open", **(given | fields)).id


def test_every_event_of_an_opportunity_is_told(parts: Served, client: httpx.Client) -> None:
    story = Story(parts)
    li, zhao = story.user("li", "李雷"), story.user("zhao", "赵敏")
    acme, other = story.customer("上海测试有限公司"), story.customer("北京样例有限公司")
    id = story.opportunity(acme)
    story.do("opportunities/change-details", id, summary="先做试点", products=["CRM", "客服"])
    story.do("opportunities/advance", id, stage="proposal")
    story.do("opportunities/change-amount", id, amount=cny("98000.50"))
    story.do("opportunities/reschedule", id, expected_close_on="2026-12-31")
    story.do("opportunities/assign", id, owner_id=li)
    story.do("opportunities/assign", id, owner_id=zhao)
    story.do("opportunities/move", id, customer_id=other)
    story.do("opportunities/win", id, won_on="2017-03-01", amount=cny("90000"))
    story.do("opportunities/reopen", id)
    story.do("opportunities/lose", id, lost_on="2017-03-05", lost_reason="price", note="太贵")
    story.do("opportunities/record-status", id, stage="lead", origin="import")
    parts.caught_up()
    path = f"/v1/opportunities/{id}/history"
    chinese = told(client, path)
    assert {item["event"] for item in chinese} == own_events("Opportunity")
    assert [item["sentence"] for item in chinese] == [
        "为“上海测试有限公司”新建了商机“年度框架”，金额120,000.00元，阶段为“线索”",
        "填写了意向产品“CRM、客服”；填写了概述“先做试点”",
        "把阶段从“线索”推进到“方案报价”",
        "把金额从120,000.00元改为98,000.50元",
        "把预计成交日期改为2026年12月31日",
        "指定李雷为负责人",
        "指定赵敏为负责人，此前为李雷",
        "把商机从“上海测试有限公司”转到了“北京样例有限公司”名下",
        "赢单，日期2017年3月1日，成交金额90,000.00元",
        "重新打开了商机，回到阶段“方案报价”",
        "输单，日期2017年3月5日，原因：价格（太贵）",
        "照录了阶段，由“已丢单”变为“线索”",
    ]
    english = told(client, path, "en")
    assert [item["sentence"] for item in english] == [
        "Opened the opportunity “年度框架” for “上海测试有限公司”, worth CNY 120,000.00,"
        " at the stage “Lead”",
        "Entered Products “CRM, 客服”; entered Summary “先做试点”",
        "Moved it from “Lead” to the stage “Proposal”",
        "Changed the amount from CNY 120,000.00 to CNY 98,000.50",
        "Rescheduled the closing to 31 December 2026",
        "Made 李雷 the owner",
        "Made 赵敏 the owner instead of 李雷",
        "Moved it from “上海测试有限公司” to “北京样例有限公司”",
        "Won it on 1 March 2017 for CNY 90,000.00",
        "Reopened it at the stage “Proposal”",
        "Lost it on 5 March 2017 because of “Price”: 太贵",
        "Took over the stage “Lead”; it was “Lost”",
    ]
    assert [item["changes"] for item in chinese][2:5] == [
        {"stage": ["lead", "proposal"]},
        {
            "amount": [
                {"amount": "120000.00", "currency": "CNY"},
                {"amount": "98000.50", "currency": "CNY"},
            ]
        },
        {"expected_close_on": [None, "2026-12-31"]},
    ]
    assert chinese[8]["changes"]["stage"] == ["proposal", "won"]
    assert chinese[9]["changes"]["won_on"] == ["2017-03-01", None]


def test_every_other_event_is_told(parts: Served, client: httpx.Client) -> None:
    story = Story(parts)
    li = story.user("li", "李雷")
    acme = story.customer("上海测试有限公司", custom={"tier": 1}, tags=["老客户"])
    story.do("customers/change-details", acme, phone="+86 10 6552 9988", custom={"tier": 2})
    story.do("customers/change-details", acme, phone=None, needs="要快", reason="来电更正")
    story.do("customers/classify", acme, type="interested", grade="a")
    story.do("customers/tag", acme, tags=["重点", "老客户"])
    story.do("customers/untag", acme, tags=["老客户"])
    story.do("customers/assign", acme, owner_id=li)
    han = story.user("han", "韩梅梅")
    story.do("users/change-details", han, name="韩梅", superior_id=li)
    story.do("users/add-api-key", han, key_name="cli", digest="0" * 64)
    story.do("users/revoke-api-key", han, key_name="cli")
    story.do("users/disable", han)
    entry = story.do(
        "dictionary-entries/add", dictionary="industry", code="space", zh="航天", en="Space"
    ).id
    story.do("dictionary-entries/rename", entry, zh="航天航空")
    story.do("dictionary-entries/reorder", entry, order=7)
    story.do("dictionary-entries/retire", entry)
    gone = story.do(
        "dictionary-entries/add", dictionary="industry", code="oops", zh="错", en="Oops"
    ).id
    story.do("dictionary-entries/delete", gone)
    parts.caught_up()
    customer = told(client, f"/v1/customers/{acme}/history")
    assert [i["sentence"] for i in customer] == [
        f"登记了客户“上海测试有限公司”（编号{customer[0]['changes']['number'][1]}）",
        "填写了电话“+86 10 6552 9988”；tier由“1”改为“2”",
        "清空了电话（原为“+86 10 6552 9988”）；填写了需求“要快”",
        "类型由“潜在客户”改为“意向客户”；填写了等级“A 级”",
        "添加了标签“重点”",
        "移除了标签“老客户”",
        "指定李雷为负责人",
    ]
    assert [i["reason"] for i in customer] == [None, None, "来电更正", *[None] * 4]
    assert customer[0]["actor"]["name"] == "本机用户"
    assert customer[0]["origin"] == "api"
    user = told(client, f"/v1/users/{han}/history", "en")
    assert [i["sentence"] for i in user] == [
        "Added the user “韩梅梅” with the login han",
        "Entered Superior “李雷”; changed Name from “韩梅梅” to “韩梅”",
        "Added the API key “cli”",
        "Revoked the API key “cli”",
        "Disabled the user",
    ]
    assert user[2]["changes"] == {"api_keys": [None, ["cli"]]}
    dictionary = told(client, f"/v1/dictionary-entries/{entry}/history")
    assert [i["sentence"] for i in dictionary] == [
        "在字典“行业”中添加了“航天”（space）",
        "中文名称由“航天”改为“航天航空”",
        "把排序从 0 改为 7",
        "停用了该条目",
    ]
    deleted = told(client, f"/v1/dictionary-entries/{gone}/history", "en")
    assert deleted[-1]["sentence"] == "Deleted the entry"
    assert deleted[-1]["changes"]["code"] == ["oops", None]
    assert client.get(f"/v1/dictionary_entries/{gone}").status_code == 404


def test_contacts_that_came_with_a_customer_have_a_history(
    parts: Served, client: httpx.Client
) -> None:
    acme = Story(parts).customer("上海测试有限公司")
    parts.caught_up()
    [contact] = client.get("/v1/contacts", params={"customer_id": str(acme)}).json()["items"]
    [item] = told(client, f"/v1/contacts/{contact['id']}/history")
    assert item["sentence"] == "添加了“上海测试有限公司”的联系人“王芳”"
    assert item["changes"]["phone"] == [None, "+86 21 6288 1234"]


def test_a_history_is_in_the_order_of_its_clock(parts: Served, client: httpx.Client) -> None:
    story = Story(parts)
    acme = story.customer("上海测试有限公司", at=datetime(2016, 1, 1, tzinfo=UTC))
    id = story.opportunity(acme, at=datetime(2017, 1, 1, tzinfo=UTC))
    story.do(
        "opportunities/change-amount", id, amount=cny("3"), at=datetime(2017, 3, 1, tzinfo=UTC)
    )
    story.do(
        "opportunities/change-amount", id, amount=cny("2"), at=datetime(2017, 2, 1, tzinfo=UTC)
    )
    path = f"/v1/opportunities/{id}/history"
    assert [i["version"] for i in told(client, path)] == [1, 2, 3]
    occurred = told(client, path, clock="occurred")
    assert [i["version"] for i in occurred] == [1, 3, 2]
    assert [i["changes"]["amount"][1]["amount"] for i in occurred] == ["120000.00", "2.00", "3.00"]
    assert occurred[2]["changes"]["amount"][0]["amount"] == "2.00"
    early = told(client, path, clock="occurred", as_of="2017-02-01")
    assert [i["version"] for i in early] == [1, 3]
    until = occurred[2]["position"]
    assert [i["version"] for i in told(client, path, as_of=until)] == [1, 2]
    for query in ({"as_of": "2016-12-31", "clock": "occurred"}, {"as_of": "1"}):
        assert client.get(path, params=query).status_code == 404


def test_a_history_comes_in_pages(parts: Served, client: httpx.Client) -> None:
    story = Story(parts)
    id = story.opportunity(story.customer("上海测试有限公司"))
    for amount in range(1, 8):
        story.do("opportunities/change-amount", id, amount=cny(str(amount)))
    path = f"/v1/opportunities/{id}/history"
    whole, found, query = told(client, path), [], {"limit": "3"}
    while True:
        page = client.get(path, params=query, headers={"Accept-Language": "zh"}).json()
        assert len(page["items"]) <= 3
        found += page["items"]
        if page["next"] is None:
            break
        query = {"limit": "3", "cursor": page["next"]}
    assert found == whole
    assert len(found) == 8


def test_a_history_is_never_behind(database_url: str) -> None:
    with Served(database_url, projecting=False) as parts, serving(parts) as client:
        story = Story(parts)
        li = story.user("li", "李雷")
        id = story.opportunity(story.customer("上海测试有限公司"), owner_id=li)
        answer = client.get(f"/v1/opportunities/{id}/history")
        assert answer.status_code == 503, "without any view there are no names yet"
        assert answer.headers["retry-after"] == "1"
        parts.project()
        [item] = told(client, f"/v1/opportunities/{id}/history")
        assert "上海测试有限公司" in item["sentence"]


REFUSED = {
    "limit=0": "limit",
    "limit=1001": "limit",
    "limit=x": "limit",
    "cursor=999999": "cursor",
    "cursor=x": "cursor",
    "as_of=gestern": "as_of",
    "as_of=2017-02-30": "as_of",
    "as_of=5&clock=occurred": "as_of",
    "clock=lamport": "clock",
    "after=x": "after",
    "clock=recorded&clock=recorded": "clock",
    "as_of=%00": "as_of",
}


def test_a_wrong_parameter_is_named(parts: Served, client: httpx.Client) -> None:
    acme = Story(parts).customer("上海测试有限公司")
    for query, field in REFUSED.items():
        answer = client.get(f"/v1/customers/{acme}/history?{query}")
        assert answer.status_code == 422, query
        assert answer.headers["content-type"] == "application/problem+json"
        assert [e["field"] for e in answer.json()["errors"]] == [field]


def test_there_is_no_history_of_what_is_not_there(parts: Served, client: httpx.Client) -> None:
    acme = Story(parts).customer("上海测试有限公司")
    assert client.get(f"/v1/customers/{uuid4()}/history").status_code == 404
    assert client.get(f"/v1/opportunities/{acme}/history").status_code == 404
    assert client.get("/v1/customers/not-a-uuid/history").status_code == 422


def test_a_history_waits_for_a_position_of_the_log(parts: Served, client: httpx.Client) -> None:
    story = Story(parts)
    acme = story.customer("上海测试有限公司")
    path = f"/v1/customers/{acme}/history"
    last = story.do("customers/tag", acme, tags=["重点"]).position
    assert [i["position"] for i in told(client, path, after=last)][-1] == last
    for far in (parts.published() + 1, 2**63 - 1):
        answer = client.get(path, params={"after": far})
        assert answer.status_code == 503
        assert answer.json()["type"].endswith("not-yet")
        assert answer.headers["retry-after"]


def test_names_are_those_of_the_time(parts: Served, client: httpx.Client) -> None:
    story = Story(parts)
    begun = datetime(2017, 1, 1, tzinfo=UTC)
    li = story.user("li", "李雷")
    acme = story.customer("上海测试有限公司", at=begun)
    id = story.opportunity(acme, at=begun)
    story.do("opportunities/assign", id, owner_id=li)
    story.do("users/change-details", li, name="李磊")
    rename = {"name": "上海样例有限公司", "reason": "工商变更"}
    story.do("customers/change-details", acme, at=datetime(2018, 1, 1, tzinfo=UTC), **rename)
    zhao = story.user("zhao", "赵敏")
    story.do("opportunities/assign", id, owner_id=zhao)
    story.do("opportunities/assign", id, owner_id=li)
    late = {"title": "补录", "at": datetime(2017, 6, 1, tzinfo=UTC)}
    other = story.opportunity(acme, **late)
    parts.caught_up()
    path = f"/v1/opportunities/{id}/history"
    for query in ({}, {"clock": "occurred"}, {"as_of": "2999-01-01", "clock": "recorded"}):
        assert [i["sentence"] for i in told(client, path, **query)] == [
            "为“上海测试有限公司”新建了商机“年度框架”，金额120,000.00元，阶段为“线索”",
            "指定李雷为负责人",
            "指定赵敏为负责人，此前为李磊",
            "指定李磊为负责人，此前为赵敏",
        ]
    path = f"/v1/opportunities/{other}/history"
    recorded, occurred = (
        told(client, path, clock=clock)[0]["sentence"] for clock in ("recorded", "occurred")
    )
    assert "上海样例有限公司" in recorded, "as it was called when the entry was made"
    assert "上海测试有限公司" in occurred, "as it was called when it happened"


def test_who_was_not_there_yet_is_called_as_at_first(parts: Served, client: httpx.Client) -> None:
    story = Story(parts)
    acme = story.customer("上海测试有限公司")
    id = story.opportunity(acme, at=datetime(2017, 6, 1, tzinfo=UTC))
    story.do("customers/change-details", acme, name="上海样例有限公司", reason="工商变更")
    parts.caught_up()
    [item] = told(client, f"/v1/opportunities/{id}/history", clock="occurred")
    assert "上海测试有限公司" in item["sentence"]
    assert item["actor"]["name"] is not None, "who recorded it was added years after it happened"


def test_names_of_the_time_need_no_view_that_is_level(database_url: str) -> None:
    """The views stop; what happens from then on is told from the log."""
    with Served(database_url, projecting=False) as parts, serving(parts) as client:
        story = Story(parts)
        acme = story.customer("上海测试有限公司")
        with parts.runner:
            assert parts.runner.wait_ready(60)
            parts.caught_up()
        li = story.user("li", "李雷")
        first, second = story.opportunity(acme), story.opportunity(acme)
        story.do("opportunities/assign", first, owner_id=li)
        story.do("customers/change-details", acme, name="上海样例有限公司", reason="工商变更")
        story.do("users/change-details", li, name="李磊")
        other = story.customer("北京样例有限公司")
        story.do("opportunities/move", first, customer_id=other)
        story.do("opportunities/assign", second, owner_id=li)
        for clock in ("recorded", "occurred"):
            begun, given, moved = told(client, f"/v1/opportunities/{first}/history", clock=clock)
            assert "为“上海测试有限公司”" in begun["sentence"]
            assert given["sentence"] == "指定李雷为负责人"
            assert "从“上海样例有限公司”转到了“北京样例有限公司”" in moved["sentence"]
            items = told(client, f"/v1/opportunities/{second}/history", clock=clock)
            assert items[1]["sentence"] == "指定李磊为负责人"


def test_without_a_clock_a_history_is_by_what_was_recorded_and_its_record_by_what_occurred(
    parts: Served, client: httpx.Client
) -> None:
    acme = customer(parts, "上海晚记有限公司", at=datetime(2017, 1, 1, tzinfo=UTC))
    path = f"/v1/customers/{acme.id}"
    day = {"as_of": "2017-02-01"}
    assert client.get(path, params=day).status_code == 200
    assert client.get(f"{path}/history", params=day).status_code == 404
    assert len(told(client, f"{path}/history", **day, clock="occurred")) == 1
    assert client.get(path, params={**day, "clock": "recorded"}).status_code == 404
    paths = client.get("/openapi.json").json()["paths"]
    clocks = {
        name: next(p for p in paths[route]["get"]["parameters"] if p["name"] == "clock")
        for name, route in (
            ("row", "/v1/customers/{id}"),
            ("history", "/v1/customers/{id}/history"),
        )
    }
    assert clocks["row"]["schema"]["default"] == "occurred"
    assert clocks["history"]["schema"]["default"] == "recorded"
    assert "`occurred`" in clocks["history"]["description"]
