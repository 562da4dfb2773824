"""A service desk over HTTP: a ticket from the call to the rating, and what its list says of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.service import Service, database, running

FIRST = datetime.fromisoformat("2024-03-01T09:00:00+08:00")


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


class Desk:
    """A ticket, and what is asked of it day after day."""

    def __init__(self, service: Service, **changes: Any) -> None:
        self.service, self.day = service, FIRST
        self.customer = changes.pop("customer_id", None) or service.customer()
        asked = {"subject": "打印机不工作", "kind": "complaint", "priority": "normal"}
        self.id = self._do("open", customer_id=self.customer, **{**asked, **changes})["id"]

    def do(self, verb: str, **fields: Any) -> datetime:
        """Carry it out, one day after what was before; answers when it happened."""
        self.day += timedelta(days=1)
        self._do(f"{self.id}/{verb}", **fields)
        return self.day

    def _do(self, path: str, **fields: Any) -> dict[str, Any]:
        said = {"occurred_at": self.day.isoformat()}
        receipt = self.service.made(f"tickets/{path}", {**fields, "meta": said})
        self.position = receipt["position"]
        return receipt

    def row(self, **query: Any) -> dict[str, Any]:
        query = {"after": self.position, **query}
        row = self.service.read(f"tickets/{self.id}", query)
        return {n: _instant(v) if n.endswith("_at") and v else v for n, v in row.items()}

    def told(self, language: str) -> list[str]:
        path, query = f"tickets/{self.id}/history", {"after": self.position}
        items = self.service.read(path, query, accept_language=language)["items"]
        return [item["sentence"] for item in items]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def user(service: Service, login: str, name: str) -> str:
    return str(service.made("users/add", {"login": login, "name": name})["id"])


def told(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def test_every_event_of_a_ticket_is_told(service: Service) -> None:
    li, zhao = user(service, "desk.li", "李雷"), user(service, "desk.zhao", "赵敏")
    acme = service.customer(name="上海来电有限公司")
    other = service.customer(name="北京转接有限公司")
    desk = Desk(service, customer_id=acme, handling="on_site", receiver_id=li)
    desk.do("assign", owner_id=li)
    desk.do("change-details", product="M-200", receiver_opinion="应尽快上门")
    desk.do("comment", text="客户不愿再等", internal=True)
    desk.do("start")
    desk.do("comment", text="明天上午到")
    desk.do("wait", reason="等配件")
    desk.do("escalate", to_id=zhao, reason="老客户")
    desk.do("change-priority", priority="urgent")
    desk.do("resume")
    desk.do("complete", solution="换了主板")
    desk.do("record-callback", reached=False)
    desk.do("record-callback", satisfied=True, note="用着很好")
    desk.do("close")
    desk.do("rate", score=5, comment="很快")
    desk.do("reopen", reason="又坏了")
    desk.do("move", customer_id=other)
    assert desk.told("zh") == [
        "为“上海来电有限公司”新建了工单“打印机不工作”，类型为“投诉”，优先级为“一般”",
        "把工单分派给李雷",
        "填写了产品“M-200”；填写了接待意见“应尽快上门”",
        "添加了内部备注：“客户不愿再等”",
        "开始处理工单",
        "添加了备注：“明天上午到”",
        "挂起了工单，原因：等配件",
        "升级了工单，请赵敏处理，原因：老客户",
        "把优先级从“一般”调整为“紧急”",
        "恢复处理工单",
        "完成了工单，处理结果：换了主板",
        "投诉“打印机不工作”已处理完，需要回访客户",
        "回访：没有联系上客户",
        "回访：联系上了客户，客户满意，用着很好",
        "关闭了工单",
        "客户评分 5 分：“很快”",
        "重新处理工单，原因：又坏了；此前的 5 分评价不再有效",
        "把工单从“上海来电有限公司”转到了“北京转接有限公司”名下",
    ]
    assert desk.told("en") == [
        "Opened the ticket “打印机不工作” for “上海来电有限公司”, kind “Complaint”,"
        " priority “Normal”",
        "Assigned it to 李雷",
        "Entered Product “M-200”; entered Receiver's opinion “应尽快上门”",
        "Added an internal note: “客户不愿再等”",
        "Started to work on it",
        "Added a comment: “明天上午到”",
        "Put it on hold because: 等配件",
        "Escalated it to 赵敏 because: 老客户",
        "Changed the priority from “Normal” to “Urgent”",
        "Resumed work on it",
        "Completed it; the solution: 换了主板",
        "The customer is to be called back about the complaint “打印机不工作”",
        "Called back and did not reach the customer",
        "Called back and reached the customer, who is satisfied: 用着很好",
        "Closed it",
        "The customer rated it 5 of 5: “很快”",
        "Reopened it because: 又坏了; the rating of 5 no longer counts",
        "Moved it from “上海来电有限公司” to “北京转接有限公司”",
    ]


def test_the_first_answer_is_what_the_customer_can_read(service: Service) -> None:
    desk = Desk(service)
    desk.do("start")
    desk.do("comment", text="先查一下", internal=True)
    assert desk.row()["first_response_at"] is None
    answered_at = desk.do("comment", text="明天上午到")
    desk.do("complete", solution="换了主板")
    row = desk.row()
    assert row["first_response_at"] == answered_at
    assert told(row, "comments", "opened_at") == {"comments": 2, "opened_at": FIRST}
    silent = Desk(service)
    silent.do("start")
    solved_at = silent.do("complete", solution="重启即可")
    assert silent.row()["first_response_at"] == solved_at


def test_a_completed_complaint_is_to_be_called_back_until_somebody_answered(
    service: Service,
) -> None:
    desk = Desk(service)
    desk.do("start")
    done_at = desk.do("complete", solution="换了主板")
    due = {"callback": "due", "callback_due_at": done_at + timedelta(days=2)}
    assert told(desk.row(), *due) == due
    desk.do("record-callback", reached=False)
    assert told(desk.row(), *due) == due
    called_at = desk.do("record-callback", satisfied=False, note="还在响")
    assert told(desk.row(), *due, "callback_at", "callback_satisfied") == {
        "callback": "done",
        "callback_due_at": None,
        "callback_at": called_at,
        "callback_satisfied": False,
    }
    question = Desk(service, kind="consultation")
    question.do("start")
    done_at = question.do("complete", solution="见手册")
    assert question.row()["callback"] is None
    question.do("change-details", kind="complaint")
    due["callback_due_at"] = done_at + timedelta(days=2)
    assert told(question.row(), *due) == due


def test_reopened_it_has_no_end_any_more_and_any_day_shows_how_it_stood(service: Service) -> None:
    desk = Desk(service)
    started_at = desk.do("start")
    completed_at = desk.do("complete", solution="换了主板")
    closed_at = desk.do("close")
    rated_at = desk.do("rate", score=2, comment="太慢")
    ended = {
        "status": "closed",
        "started_at": started_at,
        "completed_at": completed_at,
        "closed_at": closed_at,
        "solution": "换了主板",
        "rating": 2,
        "rating_comment": "太慢",
        "reopened": 0,
    }
    assert told(desk.row(), *ended) == ended
    desk.do("reopen", reason="又坏了")
    anew = {**dict.fromkeys(ended), "status": "in_progress", "started_at": started_at}
    assert told(desk.row(), *ended) == {**anew, "reopened": 1}
    assert told(desk.row(as_of=rated_at.isoformat()), *ended) == ended
    assert desk.row(as_of=started_at.isoformat())["status"] == "in_progress"
    assert desk.row(as_of=FIRST.isoformat())["status"] == "pending"


def test_a_step_that_the_table_does_not_have_is_refused_by_name_and_status(
    service: Service,
) -> None:
    desk = Desk(service)
    for language, detail in {
        "zh": "只有已完成的工单才能关闭；该工单目前为“待处理”。",
        "en": "Only a completed ticket can be closed; this one is pending.",
    }.items():
        refused = service.post(f"tickets/{desk.id}/close", accept_language=language)
        assert refused.status_code == refused.json()["status"] == 409
        assert refused.json()["type"].endswith("ticket-not-completed")
        assert refused.json()["state"] == "pending"
        assert refused.json()["detail"] == detail


def test_what_a_refusal_tells_never_hides_its_http_status(service: Service) -> None:
    """Tasks and tickets have a status of their own."""
    planned = {"subject": "回电", "due_at": "2030-03-01T09:00:00Z", "about": service.customer()}
    path = f"tasks/{service.made('tasks/plan', planned)['id']}"
    service.made(f"{path}/cancel")
    refused = service.post(f"{path}/cancel")
    assert refused.status_code == refused.json()["status"] == 409
    assert refused.json()["state"] == "cancelled"


def test_nobody_but_an_import_records_a_status(service: Service) -> None:
    desk = Desk(service)
    alone = service.post(f"tickets/{desk.id}/record-status", {"status": "closed"})
    assert alone.status_code == 422
    batch = {"command": "tickets/record-status", "id": desk.id, "body": {"status": "closed"}}
    [result] = service.post("batch", {"atomic": False, "commands": [batch]}).json()["results"]
    assert result["status"] == 422


def test_tickets_are_found_by_status_owner_and_callback_due(service: Service) -> None:
    sun = user(service, "desk.sun", "孙悦")
    waiting, called = Desk(service, owner_id=sun), Desk(service, owner_id=sun)
    waiting.do("start")
    waiting.do("wait")
    called.do("start")
    called.do("complete", solution="换了主板")

    def found(**query: Any) -> list[str]:
        query = {"owner_id": sun, "after": called.position, **query}
        return [i["id"] for i in service.read("tickets", query)["items"]]

    assert found(status="waiting") == [waiting.id]
    assert found(callback="due", **{"callback_due_at.lt": "2025-01-01"}) == [called.id]
    assert found(status="closed") == []


def refused(service: Service, path: str, body: dict[str, Any], status: int) -> dict[str, Any]:
    answer = service.post(path, body, accept_language="zh")
    assert answer.status_code == status, answer.text
    problem: dict[str, Any] = answer.json()
    return problem


def test_a_step_before_the_last_one_is_refused_and_has_nothing_given_up(service: Service) -> None:
    desk = Desk(service)
    desk.do("start")
    desk.do("complete", solution="换了主板")
    for verb, said in (("reopen", {"reason": "又坏了"}), ("close", {})):
        meta = {"occurred_at": (desk.day - timedelta(hours=1)).isoformat()}
        path = f"tickets/{desk.id}/{verb}"
        [error] = refused(service, path, {**said, "meta": meta}, 422)["errors"]
        assert (error["field"], error["message"]) == ("meta.occurred_at", "不能早于上一次状态变更")
    assert told(desk.row(), "status", "callback", "reopened") == {
        "status": "completed",
        "callback": "due",
        "reopened": 0,
    }


def test_a_contact_is_added_moved_and_retired_and_then_named_no_more(service: Service) -> None:
    acme, other = service.customer(), service.customer()
    wang = service.made(
        "contacts/add", {"customer_id": acme, "name": "王芳", "birthday": "1980-02-29"}
    )
    path, asked = (
        f"contacts/{wang['id']}",
        {"subject": "x", "kind": "request", "priority": "normal"},
    )
    theirs = {**asked, "customer_id": acme, "contact_id": wang["id"]}
    others = {**asked, "customer_id": other, "contact_id": wang["id"]}
    ticket = service.made("tickets/open", theirs)["id"]
    assert refused(service, "tickets/open", others, 409)["type"].endswith(
        "contact-of-other-customer"
    )
    [error] = refused(service, f"{path}/change-details", {"phone": "13900000001"}, 422)["errors"]
    assert error["field"] == "meta.reason"
    service.made(f"{path}/change-details", {"phone": "13900000001", "meta": {"reason": "换了号码"}})
    service.made(f"{path}/move", {"customer_id": other})
    service.made("tickets/open", others)
    assert (
        refused(service, "tickets/open", theirs, 409)["detail"]
        == "工单的联系人必须是该工单客户的联系人。"
    )
    service.made(f"tickets/{ticket}/change-details", {"contact_id": wang["id"], "product": "M-200"})
    position = service.made(f"{path}/retire")["position"]
    [error] = refused(service, "tickets/open", others, 422)["errors"]
    assert error["field"] == "contact_id"
    assert "已停用" in error["message"]
    assert (
        refused(service, f"{path}/change-details", {"role": "顾问"}, 409)["title"] == "联系人已停用"
    )
    row = service.read(f"contacts/{wang['id']}", {"after": position})
    told_of_her = {"customer_id": other, "retired": True, "birthday": "1980-02-29"}
    assert told(row, *told_of_her) == told_of_her


def test_nobody_is_given_to_a_user_who_is_gone(service: Service) -> None:
    gone = user(service, "desk.gone", "何去")
    service.made(f"users/{gone}/disable")
    desk = Desk(service)
    [error] = refused(service, f"tickets/{desk.id}/assign", {"owner_id": gone}, 422)["errors"]
    assert error["field"] == "owner_id"


def test_a_contact_of_a_customer_that_was_merged_is_one_of_the_survivor(service: Service) -> None:
    loser, survivor = service.customer(), service.customer()
    wang = service.made("contacts/add", {"customer_id": loser, "name": "王芳"})["id"]
    service.made(f"customers/{loser}/merge", {"into_id": survivor})
    desk = Desk(service, customer_id=survivor, contact_id=wang)
    assert desk.row()["contact_id"] == wang


def test_comments_are_a_list_of_their_own_and_never_conflict(service: Service) -> None:
    acme = service.customer()
    wang = service.made("contacts/add", {"customer_id": acme, "name": "王芳"})["id"]
    desk = Desk(service, customer_id=acme)
    path = f"tickets/{desk.id}/comment"
    service.made(path, {"text": "还没好"}, if_match='"1"')
    service.made(path, {"text": "先查", "internal": True}, if_match='"1"')
    last = service.made(path, {"text": "我在等", "author_id": wang}, if_match='"1"')
    query = {"about_id": desk.id, "after": last["position"], "sort": "position"}
    items = service.read("comments", query)["items"]
    assert [told(i, "text", "internal", "author_id") for i in items] == [
        {"text": "还没好", "internal": False, "author_id": None},
        {"text": "先查", "internal": True, "author_id": None},
        {"text": "我在等", "internal": False, "author_id": wang},
    ]
    assert {(i["customer_id"], i["about_kind"]) for i in items} == {(acme, "ticket")}
    desk.position = last["position"]
    assert desk.row()["comments"] == 3
    for typed in ("我在等", "在等"):
        found = service.read("search", {"q": typed, "kind": "comment"})["items"]
        assert [item["id"] for item in found] == [items[-1]["id"]]


def test_what_was_changed_of_a_ticket_is_taken_back_but_not_its_course(service: Service) -> None:
    desk = Desk(service)
    desk.do("change-details", kind="consultation", product="M-200")
    desk.do("start")
    done_at = desk.do("complete", solution="换了主板")
    assert desk.row()["callback"] is None
    desk.position = service.made(f"tickets/{desk.id}/revert", {"to_version": 1})["position"]
    expected = {"kind": "complaint", "product": None, "status": "completed", "callback": "due"}
    assert told(desk.row(), *expected) == expected
    assert desk.row()["callback_due_at"] == done_at + timedelta(days=2)


def reverted(service: Service, path: str, version: int) -> dict[str, Any]:
    """The record, made what it was at a version."""
    position = service.made(f"{path}/revert", {"to_version": version})["position"]
    return service.read(path, {"after": position})


def contact(service: Service, customer: str) -> str:
    return str(service.made("contacts/add", {"customer_id": customer, "name": "王芳"})["id"])


@pytest.mark.parametrize("fate", ["stays", "moves", "retires"])
def test_a_ticket_that_is_moved_back_names_who_asked_only_where_they_still_ask(
    service: Service, fate: str
) -> None:
    acme, other = service.customer(), service.customer()
    wang = contact(service, acme)
    desk = Desk(service, customer_id=acme, contact_id=wang)
    desk.do("move", customer_id=other, contact_id=contact(service, other))
    if fate == "moves":
        service.made(f"contacts/{wang}/move", {"customer_id": other})
    elif fate == "retires":
        service.made(f"contacts/{wang}/retire")
    row = reverted(service, f"tickets/{desk.id}", 1)
    assert row["customer_id"] == acme
    assert row["contact_id"] == (wang if fate == "stays" else None)


def test_a_revert_gives_nothing_back_to_who_is_out_of_use(service: Service) -> None:
    gone, clerk = user(service, "desk.left", "何去"), user(service, "desk.here", "何从")
    acme, merged, survivor = (service.customer() for _ in range(3))
    desk = Desk(service, customer_id=merged, owner_id=gone, subject="打印机")
    desk.do("assign", owner_id=clerk)
    desk.do("move", customer_id=acme)
    desk.do("change-details", subject="复印机")
    service.made(f"users/{gone}/disable")
    service.made(f"customers/{merged}/merge", {"into_id": survivor})
    row = reverted(service, f"tickets/{desk.id}", 1)
    expected = {"owner_id": clerk, "customer_id": acme, "subject": "打印机"}
    assert told(row, *expected) == expected
