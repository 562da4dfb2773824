"""A revert takes back what an import did and leaves what others did; then it can be made again."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any, get_args
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from adapters.importing import reverting, streams
from adapters.importing.jobs import IMPORTER
from adapters.importing.keeping import Keeping
from adapters.importing.report import Report
from adapters.importing.reverting import Reverted
from adapters.importing.streams import Streams
from adapters.texts import LANGUAGES, Texts
from aggregates.importing import Kept, Why
from commands.importing import RevertImport
from commands.requests import Request
from tests.importing import counts, imported, last, write_csv
from tests.service import Service, database, running

HEADER = ["id", "name", "phone", "region", "deal"]
MAPPING = """
kind = "customers"
external = { system = "revert", id = "id" }
occurred_at = { constant = "2024-03-01T00:00:00Z" }
[fields]
name = "name"
region = "region"
"primary_contact.name" = { constant = "张三" }
"primary_contact.phone" = "phone"
[[then]]
unless = { deal = "" }
command = "record-interaction"
fields.channel = { constant = "visit" }
fields.subject = "deal"
"""
DEALS = """
kind = "opportunities"
external = { system = "revert", id = "id" }
[fields]
title = "deal"
customer_id = { column = "name", by = "name" }
amount = { column = "region", currency = "CNY" }
"""
LOST = {"lost_on": "2026-03-01", "lost_reason": "price"}
TEXTS, WHY = Texts(), get_args(Why)
NEW = {"id", "version", "position", "created_at", "updated_at", "number"}


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


class Folder:
    """Files of one test, with names that no other test has."""

    def __init__(self, service: Service, path: Path, word: str) -> None:
        self.service, self._path, self.word = service, path, word
        (path / "m.toml").write_text(MAPPING.replace("revert", word), encoding="utf-8")
        (path / "d.toml").write_text(DEALS.replace("revert", word), encoding="utf-8")

    def name(self, n: int) -> str:
        return f"{self.word}{n}号有限公司"

    def customers(self, many: int, region: str = "华东", **options: Any) -> Report:
        rows = [
            [str(n), self.name(n), "13800000001", region, "参观" if n % 2 else ""]
            for n in range(many)
        ]
        path = write_csv(self._path / "c.csv", [HEADER, *rows])
        mapping = self._path / "m.toml"
        return imported(self.service.backstory, "customers", path, mapping, **options)

    def deals(self, many: int) -> Report:
        rows = [[str(n), self.name(n), "", "12.50", f"机床{n}"] for n in range(many)]
        path = write_csv(self._path / "d.csv", [HEADER, *rows])
        return imported(self.service.backstory, "opportunities", path, self._path / "d.toml")

    def id(self, n: int, plural: str = "customers") -> str:
        found = self.read(f"{plural}/by-external/{self.word}/{n}")
        return str(found["id"])

    def read(self, path: str, accept_language: str = "zh", **query: Any) -> dict[str, Any]:
        after = last(self.service.backstory, with_imports=True)
        query = {"after": after, **query}
        return self.service.read(path, query, accept_language=accept_language)

    def views(self) -> dict[str, list[dict[str, Any]]]:
        """What lists say, without what is new in each import."""
        tables = ("customers", "contacts", "opportunities", "interactions")
        return {
            table: sorted(
                (
                    {n: v for n, v in row.items() if n not in NEW and not n.endswith("_id")}
                    for row in self.read(table, limit=1000)["items"]
                ),
                key=str,
            )
            for table in tables
        }

    def revert(self, report: Report) -> Reverted:
        """Revert over HTTP and wait for the service to have done it."""
        assert report.import_id is not None
        self.service.made(f"imports/{report.import_id}/revert")
        return self.reverted(report.import_id)

    def reverted(self, id: UUID) -> Reverted:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            came = reverting.outcome(self.service.backstory, id)
            if came is not None:
                return came
            time.sleep(0.1)
        raise AssertionError("the service did not revert it")


@pytest.fixture
def folder(service: Service, tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    return Folder(service, tmp_path, f"r{abs(hash(request.node.name)) % 10**8}")


def why(came: Reverted) -> dict[str, str]:
    """Why records stay, those aside that stay with them."""
    return {str(one.id): one.why for one in came.kept_records if one.why != "together"}


def test_import_revert_import_gives_the_views_of_one_import(folder: Folder) -> None:
    before = folder.views()
    first = folder.customers(5)
    once, ids = folder.views(), [folder.id(n) for n in range(5)]
    came = folder.revert(first)
    assert (came.withdrawn, came.taken_back, came.kept) == (10, 0, 0)
    assert folder.views() == before
    again = folder.customers(5)
    assert counts(again) == (5, 0, 0, 0)
    assert again.import_id != first.import_id
    assert folder.views() == once
    assert counts(folder.customers(5)) == (0, 0, 5, 0)
    assert ids != [folder.id(n) for n in range(5)]
    shown = folder.read(f"imports/{first.import_id}")
    assert (shown["status"], shown["withdrawn"], shown["kept"]) == ("reverted", 10, 0)
    past = folder.service.read(f"customers/{ids[1]}/history")["items"]
    assert {"Customer.Registered", "Customer.Withdrawn"} <= {e["event"] for e in past}
    assert folder.revert(again).withdrawn == 10
    assert folder.views() == before
    assert counts(folder.customers(5)) == (5, 0, 0, 0)
    assert folder.views() == once


def test_on_a_past_day_there_is_nothing_of_it_either(folder: Folder) -> None:
    report = folder.customers(2)
    ids = [folder.id(n) for n in range(2)]
    assert folder.read("customers", id=ids[0], as_of="2024-06-01")["items"] != []
    folder.revert(report)
    assert folder.read("customers", id=ids[0], as_of="2024-06-01")["items"] == []


def test_what_a_person_changed_stays_and_is_named(folder: Folder) -> None:
    report = folder.customers(3)
    changed = folder.id(1)
    folder.service.made(f"customers/{changed}/change-details", {"region": "华南"})
    came = folder.revert(report)
    assert why(came)[changed] == "changed-since"
    assert (came.withdrawn, came.kept) == (4, 2)
    assert folder.read(f"customers/{changed}")["withdrawn_at"] is None
    again = folder.customers(3, on_duplicate="skip")
    assert counts(again)[0] == 2
    assert folder.id(1) == changed


def test_what_others_refer_to_stays_with_all_that_it_belongs_to(folder: Folder) -> None:
    report = folder.customers(3)
    named, parent = folder.id(0), folder.id(2)
    folder.service.opportunity(named)
    folder.service.customer(parent_id=parent)
    assert why(folder.revert(report)) == {named: "in-use", parent: "in-use"}


def test_what_stays_is_named_with_who_keeps_it(folder: Folder) -> None:
    report = folder.customers(4)
    changed, named = folder.id(0), folder.id(1)
    folder.service.made(f"customers/{changed}/change-details", {"region": "华南"})
    deals = folder.deals(2)
    folder.service.made(f"opportunities/{folder.id(0, 'opportunities')}/lose", LOST)
    folder.revert(report)
    told = kept(folder, report, "zh")
    assert told[folder.name(0)] == "此后本机用户修改了它。"
    deal = folder.read(f"opportunities/{folder.id(1, 'opportunities')}")
    assert told[folder.name(1)] == f"商机“机床1”（{deal['number']}）引用它。"
    assert "它与保留下来的客户“" in told["张三"]
    assert deals.import_id is not None
    folder.revert(deals)
    [[title, why]] = kept(folder, deals, "en").items()
    assert (title, why) == ("机床0", "Local user has changed it since.")
    shown = folder.read(f"imports/{report.import_id}")["kept_records"]
    [one] = [one for one in shown if one["id"] == named]
    assert one["number"] == folder.read(f"customers/{named}")["number"]
    assert one["by"] == {n: deal[n] for n in ("id", "number", "title")} | {"kind": "opportunity"}


def test_what_another_import_changed_names_its_file(folder: Folder) -> None:
    report = folder.customers(1)
    folder.customers(1, region="华北", on_duplicate="update", name="更新.csv")
    folder.revert(report)
    assert kept(folder, report, "zh")[folder.name(0)] == "此后导入“更新.csv”修改了它。"
    assert kept(folder, report, "en")[folder.name(0)] == "Import “更新.csv” has changed it since."


def kept(folder: Folder, report: Report, language: str) -> dict[str, str]:
    """What a revert left, by name, and why."""
    shown = folder.read(f"imports/{report.import_id}", accept_language=language)
    return {one["title"]: one["sentence"] for one in shown["kept_records"]}


def test_what_names_a_record_in_a_list_is_found_by_an_index(service: Service) -> None:
    plans = []
    with psycopg.connect(service.backstory.url, autocommit=True) as connection:
        Streams(connection, UUID(int=9))
        for way in ("seqscan", "indexscan", "indexonlyscan"):  # As if there were many rows.
            connection.execute(f"SET enable_{way} = off")
        for table, field in (("customers", "absorbed"), ("interactions", "contact_ids")):
            asked = sql.SQL("EXPLAIN ") + streams.names(table, field, is_list=True)
            plans.append(str(connection.execute(asked, {"ids": [UUID(int=8)]}).fetchall()))
    assert ["_absorbed_idx" in plans[0], "_contact_ids_idx" in plans[1]] == [True, True]


def test_a_merged_customer_stays(folder: Folder) -> None:
    report = folder.customers(3)
    loser, survivor = folder.id(0), folder.id(1)
    folder.service.made(f"customers/{loser}/merge", {"into_id": survivor})
    came = folder.revert(report)
    assert set(why(came)) == {loser, survivor}
    assert folder.read(f"customers/{loser}")["merged_into"] == survivor


def test_what_an_import_changed_is_what_it_was(folder: Folder) -> None:
    folder.customers(3)
    update = folder.customers(3, region="华北", on_duplicate="update")
    assert counts(update) == (0, 3, 0, 0)
    changed, described = folder.id(1), folder.id(2)
    folder.service.made(f"customers/{changed}/change-details", {"region": "西南"})
    folder.service.made(f"customers/{described}/change-details", {"address": "解放路1号"})
    came = folder.revert(update)
    assert (came.withdrawn, came.taken_back) == (0, 2)
    assert [(str(k.id), k.why, k.fields) for k in came.kept_records] == [
        (changed, "changed-since", ("region",))
    ]
    shown = folder.read(f"imports/{update.import_id}", accept_language="zh")["kept_records"]
    assert [one["sentence"] for one in shown] == ["此后本机用户修改了：地区。"]
    shown = folder.read(f"imports/{update.import_id}", accept_language="en")["kept_records"]
    assert [(one["why"], one["sentence"]) for one in shown] == [
        ("changed-since", "Local user has since changed: Region.")
    ]
    rows = {n: folder.read(f"customers/{folder.id(n)}") for n in range(3)}
    assert [rows[n]["region"] for n in range(3)] == ["华东", "西南", "华东"]
    assert rows[2]["address"] == "解放路1号"
    again = folder.customers(3, region="华北", on_duplicate="update")
    assert counts(again) == (0, 3, 0, 0)


def test_imports_that_build_on_each_other_go_one_after_the_other(folder: Folder) -> None:
    before = folder.views()
    customers, deals = folder.customers(3), folder.deals(3)
    assert counts(deals) == (3, 0, 0, 0)
    once = folder.views()
    assert folder.revert(deals).withdrawn == 3
    assert folder.revert(customers).kept == 0
    assert folder.views() == before
    folder.customers(3)
    assert counts(folder.deals(3)) == (3, 0, 0, 0)
    assert folder.views() == once


def test_customers_whose_deals_are_there_stay(folder: Folder) -> None:
    customers = folder.customers(2)
    folder.deals(1)
    assert why(folder.revert(customers)) == {folder.id(0): "in-use"}


def test_two_reverts_at_once_are_one(folder: Folder) -> None:
    report = folder.customers(40)
    assert report.import_id is not None
    id, backstory = report.import_id, folder.service.backstory
    backstory.application.dispatch(Request(RevertImport(), id), IMPORTER)
    came: list[Reverted | None] = []
    threads = [
        Thread(target=lambda: came.append(reverting.revert(backstory, id))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert came == [reverting.outcome(backstory, id)] * 2
    assert came[0] is not None
    assert came[0].withdrawn == 80
    history = folder.service.read(f"imports/{id}/history")["items"]
    assert [e["event"] for e in history if "Revert" in e["event"]] == [
        "Import.RevertBegun",
        "Import.Reverted",
    ]


def test_there_is_nothing_to_revert_of_what_is_no_import(service: Service) -> None:
    other = service.customer()
    assert service.post(f"imports/{other}/revert").status_code == 404
    assert service.post(f"imports/{UUID(int=5)}/revert").status_code == 404
    assert service.post(f"imports/{other}/finish-revert").status_code in (404, 422)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_for_leaving_a_record_has_a_sentence(language: str) -> None:
    keeping = Keeping(TEXTS, language, {})
    said = {keeping.sentence(Kept(kind="customer", id=UUID(int=1), why=w)) for w in WHY}
    assert len(said) == len(WHY)
    assert TEXTS.message("fallback", language) not in said


def test_a_revert_that_fails_keeps_no_other_waiting_and_is_tried_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = folder.customers(1)
    other = folder.deals(1)
    revert = reverting.revert
    failed: list[UUID] = []

    def failing(backstory: Any, id: UUID, seconds: float) -> Reverted | None:
        if id == other.import_id and not failed:
            failed.append(id)
            raise RuntimeError("a defect")
        return revert(backstory, id, seconds)

    monkeypatch.setattr(reverting, "FAILED_SECONDS", 0.1)
    monkeypatch.setattr(reverting, "revert", failing)
    assert folder.revert(other).withdrawn == 1
    assert failed == [other.import_id]
    assert folder.revert(one).withdrawn == 2
