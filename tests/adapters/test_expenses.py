"""Expenses of opportunities over HTTP: a list of their own, each of its day and currency."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service import Service, database, running


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


def spent(amount: str, on: str, currency: str = "CNY", **more: Any) -> dict[str, Any]:
    money = {"amount": amount, "currency": currency}
    return {"amount": money, "purpose": "客户来访用餐", "spent_on": on, **more}


def test_expenses_are_listed_with_their_opportunity_and_customer(service: Service) -> None:
    customer = service.customer()
    id = service.opportunity(customer, meta={"occurred_at": "2024-02-01T09:00:00Z"})
    path = f"opportunities/{id}/record-expense"
    service.made(path, spent("380.50", "2024-03-01"), if_match='"1"')
    service.made(path, spent("40", "2024-03-02", "USD", purpose="样品运费"), if_match='"1"')
    last = service.made(path, spent("-80.50", "2024-03-03"))
    query = {"about_id": id, "after": last["position"], "sort": "spent_on"}
    items = service.read("expenses", query)["items"]
    assert [(i["amount"]["amount"], i["amount"]["currency"], i["spent_on"]) for i in items] == [
        ("380.50", "CNY", "2024-03-01"),
        ("40.00", "USD", "2024-03-02"),
        ("-80.50", "CNY", "2024-03-03"),
    ]
    assert {(i["customer_id"], i["about_kind"]) for i in items} == {(customer, "opportunity")}
    assert items[0]["created_at"].startswith("2024-03-01T15:59:59"), "the end of that day"
    then = service.read("expenses", {**query, "as_of": "2024-03-01"})
    assert [i["purpose"] for i in then["items"]] == ["客户来访用餐"]
    history = service.read(f"opportunities/{id}/history", accept_language="zh")["items"]
    assert "登记了费用380.50元，用途：客户来访用餐，日期2024年3月1日" in [
        i["sentence"] for i in history
    ]


def test_expenses_are_found_by_what_they_were_for(service: Service) -> None:
    id = service.opportunity()
    last = service.made(
        f"opportunities/{id}/record-expense", spent("40", "2024-03-02", purpose="寄送鎢鋼刀頭樣品")
    )
    for typed in ("钨钢刀头", "刀头 样品", "wugangdaotou"):
        query = {"q": typed, "after": last["position"]}
        [item] = service.read("search", query)["items"]
        assert (item["kind"], item["matched"]) == ("expense", "寄送鎢鋼刀頭樣品")
        assert service.read(f"expenses/{item['id']}")["about_id"] == id
        assert service.read("search", {**query, "as_of": "2024-03-01"})["items"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", {"amount": "1.234", "currency": "CNY"}),
        ("amount", {"amount": "1"}),
        ("purpose", " "),
        ("purpose", None),
        ("spent_on", "2999-01-01"),
        ("spent_on", "gestern"),
    ],
)
def test_what_is_wrong_with_an_expense_is_said(service: Service, field: str, value: Any) -> None:
    path = f"opportunities/{service.opportunity()}/record-expense"
    answer = service.post(path, {**spent("1", "2024-03-01"), field: value})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)


def test_a_closed_opportunity_takes_no_expense(service: Service) -> None:
    id = service.opportunity()
    service.made(f"opportunities/{id}/win", {"won_on": "2024-03-01"})
    answer = service.post(f"opportunities/{id}/record-expense", spent("1", "2024-03-01"))
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("opportunity-closed")
