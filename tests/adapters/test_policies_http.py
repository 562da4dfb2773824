"""What is shown of policies over HTTP and on the command line."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.service import Service, running

_INSERT = """
    INSERT INTO backstory.policy_requests (id, policy, key, state, stream_id, version, position,
        ordinal, fires_at, problem)
    VALUES (%s, 'other-release', %s, %s, %s, 1, %s, 0, 'infinity', %s)
"""


@pytest.fixture(scope="module")
def service(module_database_url: str) -> Iterator[Service]:
    with running(module_database_url) as service:
        yield service


def put(service: Service, state: str, problem: Any = None) -> str:
    """A request of a policy that only another release knows."""
    id = uuid4()
    values = (id, str(id), state, uuid4(), 7, None if problem is None else Jsonb(problem))
    with psycopg.connect(service.backstory.url, autocommit=True) as connection:
        connection.execute(_INSERT, values)
    return str(id)


def requests(service: Service, **parameters: Any) -> list[dict[str, Any]]:
    answer = service.client.get("/v1/policies/requests", params=parameters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def after(service: Service, position: int) -> None:
    """Wait until the policies have read so far."""
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while any(p["position"] < position for p in service.client.get("/v1/policies").json()["items"]):
        assert datetime.now(UTC) < deadline, "policies are behind"


def test_tasks_wait_for_their_moments(service: Service) -> None:
    due_at = datetime.now(UTC) + timedelta(days=400)
    body = {"subject": "年度回访", "due_at": due_at.isoformat(), "remind_at": due_at.isoformat()}
    receipt = service.made("tasks/plan", body)
    after(service, receipt["position"])
    mine = [r for r in requests(service) if r["key"] == receipt["id"]]
    assert {r["policy"] for r in mine} == {"remind-of-task", "mark-task-overdue"}
    for one in mine:
        assert one["event_id"] == f"{receipt['id']}:1"
        assert datetime.fromisoformat(one["due_at"]) == due_at
        assert (one["state"], one["attempts"], one["problem"]) == ("waiting", 0, None)
    assert {p["name"]: p["waiting"] for p in service.client.get("/v1/policies").json()["items"]}[
        "remind-of-task"
    ] >= 1
    service.made(f"tasks/{receipt['id']}/cancel")


def test_a_task_that_is_overdue_already_says_so_at_once(service: Service) -> None:
    due_at = datetime.now(UTC) - timedelta(days=2)
    customer = service.customer()
    body = {"subject": "回访", "due_at": due_at.isoformat(), "about": customer}
    id = service.made("tasks/plan", body)["id"]
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while (row := service.client.get(f"/v1/tasks/{id}").json())["overdue_since"] is None:
        assert datetime.now(UTC) < deadline
    assert (row["customer_id"], row["status"]) == (customer, "planned")
    assert datetime.fromisoformat(row["overdue_since"]) == due_at
    history = service.client.get(f"/v1/tasks/{id}/history", headers={"Accept-Language": "zh"})
    planned, overdue = history.json()["items"]
    assert planned["sentence"].startswith("为“杭州云帆")
    assert overdue["origin"] == "policy"
    assert overdue["sentence"].endswith("仍未完成，已经逾期")


def test_refused_requests_are_told_in_the_language_of_the_reader(service: Service) -> None:
    id = put(service, "refused", {"code": "task-closed"})
    [shown] = [r for r in requests(service, state="refused") if r["id"] == id]
    assert shown["problem"]["type"] == "/problems/task-closed"
    answer = service.client.get(
        "/v1/policies/requests", params={"state": "refused"}, headers={"Accept-Language": "en"}
    )
    assert "closed" in str(answer.json()["items"])
    errors = {"code": "validation", "errors": [{"field": "about", "message": "reference-unknown"}]}
    id = put(service, "refused", errors)
    [shown] = [r for r in requests(service, state="refused") if r["id"] == id]
    assert [e["field"] for e in shown["problem"]["errors"]] == ["about"]


def test_pages_hold_each_request_once(service: Service) -> None:
    ids = {put(service, "dropped", {"code": "no-longer-wanted", "error": "x"}) for _ in range(7)}
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = service.client.get(
            "/v1/policies/requests", params={"state": "dropped", "limit": 3, **cursor}
        ).json()
        found += [r["id"] for r in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len(found) == 7
    assert set(found) == ids


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"state": "late"}, "state"),
        ({"limit": 0}, "limit"),
        ({"cursor": "xyz"}, "cursor"),
        ({"policy": "x"}, "policy"),
        ({"as_of": "2026-01-01"}, "as_of"),
    ],
)
def test_wrong_parameters_are_named(
    service: Service, parameters: dict[str, Any], field: str
) -> None:
    answer = service.client.get("/v1/policies/requests", params=parameters)
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]


def test_who_does_not_sign_in_sees_nothing(module_database_url: str, service: Service) -> None:
    with running(module_database_url, auth="on") as closed:
        for path in ("/v1/policies", "/v1/policies/requests"):
            assert closed.client.get(path).status_code == 401


def test_what_only_policies_ask_is_refused_by_name_and_not_documented(service: Service) -> None:
    document = service.client.get("/openapi.json").json()
    assert "/v1/policies/requests" in document["paths"]
    assert "/v1/tasks/{id}/complete" in document["paths"]
    assert "/v1/tasks/{id}/remind" not in document["paths"]
    assert "RemindTask" not in document["components"]["schemas"]
    moment = {"remind_at": "2026-03-01T10:00:00Z"}
    answer = service.post(f"tasks/{uuid4()}/remind", moment)
    batched = {"commands": [{"command": "tasks/remind", "id": str(uuid4()), "body": moment}]}
    [result] = service.post("batch", batched).json()["results"]
    for problem in (answer.json(), result):
        assert problem["status"] == 422
        assert [e["field"] for e in problem["errors"]] == ["command"]


def figures(service: Service) -> dict[str, float]:
    """What ``/metrics`` says: ``name{labels}`` → value; the lines of a name must be together."""
    answer = service.client.get("/metrics")
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    names = [line.partition("{")[0].partition(" ")[0] for line in lines]
    assert len([*groupby(names)]) == len({*names})
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_the_figures_of_policies_are_there_for_a_monitor(service: Service) -> None:
    waiting = "backstory_policy_requests_waiting"
    before = figures(service)
    moment = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    body = {"subject": "昨天就该打的电话", "due_at": moment}
    receipt = service.made("tasks/plan", body)
    label = '{policy="mark-task-overdue"}'
    fired = f"backstory_policy_requests_fired_total{label}"
    deadline = datetime.now(UTC) + timedelta(seconds=60)
    while figures(service)[fired] == before[fired]:
        assert datetime.now(UTC) < deadline, "nothing was fired"
    after(service, receipt["position"])
    now = figures(service)
    assert now[fired] == before[fired] + 1
    assert now[waiting + label] == before[waiting + label]
    of = {name.removesuffix(label) for name in now if name.endswith(label)}
    assert of == {
        f"backstory_policy_{name}"
        for name in (
            *("lag_events", "lag_seconds", "requests_waiting", "requests_due", "streams_parked"),
            *("requests_fired_total", "requests_refused", "requests_dropped"),
        )
    }
