"""Any list shows what an import has entered or changed, where it is asked for by the import."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from adapters.importing.jobs import IMPORTER
from adapters.importing.report import Report
from commands.base import COMMANDS
from commands.requests import Request
from tests.importing import imported, last, write_csv
from tests.service import Service, database, running

MAPPING = """
kind = "customers"
external = { system = "lists", id = "id" }
occurred_at = { constant = "2024-03-01T00:00:00Z" }
[fields]
name = "name"
region = "region"
"primary_contact.name" = { constant = "张三" }
"primary_contact.phone" = { constant = "13800000001" }
[[then]]
unless = { visit = "" }
command = "record-interaction"
fields.channel = { constant = "visit" }
fields.subject = "visit"
"""
DEALS = """
kind = "opportunities"
[fields]
title = "visit"
customer_id = { column = "name", by = "name" }
"""
HEADER = ["id", "name", "region", "visit"]
FIRST = [["1", "云泽有限公司", "华东", "参观"], ["2", "青岚有限公司", "华东", ""]]
MORE = [["2", "青岚有限公司", "华北", "回访"], ["3", "沧浦有限公司", "华东", ""]]


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


@pytest.fixture(scope="module")
def reports(service: Service, tmp_path_factory: pytest.TempPathFactory) -> list[Report]:
    """Two imports of customers, the second of which changes what the first entered, and their
    deals; then somebody records more."""
    folder = tmp_path_factory.mktemp("lists")
    done = [take(service, folder, MAPPING, rows, "customers") for rows in (FIRST, MORE)]
    done.append(take(service, folder, DEALS, FIRST[:1], "opportunities"))
    id = service.read("customers/by-external/lists/1", after(service))["id"]
    said = {"channel": "call", "subject": "此后的电话"}
    service.made(f"customers/{id}/record-interaction", said)
    return done


def take(service: Service, folder: Path, mapping: str, rows: list[list[str]], kind: str) -> Report:
    (folder / "m.toml").write_text(mapping, encoding="utf-8")
    path = write_csv(folder / "c.csv", [HEADER, *rows])
    return imported(service.backstory, kind, path, folder / "m.toml", on_duplicate="update")


def after(service: Service) -> dict[str, Any]:
    return {"after": last(service.backstory, with_imports=True)}


def listed(service: Service, table: str, import_id: Any, **query: Any) -> list[str]:
    """What the list calls its rows."""
    asked = {"import_id": import_id, "sort": "created_at", **after(service), **query}
    items = service.read(table, asked)["items"]
    return sorted(next(filter(None, map(row.get, ("name", "title", "subject")))) for row in items)


def test_what_an_import_entered_or_changed(service: Service, reports: list[Report]) -> None:
    first, more, deals = (report.import_id for report in reports)
    assert listed(service, "customers", first) == ["云泽有限公司", "青岚有限公司"]
    assert listed(service, "customers", more) == ["沧浦有限公司", "青岚有限公司"]
    assert listed(service, "customers", deals) == []
    assert listed(service, "opportunities", deals) == ["参观"]
    assert listed(service, "contacts", first) == ["张三", "张三"]
    assert listed(service, "contacts", more) == ["张三"]


def test_of_parts_those_that_it_entered(service: Service, reports: list[Report]) -> None:
    first, more, deals = (report.import_id for report in reports)
    assert listed(service, "interactions", first) == ["参观"]
    assert listed(service, "interactions", more) == ["回访"]
    assert listed(service, "interactions", deals) == []
    assert listed(service, "interactions", [first, more]) == ["参观", "回访"]


def test_with_other_filters_counted_and_page_by_page(
    service: Service, reports: list[Report]
) -> None:
    first, more, _ = (report.import_id for report in reports)
    assert listed(service, "customers", first, region="华北") == ["青岚有限公司"]
    every = listed(service, "customers", [first, more])
    assert every == ["云泽有限公司", "沧浦有限公司", "青岚有限公司"]
    for sort in ("id", "-id", "-created_at"):
        found: list[str] = []
        asked = {"import_id": str(first), "sort": sort, "limit": 1, **after(service)}
        while True:
            page = service.read("customers", {**asked, "count": "exact"})
            assert page["count"] == 2
            found += [row["name"] for row in page["items"]]
            if page["next"] is None:
                break
            asked["cursor"] = page["next"]
        assert sorted(found) == ["云泽有限公司", "青岚有限公司"]


def test_as_of_a_day_and_as_it_was_known(service: Service, reports: list[Report]) -> None:
    first, more, _ = (report.import_id for report in reports)
    assert listed(service, "customers", first, as_of="2024-06-01") == [
        *("云泽有限公司", "青岚有限公司"),
    ]
    assert listed(service, "customers", first, as_of="2024-02-01") == []
    assert listed(service, "interactions", more, as_of=_tomorrow()) == ["回访"]
    known = {"as_of": _tomorrow(), "clock": "recorded"}
    assert listed(service, "interactions", [first, more], **known) == ["参观", "回访"]


def _tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_of_no_import_there_is_nothing_and_what_is_no_id_is_refused(
    service: Service, reports: list[Report]
) -> None:
    assert listed(service, "customers", UUID(int=7)) == []
    own = service.read("customers", {"limit": 1, **after(service)})["items"][0]["id"]
    assert listed(service, "customers", own) == [], "the id of a record is none of an import"
    for name in ("import_id", "import_id.ne"):
        answer = service.client.get("/v1/customers", params={name: "x"})
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [name]


def test_an_export_has_the_same_filter(service: Service, reports: list[Report]) -> None:
    asked = {"import_id": str(reports[1].import_id), **after(service)}
    told = service.client.get("/v1/customers.csv", params=asked).text
    assert "沧浦有限公司" in told
    assert "云泽有限公司" not in told


def test_what_was_taken_back_is_listed_no_more(service: Service, tmp_path: Path) -> None:
    rows = [["9", "北屿有限公司", "华东", "参观"]]
    report = take(service, tmp_path, MAPPING, rows, "customers")
    assert listed(service, "customers", report.import_id) == ["北屿有限公司"]
    id = UUID(service.read("customers/by-external/lists/9", after(service))["id"])
    service.backstory.application.dispatch(Request(COMMANDS["customers/withdraw"](), id), IMPORTER)
    assert listed(service, "customers", report.import_id) == []
    assert listed(service, "interactions", report.import_id) == []
    assert listed(service, "customers", report.import_id, archived="any") == ["北屿有限公司"]
