"""Interactions, archive, revert and merge over HTTP: in lists and in words."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any
from uuid import UUID

import pytest

from aggregates.interaction import interaction_id
from tests.adapters.attached_files import PDF
from tests.service import Service, running

VISIT = {
    "channel": "visit",
    "subject": "参观展厅",
    "content": "张总对新款轨道灯感兴趣",
    "direction": "out",
    "companions": ["李雷"],
    "duration_seconds": 5_400,
}


@pytest.fixture(scope="module")
def service(module_database_url: str) -> Iterator[Service]:
    with running(module_database_url) as service:
        yield service


def got(service: Service, path: str, status: int = 200, **query: Any) -> Any:
    answer = service.client.get(f"/v1/{path}", params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_one_list_of_interactions_across_everything(service: Service) -> None:
    customer = service.customer()
    opportunity = service.opportunity(customer)
    first = service.made(f"customers/{customer}/record-interaction", VISIT)
    said = {**VISIT, "subject": "二次拜访", "meta": {"occurred_at": "2026-01-05T09:00:00+08:00"}}
    last = service.made(f"opportunities/{opportunity}/record-interaction", said)
    after = {"customer_id": customer, "after": last["position"]}
    found = got(service, "interactions", **after, sort="created_at")["items"]
    assert [i["subject"] for i in found] == ["二次拜访", "参观展厅"]
    assert [i["about_kind"] for i in found] == ["opportunity", "customer"]
    assert [i["opportunity_id"] for i in found] == [opportunity, None]
    own = found[1]
    assert {name: own[name] for name in VISIT} == VISIT
    assert own["id"] == str(interaction_id(UUID(customer), first["version"]))
    assert got(service, f"interactions/{own['id']}") == own
    assert found[0]["created_at"] == "2026-01-05T01:00:00Z"
    january = got(service, "interactions", **after, as_of="2026-01-31")["items"]
    assert [i["subject"] for i in january] == ["二次拜访"]
    assert got(service, f"interactions/{own['id']}", 404, as_of="2026-01-31")


def test_what_was_recorded_is_amended_retracted_and_told(service: Service) -> None:
    customer = service.customer()
    path = f"customers/{customer}"
    service.made(f"{path}/record-interaction", VISIT)
    [item] = got(service, "interactions", customer_id=customer, after=head(service, path))["items"]
    id = {"interaction_id": item["id"]}
    service.made(f"{path}/amend-interaction", {**id, "subject": "参观新展厅"})
    amended = got(service, f"interactions/{item['id']}", after=head(service, path))
    assert (amended["subject"], amended["amended"], amended["content"]) == (
        "参观新展厅",
        True,
        VISIT["content"],
    )
    unsaid = service.post(f"{path}/retract-interaction", id)
    assert [e["field"] for e in unsaid.json()["errors"]] == ["reason"]
    last = service.made(f"{path}/retract-interaction", {**id, "reason": "记错了客户"})
    after = {"customer_id": customer, "after": last["position"]}
    assert got(service, "interactions", **after)["items"] == []
    [gone] = got(service, "interactions", **after, archived="any")["items"]
    assert gone["retraction_reason"] == "记错了客户"
    again = service.post(f"{path}/amend-interaction", {**id, "subject": "x"})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/no-such-interaction")
    told = [i["sentence"] for i in got(service, f"{path}/history")["items"]][1:]
    assert told == [
        "记录了互动（拜访，我方发起，1小时30分钟）：“参观展厅”，随行人员：李雷。内容：张总对新款轨道灯感兴趣",
        "更正了互动记录“参观新展厅”：主题改为“参观新展厅”",
        "撤销了互动记录“参观新展厅”，原因：记错了客户",
    ]


def head(service: Service, path: str) -> int:
    position: int = got(service, f"{path}/history")["items"][-1]["position"]
    return position


def had(service: Service, path: str) -> int:
    """All that can be had on a record, once; the position of the last."""
    money = {
        "amount": {"amount": "40", "currency": "CNY"},
        "purpose": "样品",
        "spent_on": "2026-03-01",
    }
    own = ("record-expense", money) if path.startswith("opp") else ("comment", {"text": "等答复"})
    for verb, body in (("record-interaction", VISIT), own):
        service.made(f"{path}/{verb}", body)
    file = {"file": ("意向书.pdf", PDF, "application/pdf")}
    answer = service.client.post(f"/v1/{path}/attach", files=file)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["position"])


@pytest.mark.parametrize(
    ("kind", "tables"),
    [
        ("opportunities", ("interactions", "expenses", "attachments")),
        ("tickets", ("interactions", "comments", "attachments")),
    ],
)
def test_what_was_had_stays_with_whom_it_was_had_when_its_record_is_moved(
    service: Service, kind: str, tables: tuple[str, ...]
) -> None:
    before, now = service.customer(), service.customer()
    asked = {"subject": "x", "kind": "request", "priority": "normal", "customer_id": before}
    id = (
        service.made("tickets/open", asked)["id"]
        if kind == "tickets"
        else service.opportunity(before)
    )
    had(service, f"{kind}/{id}")
    service.made(f"{kind}/{id}/move", {"customer_id": now})
    last = had(service, f"{kind}/{id}")
    for table in tables:
        of = {
            customer: service.read(table, {"customer_id": customer, "after": last})["items"]
            for customer in (before, now)
        }
        assert [len(of[before]), len(of[now])] == [1, 1], table
        whole = service.read(table, {"about_id": id, "after": last})["items"]
        assert {row["id"] for row in whole} == {row["id"] for rows in of.values() for row in rows}


def test_an_archived_record_is_hidden_and_can_be_brought_back(service: Service) -> None:
    customer = service.customer()
    archived = service.made(f"customers/{customer}/archive")
    after = {"id": customer, "after": archived["position"]}
    assert got(service, "customers", **after)["items"] == []
    [row] = got(service, "customers", **after, archived="any")["items"]
    assert row["archived_at"] is not None
    refused = service.post(f"customers/{customer}/tag", {"tags": ["x"]})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/record-archived")
    restored = service.made(f"customers/{customer}/restore")
    after["after"] = restored["position"]
    assert got(service, "customers", **after)["items"][0]["archived_at"] is None


def test_a_merge_is_answered_with_who_goes_on_and_undone(service: Service) -> None:
    a, b = service.customer(), service.customer()
    theirs = service.opportunity(a)
    late = {"into_id": b, "meta": {"occurred_at": "2026-01-01T00:00:00Z"}}
    refused = service.post(f"customers/{a}/merge", late)
    assert [e["field"] for e in refused.json()["errors"]] == ["meta.occurred_at"]
    merged = service.made(f"customers/{a}/merge", {"into_id": b})
    refused = service.post(f"customers/{a}/tag", {"tags": ["x"]})
    assert refused.status_code == 409
    assert (refused.json()["type"], refused.json()["into_id"]) == ("/problems/customer-merged", b)
    after = {"after": merged["position"]}
    assert got(service, f"customers/{a}", **after)["merged_into"] == b
    family = got(service, "opportunities", customer_id=b, **after)["items"]
    assert [o["id"] for o in family] == [theirs]
    ours = service.opportunity(b)
    unmerged = service.made(f"customers/{a}/unmerge")
    after["after"] = unmerged["position"]
    assert got(service, f"customers/{a}", **after)["merged_into"] is None
    for owner, id in ((a, theirs), (b, ours)):
        found = got(service, "opportunities", customer_id=owner, **after)["items"]
        assert [o["id"] for o in found] == [id]
    history = got(service, f"customers/{b}/history")["items"]
    assert [i["event"] for i in history[1:]] == ["Customer.Absorbed", "Customer.Separated"]
    [then] = got(service, "opportunities", customer_id=a, as_of=merged["position"])["items"]
    assert then["id"] == theirs


def test_a_revert_takes_back_what_was_changed_since(service: Service) -> None:
    customer = service.customer(region="华东", tags=["老客户"])
    path = f"customers/{customer}"
    service.made(f"{path}/change-details", {"region": "华南", "website": "https://example.cn"})
    service.made(f"{path}/untag", {"tags": ["老客户"]})
    reverted = service.made(f"{path}/revert", {"to_version": 1})
    row = got(service, path, after=reverted["position"])
    assert (row["region"], row["website"], row["tags"]) == ("华东", None, ["老客户"])
    [*_, last] = got(service, f"{path}/history")["items"]
    assert last["sentence"].startswith("把记录恢复到第1版：")
    assert last["changes"]["region"] == ["华南", "华东"]
    for version in (0, 4, 99, "x", None):
        wrong = service.post(f"{path}/revert", {"to_version": version})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "to_version")


def test_what_nobody_would_send_is_answered_all_the_same(service: Service) -> None:
    """Moments at the ends of the calendar, and cursors that nobody was given."""
    for moment in ("9999-12-31", "0001-01-01T00:00:00Z"):
        assert service.client.get("/v1/users.csv", params={"as_of": moment}).status_code == 200
    content, asked = b"[null,5]", b"users\n@"
    checksum = blake2b(content, digest_size=12, key=blake2b(asked).digest()).digest()
    cursor = urlsafe_b64encode(checksum + content).decode().rstrip("=")
    assert got(service, "users", 422, cursor=cursor)["errors"][0]["field"] == "cursor"
    customer = service.customer()
    wrong = got(service, f"customers/{customer}/timeline", 422, cursor=9_999_999)
    assert wrong["errors"][0]["field"] == "cursor"


def wrong(service: Service, path: str, body: dict[str, Any]) -> list[str]:
    """The fields that are refused."""
    answer = service.post(path, body)
    assert answer.status_code == 422, answer.text
    return [error["field"] for error in answer.json()["errors"]]


def contact_of(service: Service, customer: str) -> str:
    return str(service.made("contacts/add", {"customer_id": customer, "name": "王芳"})["id"])


def ticket_of(service: Service, customer: str) -> str:
    asked = {"subject": "x", "kind": "request", "priority": "normal", "customer_id": customer}
    return str(service.made("tickets/open", asked)["id"])


def test_what_is_named_is_the_customers_own(service: Service) -> None:
    ours, theirs = service.customer(), service.customer()
    wang, li = contact_of(service, ours), contact_of(service, theirs)
    path = f"customers/{ours}/record-interaction"
    for field, value in (
        ("contact_ids", [wang, li]),
        ("contact_ids", [wang, wang]),
        ("ticket_id", ticket_of(service, theirs)),
        ("opportunity_id", service.opportunity(theirs)),
    ):
        assert wrong(service, path, {**VISIT, field: value}) == [field]
    decided = {"title": "x", "amount": {"amount": "1", "currency": "CNY"}, "customer_id": ours}
    asked = {**decided, "decision_maker_id": li}
    assert wrong(service, "opportunities/open", asked) == ["decision_maker_id"]
    deal = service.opportunity(ours, decision_maker_id=wang)
    change = f"opportunities/{deal}/change-details"
    assert wrong(service, change, {"decision_maker_id": li}) == ["decision_maker_id"]
    service.made(f"contacts/{wang}/move", {"customer_id": theirs})
    service.made(change, {"decision_maker_id": wang, "summary": "谈妥"})
    comment = f"tickets/{ticket_of(service, ours)}/comment"
    assert wrong(service, comment, {"text": "x", "author_id": li}) == ["author_id"]
    service.made(f"customers/{theirs}/merge", {"into_id": ours})
    service.made(comment, {"text": "x", "author_id": li})
    service.made(path, {**VISIT, "contact_ids": [wang, li]})


def test_an_interaction_stays_on_the_ticket_it_was_recorded_on(service: Service) -> None:
    customer = service.customer()
    ticket, another = ticket_of(service, customer), ticket_of(service, customer)
    made = service.made(f"tickets/{ticket}/record-interaction", VISIT)
    [visit] = got(service, "interactions", about_id=ticket, after=made["position"])["items"]
    amend, id = f"tickets/{ticket}/amend-interaction", {"interaction_id": visit["id"]}
    for value in (another, None):
        assert wrong(service, amend, {**id, "ticket_id": value}) == ["ticket_id"]
    last = service.made(amend, {**id, "ticket_id": ticket, "subject": "参观"})
    row = got(service, f"interactions/{visit['id']}", after=last["position"])
    assert (row["ticket_id"], row["subject"]) == (ticket, "参观")


def test_whom_one_spoke_with_may_be_with_others_by_now(service: Service) -> None:
    ours, theirs = service.customer(), service.customer()
    wang, li = contact_of(service, ours), contact_of(service, ours)
    path = f"customers/{ours}"
    made = service.made(f"{path}/record-interaction", {**VISIT, "contact_ids": [wang]})
    [visit] = got(service, "interactions", about_id=ours, after=made["position"])["items"]
    service.made(f"contacts/{wang}/move", {"customer_id": theirs})
    said = {"interaction_id": visit["id"], "contact_ids": [wang, li]}
    service.made(f"{path}/amend-interaction", said)
    said["contact_ids"].append(contact_of(service, theirs))
    assert wrong(service, f"{path}/amend-interaction", said) == ["contact_ids"]


def test_what_was_recorded_on_a_merged_one_is_corrected_for_who_goes_on(service: Service) -> None:
    loser, survivor = service.customer(), service.customer()
    made = service.made(f"customers/{loser}/record-interaction", VISIT)
    [visit] = got(service, "interactions", about_id=loser, after=made["position"])["items"]
    service.made(f"customers/{loser}/merge", {"into_id": survivor})
    id = {"interaction_id": visit["id"]}
    service.made(f"customers/{loser}/amend-interaction", {**id, "subject": "参观展厅"})
    last = service.made(f"customers/{loser}/retract-interaction", {**id, "reason": "误记"})
    after = {"after": last["position"]}
    told = [i["event"] for i in got(service, f"customers/{survivor}/timeline", **after)["items"]]
    assert {"Customer.InteractionAmended", "Customer.InteractionRetracted"} <= set(told)
    assert got(service, f"customers/{loser}", **after)["merged_into"] == survivor


def test_no_customer_is_its_own_subsidiary_be_it_by_a_merge(service: Service) -> None:
    top, middle, bottom = (service.customer() for _ in range(3))
    service.made(f"customers/{middle}/change-details", {"parent_id": top})
    service.made(f"customers/{bottom}/change-details", {"parent_id": middle})
    assert wrong(service, f"customers/{top}/change-details", {"parent_id": bottom}) == ["parent_id"]
    assert wrong(service, f"customers/{bottom}/merge", {"into_id": top}) == ["into_id"]
    assert wrong(service, f"customers/{top}/merge", {"into_id": middle}) == ["into_id"]
    same = service.customer()
    service.made(f"customers/{same}/merge", {"into_id": bottom})
    assert wrong(service, f"customers/{top}/change-details", {"parent_id": bottom}) == ["parent_id"]
    service.made(f"customers/{bottom}/change-details", {"parent_id": None})
    service.made(f"customers/{top}/change-details", {"parent_id": bottom})
