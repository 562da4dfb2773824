"""An update says what it replaces, and replaces nothing that the file does not speak of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.overwriting import LONGEST
from adapters.importing.report import Report
from tests.importing import counts, imported, last, opened, rows, write_csv

MAPPING = """
kind = "customers"
external = { system = "old", id = "code" }
[fields]
name = "name"
industry = "industry"
source = { constant = "referral" }
region = "region"
notes = "notes"
tags = { column = "tags", split = ";" }
annual_revenue = { column = "revenue", currency = "CNY" }
"custom.color" = "color"
"primary_contact.name" = "contact"
"primary_contact.phone" = "phone"
"""
BEFORE = {
    "code": "1",
    "name": "云泽青峰有限公司",
    "industry": "software",
    "region": "华东",
    "notes": "",
    "tags": "a",
    "revenue": "100",
    "color": "red",
    "contact": "王强",
    "phone": "13800138000",
}


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


@pytest.fixture
def take(backstory: Backstory, tmp_path: Path) -> Any:
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")

    def taken(*changes: dict[str, str], **options: Any) -> Report:
        lines = [[*({**BEFORE, **change}.values())] for change in changes]
        file = write_csv(tmp_path / "customers.csv", [[*BEFORE], *lines])
        return imported(backstory, "customers", file, tmp_path / "m.toml", **options)

    return taken


def said(report: Report) -> list[str]:
    return [str(text) for _, text in report.overwritten_in_order()]


def test_what_is_replaced_is_said_and_what_is_added_is_not(take: Any) -> None:
    take({})
    report = take(
        {"region": "华北", "notes": "新", "tags": "b", "revenue": "250.5", "color": "blue"},
        on_duplicate="update",
    )
    assert counts(report) == (0, 1, 0, 0)
    [text] = said(report)
    assert sorted(text.split("; ")) == [
        "annual_revenue: 100 CNY → 250.5 CNY",
        "custom.color: red → blue",
        "region: 华东 → 华北",
    ]


def test_a_dry_run_says_the_same_and_stores_nothing(take: Any, backstory: Backstory) -> None:
    take({})
    before = last(backstory)
    dry = take({"region": "华北"}, on_duplicate="update", is_rehearsal=True)
    assert counts(dry) == (0, 1, 0, 0)
    assert last(backstory) == before
    assert said(dry) == said(take({"region": "华北"}, on_duplicate="update"))


def test_nothing_is_said_where_nothing_is_replaced(take: Any) -> None:
    assert said(take({})) == said(take({}, on_duplicate="update")) == []
    assert said(take({"region": ""}, on_duplicate="update")) == [], "an empty cell says nothing"
    assert said(take({"region": "华北"}, on_duplicate="skip")) == []


def test_a_first_contact_is_brought_up_to_date(take: Any, backstory: Backstory) -> None:
    take({})
    report = take({"phone": "13900139000"}, on_duplicate="update")
    assert counts(report) == (0, 1, 0, 0)
    assert said(report) == ["primary_contact.phone: 13800138000 → 13900139000"]
    [contact] = rows(backstory, "contacts").values()
    assert (contact.name, contact.phone) == ("王强", "13900139000")
    assert counts(take({"phone": "13900139000"})) == (0, 0, 1, 0)


def test_another_person_is_entered_beside_the_first_contact_once(
    take: Any, backstory: Backstory
) -> None:
    take({})
    other = {"contact": "李娜", "phone": "13900139000"}
    refused = take(other)
    [(_, reason)] = refused.refusals
    assert "differs in primary_contact.name, primary_contact.phone" in str(reason)
    report = take(other, on_duplicate="update")
    assert (counts(report), said(report)) == ((0, 1, 0, 0), [])
    assert report.parts == {"contacts": 1}
    assert counts(take(other, on_duplicate="update")) == (0, 0, 1, 0)
    people = rows(backstory, "contacts").values()
    assert sorted((one.name, one.phone, one.primary) for one in people) == [
        ("李娜", "13900139000", False),
        ("王强", "13800138000", True),
    ]
    [company] = {one.customer_id for one in people}
    assert company in rows(backstory, "customers")


def test_half_a_contact_is_left_out_and_that_is_said(take: Any, backstory: Backstory) -> None:
    report = take({"phone": ""}, {"code": "2", "name": "红河机械有限公司", "contact": ""})
    assert counts(report) == (2, 0, 0, 0)
    assert report.incomplete == 2
    assert [str(text) for _, text in report.suspicious_in_order()] == [
        "primary_contact is left out: there is no primary_contact.phone",
        "primary_contact is left out: there is no primary_contact.name",
    ]
    assert rows(backstory, "contacts") == {}


def test_a_long_value_is_cut_and_kept_on_one_line(take: Any) -> None:
    take({"notes": "长\n文" * 200})
    [text] = said(take({"notes": "短"}, on_duplicate="update"))
    assert text.startswith("notes: 长 文")
    assert text.endswith("… → 短")
    assert "\n" not in text
    assert len(text) < 2 * LONGEST


def test_several_processes_say_it_too(take: Any) -> None:
    changes = [{"code": str(n), "name": f"云泽第{n}有限公司"} for n in range(30)]
    take(*changes)
    others = [{**change, "region": f"华北{n}"} for n, change in enumerate(changes)]
    report = take(*others, on_duplicate="update", workers=2)
    assert said(report) == [f"region: 华东 → 华北{n}" for n in range(30)]


def test_a_customer_without_a_first_contact_gets_the_one_that_an_update_names(
    take: Any, backstory: Backstory
) -> None:
    take({"contact": "", "phone": ""})
    assert rows(backstory, "contacts") == {}
    assert counts(take({}, on_duplicate="update")) == (0, 1, 0, 0)
    [contact] = rows(backstory, "contacts").values()
    assert (contact.name, contact.phone) == ("王强", "13800138000")
    assert counts(take({}, on_duplicate="update")) == (0, 0, 1, 0)
