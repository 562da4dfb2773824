"""Customers and contacts are found by phone, in any notation; whom a number leaves in doubt,
nobody is guessed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from adapters.bootstrap import Backstory
from adapters.conveyor import Conveyor, Done
from adapters.importing.jobs import IMPORTER
from adapters.importing.rehearsal import Rehearsal
from adapters.importing.report import Report
from adapters.mapper import Mapper
from aggregates.errors import DomainError
from commands.application import Application
from commands.base import COMMANDS
from commands.batch import dispatch_many
from commands.requests import Receipt, Request
from tests.importing import counts, imported, opened, rows, write_csv

MAPPING = """
kind = "tickets"
[fields]
subject = "标题"
kind = { constant = "consultation" }
description = "标题"
customer_id = { column = "电话", by = "phone" }
"""
BY_CONTACT = MAPPING.replace("customer_id", "contact_id").replace(
    "[fields]", '[fields]\ncustomer_id = { column = "客户", by = "name", missing = "note" }'
)
SWITCHBOARD = "010-62581234"


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


def do(backstory: Backstory, command: str, id: UUID | None = None, /, **said: Any) -> UUID:
    request = Request(COMMANDS[command].model_validate(said), id)
    return backstory.application.dispatch(request, IMPORTER).id


def customer(backstory: Backstory, name: str, **said: Any) -> UUID:
    person = {"name": "前台", "phone": said.pop("contact", "13900000000")}
    given = {"industry": "software", "source": "referral", "primary_contact": person}
    return do(backstory, "customers/register", name=name, **given, **said)


def contact(backstory: Backstory, of: UUID, phone: str | None, name: str = "李雷") -> UUID:
    return do(backstory, "contacts/add", customer_id=of, name=name, phone=phone)


def take(
    backstory: Backstory, folder: Path, phones: list[str], mapping: str = MAPPING, **options: Any
) -> Report:
    (folder / "m.toml").write_text(mapping, encoding="utf-8")
    lines = [[f"第 {n} 张工单", phone, ""] for n, phone in enumerate(phones, start=1)]
    file = write_csv(folder / "t.csv", [["标题", "电话", "客户"], *lines])
    return imported(backstory, "tickets", file, folder / "m.toml", **options)


def refused(report: Report) -> list[str]:
    return [str(said) for _, said in report.in_order()]


def listed(backstory: Backstory, table: str, *ids: UUID) -> str:
    """These records as a reason lists them."""
    known = rows(backstory, table)
    named = ((id, known[id].number, known[id].name) for id in sorted(ids))
    return ", ".join(" ".join([*filter(None, said), f"[{id}]"]) for id, *said in named)


def found(backstory: Backstory, field: str = "customer_id") -> list[UUID]:
    """Whom the tickets name, in the order of the file."""
    tickets = sorted(rows(backstory, "tickets").values(), key=lambda row: row.subject)
    return [getattr(row, field) for row in tickets]


def test_a_customer_by_its_number_in_any_notation(backstory: Backstory, tmp_path: Path) -> None:
    one = customer(backstory, "晨光有限公司", phone="010-62581234-8001")
    notations = [
        "010－6258 1234转8001",
        "+86 10 6258 1234",
        "0086-10-62581234",
        "（０１０）６２５８１２３４",
        "010-62581234 转 9",
        " 010 6258 1234 ",
    ]
    assert counts(take(backstory, tmp_path, notations)) == (6, 0, 0, 0)
    assert found(backstory) == [one] * 6


def test_a_customer_by_the_number_of_its_people(backstory: Backstory, tmp_path: Path) -> None:
    one = customer(backstory, "晨光有限公司", contact="13812345678", phone=SWITCHBOARD)
    contact(backstory, one, SWITCHBOARD)
    contact(backstory, one, SWITCHBOARD, "韩梅梅")
    assert counts(take(backstory, tmp_path, ["+86 138-1234-5678", SWITCHBOARD])) == (2, 0, 0, 0)
    assert found(backstory) == [one, one]


def test_of_two_customers_with_one_number_neither(backstory: Backstory, tmp_path: Path) -> None:
    one = customer(backstory, "甲有限公司", phone=SWITCHBOARD)
    other = customer(backstory, "乙有限公司", contact="13900000001")
    contact(backstory, other, "+86 10 6258 1234 ext. 7")
    both = listed(backstory, "customers", one, other)
    report = take(backstory, tmp_path, [SWITCHBOARD, "13700000000", "没有"])
    assert f" 甲有限公司 [{one}]" in both
    assert refused(report) == [
        f"customer_id: which customer is '{SWITCHBOARD}'? There are {both}",
        "customer_id: there is no customer '13700000000'",
        "customer_id: '没有' is no phone number",
    ]


def test_a_contact_by_its_number(backstory: Backstory, tmp_path: Path) -> None:
    one = customer(backstory, "甲有限公司", contact="13812345678", phone=SWITCHBOARD)
    desk, other = (contact(backstory, one, SWITCHBOARD, name) for name in ("李雷", "韩梅梅"))
    [first] = {id for id in rows(backstory, "contacts") if id not in (desk, other)}
    report = take(backstory, tmp_path, ["86 138 1234 5678", SWITCHBOARD, "110"], BY_CONTACT)
    both = listed(backstory, "contacts", desk, other)
    assert refused(report) == [
        f"contact_id: which contact is '{SWITCHBOARD}'? There are {both}",
        "contact_id: '110' is no phone number",
    ]
    assert found(backstory, "contact_id") == [first]


def test_a_new_number_counts_and_the_old_no_more(backstory: Backstory, tmp_path: Path) -> None:
    one = customer(backstory, "甲有限公司", phone=SWITCHBOARD)
    person = contact(backstory, one, "13812345678")
    do(backstory, "customers/change-details", one, phone="021-62581234")
    do(backstory, "contacts/change-details", person, phone="13712345678")
    report = take(
        backstory, tmp_path, [SWITCHBOARD, "13812345678", "021 6258 1234", "137 1234 5678"]
    )
    assert counts(report) == (2, 0, 0, 2)
    assert found(backstory) == [one, one]


def test_who_has_gone_to_another_customer_calls_for_that(
    backstory: Backstory, tmp_path: Path
) -> None:
    old, new = customer(backstory, "甲有限公司"), customer(backstory, "乙有限公司")
    person = contact(backstory, old, "13812345678")
    do(backstory, "contacts/move", person, customer_id=new)
    take(backstory, tmp_path, ["13812345678"])
    assert found(backstory) == [new]


def test_merged_ones_are_one_and_withdrawn_ones_nobody(
    backstory: Backstory, tmp_path: Path
) -> None:
    loser, survivor, gone = (
        customer(backstory, name, phone=SWITCHBOARD)
        for name in ("甲有限公司", "乙有限公司", "丙有限公司")
    )
    left = contact(backstory, gone, "13812345678")
    do(backstory, "customers/merge", loser, into_id=str(survivor))
    do(backstory, "customers/withdraw", gone)
    report = take(backstory, tmp_path, [SWITCHBOARD, "13812345678"])
    assert refused(report) == ["customer_id: there is no customer '13812345678'"]
    assert found(backstory) == [survivor]
    do(backstory, "contacts/withdraw", left)
    report = take(backstory, tmp_path, ["13812345678"], BY_CONTACT)
    assert refused(report) == ["contact_id: there is no contact '13812345678'"]


def test_who_is_retired_or_archived_is_found(backstory: Backstory, tmp_path: Path) -> None:
    one = customer(backstory, "甲有限公司")
    person = contact(backstory, one, "13812345678")
    do(backstory, "contacts/retire", person)
    do(backstory, "customers/archive", one)
    assert counts(take(backstory, tmp_path, ["13812345678"])) == (1, 0, 0, 0)
    assert counts(take(backstory, tmp_path, ["138 1234 5678"], BY_CONTACT)) == (1, 0, 0, 0)


def test_a_dry_run_says_the_same(backstory: Backstory, tmp_path: Path) -> None:
    customer(backstory, "甲有限公司", phone=SWITCHBOARD)
    report = take(backstory, tmp_path, [SWITCHBOARD, "021-62581234"], is_rehearsal=True)
    assert counts(report) == (1, 0, 0, 1)


def test_a_rehearsal_moves_the_number_for_itself_alone(backstory: Backstory) -> None:
    one = customer(backstory, "甲有限公司", phone=SWITCHBOARD)
    log, keys = Rehearsal(backstory.log), backstory.keyring
    rehearsing = Application(log, Mapper(log, keys), keys, backstory.timezone)
    change = COMMANDS["customers/change-details"].model_validate({"phone": "021-62581234"})
    rehearsing.dispatch(Request(change, one), IMPORTER)
    old, new = (keys.lookup("customer-phone", f"+86{n}62581234") for n in ("10", "21"))
    assert log.marked([old, new]) == {new: (one,)}
    assert backstory.log.marked([old, new]) == {old: (one,)}


def test_what_is_told_of_customers_that_are_known_by_phone(
    backstory: Backstory, tmp_path: Path
) -> None:
    one = customer(backstory, "甲有限公司", phone=SWITCHBOARD)
    mapping = """
        kind = "customers"
        record = { column = "电话", by = "phone" }
        [[then]]
        command = "tag"
        fields.tags = "标题"
    """
    (tmp_path / "m.toml").write_text(mapping, encoding="utf-8")
    file = write_csv(tmp_path / "c.csv", [["标题", "电话"], ["老客户", "+861062581234"]])
    assert counts(imported(backstory, "customers", file, tmp_path / "m.toml")) == (0, 1, 0, 0)
    assert rows(backstory, "customers")[one].tags == ("老客户",)


PARENTS = """
kind = "customers"
[fields]
name = "名称"
phone = "电话"
parent_id = { column = "上级电话", by = "phone" }
"""


@pytest.mark.parametrize("chunk", [1, 500])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_number_that_is_another_ones_further_down_is_in_doubt(
    backstory: Backstory,
    tmp_path: Path,
    chunk: int,
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("running", "crew"):
        monkeypatch.setattr(f"adapters.importing.{module}.CHUNK", chunk)
    lines = [
        ["甲有限公司", SWITCHBOARD, ""],
        ["乙有限公司", "13812345678", SWITCHBOARD],
        ["丙有限公司", "+86 10 6258 1234", ""],
        ["丁有限公司", "", "138 1234 5678"],
        ["戊有限公司", "13712345678", "139 1234 5678"],
        ["己有限公司", "13912345678", ""],
    ]
    (tmp_path / "m.toml").write_text(PARENTS, encoding="utf-8")
    file = write_csv(tmp_path / "c.csv", [["名称", "电话", "上级电话"], *lines])
    report = imported(backstory, "customers", file, tmp_path / "m.toml", workers=workers)
    assert counts(report) == (4, 0, 0, 2)
    ids = [id for id, row in rows(backstory, "customers").items() if row.name[0] in "甲丙"]
    both = listed(backstory, "customers", *ids)
    assert refused(report) == [
        f"parent_id: which customer is '{SWITCHBOARD}'? There are {both}",
        "parent_id: there is no customer '138 1234 5678'",
    ]


# Those who share a number do not wait for each other


def adding(of: UUID, number: int) -> Request:
    said = {"customer_id": str(of), "name": f"员工 {number}", "phone": SWITCHBOARD}
    return Request(COMMANDS["contacts/add"].model_validate(said))


def test_people_with_one_number_are_on_their_way_together(backstory: Backstory) -> None:
    one = customer(backstory, "甲有限公司")
    results: list[Done | DomainError] = []
    conveyor = Conveyor(backstory.application)
    for number in range(20):
        conveyor.put(adding(one, number), IMPORTER, results.append)
    assert results == [], "none has waited for another"
    conveyor.finish()
    assert [type(result) for result in results] == [Done] * 20


def test_names_that_begin_alike_are_looked_at_one_by_one(backstory: Backstory) -> None:
    results: list[Done | DomainError] = []
    conveyor = Conveyor(backstory.application)
    customer(backstory, "甲有限公司")  # From here on no code is used for the first time.
    for name in ("晨光电子有限公司", "晨光电子股份有限公司"):
        person = {"name": "前台", "phone": SWITCHBOARD}
        said = {"name": name, "industry": "software", "source": "referral"}
        command = COMMANDS["customers/register"].model_validate({**said, "primary_contact": person})
        conveyor.put(Request(command), IMPORTER, results.append)
    assert len(results) == 1, "the second has waited for the first"
    conveyor.finish()
    assert [type(result) for result in results] == [Done] * 2


def test_people_with_one_number_are_entered_by_a_batch(backstory: Backstory) -> None:
    one = customer(backstory, "甲有限公司")
    asked = [adding(one, number) for number in range(20)]
    results = dispatch_many(backstory.application, asked, IMPORTER)
    assert all(isinstance(result, Receipt) for result in results)
