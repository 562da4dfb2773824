"""Duplicates over HTTP: hints before entry, pairs with reasons, a pair that is judged."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service import Service, database, registering, running

NAME = "杭州云帆科技有限公司"


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


@pytest.fixture(scope="module")
def elsewhere(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


@pytest.fixture(scope="module")
def known(service: Service) -> dict[str, Any]:
    """Two that look the same, and one that does not."""
    fang = {"name": "王芳", "phone": "13812345678", "email": "fang@yunfan.cn"}
    wei = {"name": "李伟", "phone": "13912345678", "email": "wei@yunfan.cn"}
    anna = {"name": "Anna Li", "phone": "+81 90-1234-5678"}
    one = registering(name=NAME, primary_contact=fang, phone="0571-87654321")
    other = registering(name="云帆科技股份有限公司", primary_contact=wei)
    third = registering(name="宁波甬江纺织有限公司", primary_contact=anna)
    ids = {
        n: service.made("customers/register", b)["id"] for n, b in (("one", one), ("third", third))
    }
    receipt = service.made("customers/register", other)
    return {**ids, "other": receipt["id"], "position": receipt["position"]}


def asked(service: Service, query: str, position: int, **parameters: Any) -> list[dict[str, Any]]:
    response = service.client.get(f"/v1/queries/{query}", params={"after": position, **parameters})
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


@pytest.mark.parametrize(
    ("entered", "found"),
    [
        ({"name": "云帆科技有限公司"}, ["one", "other"]),
        ({"name": "杭州雲帆科技（集團）有限公司"}, ["one", "other"]),
        ({"name": "宁波云帆科技有限公司"}, ["other"]),
        ({"name": "杭州云帆"}, ["one", "other"]),
        ({"phone": "０１３８ 1234 5678"}, ["one"]),
        ({"phone": "+86 (138) 1234-5678"}, ["one"]),
        ({"phone": "0571 8765 4321 转 801"}, ["one"]),
        ({"email": "WEI@Yunfan.cn"}, ["one", "other"]),
        ({"email": "somebody@yunfan.cn"}, ["one", "other"]),
        ({"name": "某某有限公司", "phone": "13812345678"}, ["one"]),
        ({"name": "", "phone": "", "email": ""}, []),
        ({"name": "%'; DROP TABLE", "phone": "no number", "email": "@"}, []),
        ({}, []),
    ],
)
def test_who_looks_like_what_is_about_to_be_entered(
    service: Service, known: dict[str, Any], entered: dict[str, str], found: list[str]
) -> None:
    items = asked(service, "similar-customers", known["position"], **entered)
    assert sorted(i["id"] for i in items) == sorted(known[name] for name in found)
    assert [i["score"] for i in items] == sorted((i["score"] for i in items), reverse=True)
    assert all(i["reasons"] for i in items)


SERVICE_NUMBERS = {
    "95588": ["95588", "+86 95588", "９５５８８"],
    "12345": ["12345"],
    "400-820-8820-801": ["4008208820", "400 820 8820 转 801", "+86 400-820-8820-801"],
    "010-62581234-8001": ["010-62581234-8001", "010 6258 1234转8001", "+861062581234"],
}


def test_service_numbers_and_extensions_are_kept_found_and_compared(elsewhere: Service) -> None:
    for number, notations in SERVICE_NUMBERS.items():
        contact = {"name": "王芳", "phone": number}
        body = registering(phone=number, primary_contact=contact)
        receipt = elsewhere.made("customers/register", body)
        id, position = receipt["id"], receipt["position"]
        assert elsewhere.read(f"customers/{id}", {"after": position})["phone"] == number
        for typed in notations:
            [same] = asked(elsewhere, "similar-customers", position, phone=typed)
            assert same["id"] == id, (number, typed)
            found = elsewhere.read("search", {"q": typed, "after": position})["items"]
            assert id in [item["id"] for item in found], (number, typed)
            assert {"customer", "contact"} <= {item["kind"] for item in found}, (number, typed)


def test_an_archived_customer_whose_name_is_still_taken_is_told_as_archived(
    elsewhere: Service,
) -> None:
    body = registering(name="上海旧档电子有限公司")
    id = elsewhere.made("customers/register", body)["id"]
    position = elsewhere.made(f"customers/{id}/archive")["position"]
    assert elsewhere.post("customers/register", body).json()["existing_id"] == id
    [found] = asked(elsewhere, "similar-customers", position, name="上海旧档电子有限公司")
    assert (found["id"], found["is_archived"]) == (id, True)
    position = elsewhere.made(f"customers/{id}/restore")["position"]
    [found] = asked(elsewhere, "similar-customers", position, name="上海旧档电子有限公司")
    assert (found["id"], found["is_archived"]) == (id, False)


def test_the_best_comes_first_and_says_why(service: Service, known: dict[str, Any]) -> None:
    entered = {"name": "云帆科技有限公司", "phone": "13812345678", "limit": 1}
    [best] = asked(service, "similar-customers", known["position"], **entered)
    assert (best["id"], best["name"], best["number"][:3]) == (known["one"], NAME, "KH-")
    assert {r["field"]: r["level"] for r in best["reasons"]} == {"name": "place", "phone": "same"}
    assert 0.99 < best["score"] < 1


@pytest.mark.parametrize(
    "query", ["similar-customers", "possible-duplicates", "possible-duplicate-contacts"]
)
@pytest.mark.parametrize("moment", [{"as_of": "2020-01-01"}, {"clock": "recorded"}, {"as_of": "x"}])
def test_what_looks_the_same_is_known_as_of_now_only(
    service: Service, query: str, moment: dict[str, str]
) -> None:
    problem = service.client.get(f"/v1/queries/{query}", params=moment)
    assert problem.status_code == 422
    assert problem.json()["type"] == "/problems/known-of-today-only"
    described = service.client.get("/openapi.json").json()["paths"][f"/v1/queries/{query}"]["get"]
    assert not {"as_of", "clock"} & {p["name"] for p in described["parameters"]}


@pytest.fixture(scope="module")
def alike(elsewhere: Service) -> dict[str, Any]:
    """The receipt of the last of some that look the same."""
    contact = {"name": "赵敏", "phone": "13700000001"}
    for place in ("苏州", "无锡", "常州", "南通", ""):
        body = registering(name=f"{place}盛泰仪器有限公司", primary_contact=contact)
        last = elsewhere.made("customers/register", {**body, "confirm_distinct": True})
    return last


@pytest.mark.parametrize("query", ["possible-duplicates", "possible-duplicate-contacts"])
def test_pairs_come_in_pages(elsewhere: Service, alike: dict[str, Any], query: str) -> None:
    path, service = f"queries/{query}", elsewhere
    whole = service.read(path, {"after": alike["position"], "limit": 1000})
    assert whole["next"] is None
    assert len(whole["items"]) >= 10
    order = [(-i["bits"], i["one"]["id"], i["other"]["id"]) for i in whole["items"]]
    assert order == sorted(order)
    assert len({bits for bits, _, _ in order}) < len(order), "ties are told apart"
    for limit in (1, 3):
        page = service.read(path, {"limit": limit})
        paged = page["items"]
        while page["next"] is not None:
            page = service.read(path, {"limit": limit, "cursor": page["next"]})
            assert len(page["items"]) <= limit
            paged += page["items"]
        assert paged == whole["items"]
    cursor = service.read(path, {"limit": 1})["next"]
    other = {"cursor": cursor, "customer_id": alike["id"]}
    for wrong in ({"cursor": "x"}, {"cursor": ""}, {"cursor": "0.5"}, other):
        problem = service.client.get(f"/v1/{path}", params=wrong)
        assert problem.status_code == 422
        assert [e["field"] for e in problem.json()["errors"]] == ["cursor"]


def test_a_pair_is_listed_until_somebody_finds_that_it_is_none(
    service: Service, known: dict[str, Any]
) -> None:
    [pair] = asked(service, "possible-duplicates", known["position"])
    assert {pair["one"]["id"], pair["other"]["id"]} == {known["one"], known["other"]}
    assert pair["score"] > 0.9
    assert {"name", "website"} <= {r["field"] for r in pair["reasons"] if r["bits"] > 0}
    of_third = asked(service, "possible-duplicates", known["position"], customer_id=known["third"])
    assert of_third == []
    itself = service.post(f"customers/{known['one']}/mark-distinct", {"other_id": known["one"]})
    assert [e["field"] for e in itself.json()["errors"]] == ["other_id"]
    nobody = {"other_id": "01890000-0000-7000-8000-0000000000ff"}
    assert service.post(f"customers/{known['one']}/mark-distinct", nobody).status_code == 422
    other = {"other_id": known["other"]}
    marked = service.made(f"customers/{known['one']}/mark-distinct", other)
    assert asked(service, "possible-duplicates", marked["position"]) == []
    unmarked = service.made(f"customers/{known['one']}/unmark-distinct", other)
    assert len(asked(service, "possible-duplicates", unmarked["position"])) == 1
    history = service.client.get(f"/v1/customers/{known['one']}/history").json()["items"]
    assert history[-2]["sentence"] == "确认与“云帆科技股份有限公司”不是同一个客户"
