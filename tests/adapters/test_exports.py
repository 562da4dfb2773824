"""Exports over HTTP: the same list as a file, whole, harmless, in little memory."""

import csv
import io
import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import httpx
import openpyxl
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.exporting import sheets
from adapters.exporting.formulas import is_formula, neutral, original
from adapters.exporting.lines import CsvWriter
from adapters.exporting.sheets import SheetWriter
from adapters.http import exports, spooling
from adapters.postgres.reads.asof import NOW
from adapters.postgres.reads.filters import Selection
from adapters.postgres.reads.streaming import ListReader
from aggregates.values import ExternalId, Money
from projections.base import Projection
from tests.adapters.serving import SCOPE, Served, serving
from tests.adapters.test_reads import customer, got, opportunity, run
from tests.importing import counts, imported, opened, rows
from tests.service import database

BOM = "\ufeff"
LABELLED = ("customers", "opportunities", "interactions", "expenses", "comments", "tickets")
UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-")
MAPPING = Path(__file__).parents[2] / "docs" / "mappings" / "exported-customers.toml"


@pytest.fixture
def parts(database_url: str) -> Iterator[Served]:
    with Served(database_url) as parts:
        yield parts


@pytest.fixture
def client(parts: Served) -> Iterator[httpx.Client]:
    with serving(parts) as client:
        yield client


def read(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    text = answer.content.decode()
    assert text.startswith(BOM)
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM), newline="")))


def exported(client: httpx.Client, path: str, **query: Any) -> list[dict[str, str]]:
    return read(client.get(path, params=query))


def workbook(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    header, *lines = openpyxl.load_workbook(io.BytesIO(answer.content)).active.values
    return [dict(zip(header, line, strict=True)) for line in lines]


def cny(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="CNY")


# What a file says


def test_a_list_is_exported_as_it_is(parts: Served, client: httpx.Client) -> None:
    owner = run(parts, "users/add", login="li", name="李雷").id
    receipt = customer(
        parts,
        "上海测试有限公司",
        at=datetime(2020, 5, 1, 16, 30, tzinfo=UTC),
        annual_revenue=cny("-1200000.5"),
        founded_on="1998-07-01",
        tags=("重点", "华东"),
        notes='第一行\n第二行，"引用"',
        external=ExternalId(system="sap", id="K/47"),
        custom={"tier": 2, "vip": True, "score": -1.5},
        owner_id=owner,
    )
    customer(parts, "北京测试有限公司", custom={"alpha": "=1+1"})
    head = parts.caught_up()
    first, second = exported(client, "/v1/customers.csv", sort="created_at", after=head)
    assert first["id"] == str(receipt.id)
    assert first["name"] == "上海测试有限公司"
    assert (first["annual_revenue"], first["annual_revenue_currency"]) == ("-1200000.50", "CNY")
    assert first["founded_on"] == "1998-07-01"
    assert first["created_at"] == "2020-05-02T00:30:00+08:00"
    assert first["tags"] == "重点;华东"
    assert first["notes"] == '第一行\n第二行，"引用"'
    assert (first["external.system"], first["external.id"]) == ("sap", "K/47")
    custom = [first[f"custom.{key}"] for key in ("alpha", "score", "tier", "vip")]
    assert custom == ["", "-1.5", "2", "true"]
    assert second["custom.alpha"] == "'=1+1"
    assert first["owner_id"] == str(owner)
    assert first["merged_into"] == first["annual_revenue"][:0]


def test_a_workbook_has_real_numbers_dates_and_no_formula(
    parts: Served, client: httpx.Client
) -> None:
    customer(
        parts,
        "=SUM(A1:A9)有限公司",
        at=datetime(2020, 5, 1, 16, 30, tzinfo=UTC),
        annual_revenue=cny("-1200000.5"),
        expected_purchase=cny("123456789012345.67"),
        founded_on="1898-07-01",
        employees=12,
        custom={"since": "2020", "big": 9007199254740991, "odd": "a\x01b\ufffe"},
    )
    answer = client.get("/v1/customers.xlsx", params={"after": parts.caught_up()})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    header, cells = ([*row] for row in sheet.iter_rows())
    row = {h.value: c for h, c in zip(header, cells, strict=True)}
    assert row["name"].value == "=SUM(A1:A9)有限公司"
    assert row["name"].data_type == "s", "a text, not a formula"
    assert row["name"].quotePrefix, "nor does it become one when the cell is edited"
    assert row["annual_revenue"].value == -1200000.5
    assert row["annual_revenue"].number_format == "#,##0.00"
    assert row["expected_purchase"].value == "123456789012345.67", "no digit is lost"
    assert row["created_at"].value == datetime(2020, 5, 2, 0, 30)
    assert row["founded_on"].value == "1898-07-01", "spreadsheets know no date before 1900"
    assert row["employees"].value == 12
    assert row["custom.since"].value == "2020"
    assert row["custom.big"].value == "9007199254740991"
    assert row["custom.odd"].value == "a\ufffdb\ufffd"
    assert sheet.freeze_panes == "A2"


def test_labels_are_for_people(parts: Served, client: httpx.Client) -> None:
    owner = run(parts, "users/add", login="li", name="李雷").id
    acme = customer(parts, "上海测试有限公司", owner_id=owner).id
    opportunity(parts, acme, "5", stage="proposal")
    head = parts.caught_up()
    (zh,) = exported(client, "/v1/opportunities.csv", labels="zh", after=head)
    assert (zh["阶段"], zh["客户"], zh["金额"]) == ("方案报价", "上海测试有限公司", "5.00")
    headers = {"Accept-Language": "en-GB, zh;q=0.5"}
    query: dict[str, Any] = {"labels": "auto", "after": head}
    (en,) = read(client.get("/v1/customers.csv", params=query, headers=headers))
    assert (en["Industry"], en["Owner"]) == ("Software", "李雷")
    for table in Projection.registry:
        for language in ("zh", "en"):
            answer = client.get(f"/v1/{table}.csv", params={"labels": language})
            line = answer.content.decode().removeprefix(BOM).splitlines()[0]
            labels = next(csv.reader([line]))
            assert len(labels) == len(set(labels)), (table, labels)
            unsaid = [label for label in labels if "_" in label]
            assert unsaid == [], (table, language)


def test_labels_leave_no_ids_codes_or_claims_for_programs(
    parts: Served, client: httpx.Client
) -> None:
    li = run(parts, "users/add", login="li", name="李雷").id
    acme = customer(parts, "上海测试有限公司", custom={"since": "2019", "vip": True}).id
    other = customer(parts, "上海测试分公司").id
    run(parts, "customers/mark-distinct", acme, other_id=other)
    run(parts, "customers/record-interaction", acme, channel="call", subject="询价")
    deal = opportunity(parts, acme, "5").id
    spent = {"amount": {"amount": "20", "currency": "CNY"}, "purpose": "差旅"}
    run(parts, "opportunities/record-expense", deal, **spent, spent_on="2026-01-05")
    opened = {"customer_id": acme, "subject": "漏油", "kind": "complaint", "priority": "urgent"}
    ticket = run(parts, "tickets/open", **opened).id
    run(parts, "tickets/start", ticket)
    run(parts, "tickets/escalate", ticket, to_id=li)
    run(parts, "tickets/comment", ticket, text="催过了", internal=True)
    head = parts.caught_up()

    def said(table: str, language: str) -> dict[str, str]:
        found = exported(client, f"/v1/{table}.csv", labels=language, after=head, sort="position")
        for row in found:
            raw = {n: v for n, v in row.items() if n not in ("标识", "Id") and UUIDS.search(v)}
            assert raw == {}, (table, language)
        return found[-1]

    zh = {table: said(table, "zh") for table in LABELLED}
    en = {table: said(table, "en") for table in LABELLED}
    of, by = zh["interactions"], en["interactions"]
    assert (of["记录类别"], of["所属记录"], of["记录人"]) == (
        "客户",
        "上海测试有限公司",
        "本机用户",
    )
    assert (of["已更正"], by["Amended"], by["Kind of record"]) == ("否", "no", "Customer")
    assert (zh["expenses"]["登记人"], zh["comments"]["填写人"]) == ("本机用户", "本机用户")
    assert (zh["comments"]["仅内部可见"], en["comments"]["For staff only"]) == ("是", "yes")
    assert (zh["tickets"]["升级给"], en["tickets"]["Priority"]) == ("李雷", "Urgent")
    assert en["tickets"]["Status"] == "In progress"
    [first] = exported(client, "/v1/customers.csv", labels="zh", name="上海测试有限公司")
    assert first["已确认不同的记录"] == "上海测试分公司"
    assert (first["自定义字段：since"], first["自定义字段：vip"]) == ("2019", "是")


def test_filters_sort_moment_and_archive_are_those_of_the_list(
    parts: Served, client: httpx.Client
) -> None:
    acme = customer(parts, "上海测试有限公司", at=datetime(2016, 1, 1, tzinfo=UTC)).id
    for n in range(5):
        opportunity(parts, acme, str(n), title=f"框架{n}", at=datetime(2017, 3, n + 1, tzinfo=UTC))
    won = opportunity(parts, acme, "9", at=datetime(2017, 3, 1, tzinfo=UTC)).id
    run(parts, "opportunities/win", won, won_on="2017-06-01")
    head = parts.caught_up()
    for query in (
        {"amount.gte": "2", "sort": "-amount"},
        {"title.contains": "框架", "sort": "title"},
        {"stage": "won", "archived": "any"},
        {"as_of": "2017-05-31", "sort": "created_at"},
        {"as_of": str(head - 1)},
        {"as_of": "2016-06-01"},
        {"as_of": "2017-12-31", "clock": "recorded"},
    ):
        listed = got(client, "/v1/opportunities", **query)["items"]
        expected = [(row["id"], row["stage"], row["amount"]["amount"]) for row in listed]
        found = exported(client, "/v1/opportunities.csv", **query)
        assert [(r["id"], r["stage"], r["amount"]) for r in found] == expected, query
        cells = workbook(client, "/v1/opportunities.xlsx", **query)
        assert [(r["id"], r["stage"]) for r in cells] == [e[:2] for e in expected], query


def test_the_file_is_named_so_that_people_find_it(parts: Served, client: httpx.Client) -> None:
    answer = client.get("/v1/customers.csv", params={"as_of": "2017-05-31"})
    disposition = answer.headers["content-disposition"]
    assert 'filename="customers-2017-05-31.csv"' in disposition
    assert unquote(disposition.split("filename*=UTF-8''")[1]) == "客户-2017-05-31.csv"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    english = client.get("/v1/dictionary-entries.xlsx", headers={"Accept-Language": "en"})
    assert english.headers["content-disposition"].startswith('attachment; filename="dictionary_')


def test_every_table_is_exported_in_both_formats(parts: Served, client: httpx.Client) -> None:
    customer(parts, "上海测试有限公司")
    parts.caught_up()
    for table, projection in Projection.registry.items():
        for home in {table, projection.plural, table.replace("_", "-")}:
            listed = got(client, f"/v1/{home}", limit=1000)["items"]
            found = exported(client, f"/v1/{home}.csv")
            assert [r["id"] for r in found] == [r["id"] for r in listed], home
            cells = workbook(client, f"/v1/{home}.xlsx")
            assert [r["id"] for r in cells] == [r["id"] for r in listed], home


def test_what_is_wrong_is_a_problem_before_the_first_byte(client: httpx.Client) -> None:
    for path, field in {
        "/v1/customers.csv?nonsense=1": "nonsense",
        "/v1/customers.xlsx?limit=5": "limit",
        "/v1/customers.csv?cursor=x": "cursor",
        "/v1/customers.csv?labels=fr": "labels",
        "/v1/customers.csv?labels=zh&labels=en": "labels",
        "/v1/customers.csv?as_of=yesterday": "as_of",
        "/v1/customers.csv?employees=many": "employees",
        "/v1/customers.csv?name=%00": "name",
    }.items():
        answer = client.get(path)
        assert answer.status_code == 422, path
        assert [e["field"] for e in answer.json()["errors"]] == [field], path
    late = client.get("/v1/customers.csv", params={"after": 2**62})
    assert late.status_code == 503
    assert client.get("/v1/nothing.csv").status_code == 404


# Formulas


LIKE_FORMULAS = st.text(st.sampled_from("'\"=+-@\t\r\n;,＝＋－＠a1 "), max_size=12)
STARTS = [
    "=1+1",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\t1",
    "\r1",
    "＝1",
    "＋1",
    "－1",
]


@given(LIKE_FORMULAS | st.text())
def test_no_text_is_a_formula_and_every_text_comes_back(text: str) -> None:
    assert not is_formula(neutral(text))
    assert original(neutral(text)) == text


@pytest.mark.parametrize("text", [*STARTS, "＠A1", "'=1", '"=1'])
def test_what_spreadsheets_compute_is_marked(text: str) -> None:
    assert neutral(text).startswith("'" + text[0])
    assert neutral("重点;" + text) == "重点;" + neutral(text)


def test_plain_texts_are_left_alone() -> None:
    for text in (
        "",
        "a=b",
        "王芳",
        "'quoted'",
        "13800000000",
        " =1",
        "一;二",
        "a\r\nb\n\nc",
        "a,=1",
    ):
        assert neutral(text) == text


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    "before", ["", "重点;", "重点;;", '重点;"', "说;明\t", "第一行\n", "第一行\r\n\r\n"]
)
def test_nothing_is_computed_wherever_a_spreadsheet_splits(before: str, start: str) -> None:
    assert_harmless([["x", before + start, ["重点", start, "=2", '"=3'], {"k": start}, -5]])


@given(st.lists(LIKE_FORMULAS, min_size=1, max_size=4), st.lists(LIKE_FORMULAS, max_size=3))
def test_no_cells_together_are_computed_either(texts: list[str], several: list[str]) -> None:
    assert_harmless([[*texts, several, -5], [several, *texts]])


def assert_harmless(rows: list[list[Any]]) -> None:
    """Of texts in a file, read as a spreadsheet reads it that splits at any of the usual signs."""
    file = io.BytesIO()
    CsvWriter(file, ["=列", "a;=b"]).write(rows)
    text = file.getvalue().decode("utf-8-sig")
    for separator in ",;\t":
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            for cell in line:
                assert cell == "-5" or not is_formula(cell.lstrip("\t\r\n")), (separator, cell)


def test_a_workbook_needs_no_marks_within_a_cell(tmp_path: Path) -> None:
    """A cell that is a text is not split, and would show the mark."""
    path = tmp_path / "book.xlsx"
    with path.open("w+b") as file:
        writer = SheetWriter(file, ["甲", "乙"], "客户", str(tmp_path))
        writer.write([[["重点", "=1+1"], "好;=1+1"], [["=1+1", "-2"], "=1+1"]])
        writer.close()
    _, *lines = openpyxl.load_workbook(path).active.iter_rows()
    assert [[(c.data_type, c.value) for c in line] for line in lines] == [
        [("s", "重点;=1+1"), ("s", "好;=1+1")],
        [("s", "=1+1;-2"), ("s", "=1+1")],
    ]


# There and back


def test_what_was_exported_can_be_imported_elsewhere(
    parts: Served, client: httpx.Client, tmp_path: Path, postgres_url: str
) -> None:
    customer(
        parts,
        "=HYPERLINK(1)有限公司",
        at=datetime(2020, 5, 1, 16, 30, 0, 123456, tzinfo=UTC),
        short_name="'=short",
        phone="+86 21 6288 1234",
        annual_revenue=cny("-1200000.5"),
        expected_purchase=Money(amount=Decimal(700), currency="JPY"),
        founded_on="1198-07-01",
        tags=("重点", "-华东", "'=东"),
        notes=" 第一行\r\n- 第二行;=1\t",
        employees=0,
        external=ExternalId(system="sap", id="K/47 11"),
    )
    customer(parts, "＝北京测试有限公司", region="@home", needs='a,b;c"d"\'')
    answer = client.get("/v1/customers.csv", params={"after": parts.caught_up()})
    file = tmp_path / "customers.csv"
    file.write_bytes(answer.content)
    with database(postgres_url) as url, opened(url) as elsewhere:
        report = imported(elsewhere, "customers", file, MAPPING)
        assert counts(report) == (2, 0, 0, 0), report
        there = {row.name: row for row in rows(elsewhere, "customers").values()}
    here = {vars(row)["name"]: row for row in parts.rows.page(*everything(parts)).rows}
    assert there.keys() == here.keys()
    entered = Projection.registry["customers"].row.fields.keys() - OWN
    for name, row in here.items():
        assert {n: getattr(there[name], n) for n in entered} == {
            n: getattr(row, n) for n in entered
        }
    assert {r.created_at for r in there.values()} == {r.created_at for r in here.values()}


OWN = {"id", "version", "position", "created_at", "updated_at", "number", "incomplete", "owner_id"}
"""What the new record has of its own."""


def everything(parts: Served) -> tuple[Any, ...]:
    row = Projection.registry["customers"].row
    return row, SCOPE, NOW, parts.rows.wish(row, [])


# Big lists

MANY = 100_000


@pytest.fixture(scope="module")
def big(module_database_url: str) -> Iterator[tuple[Served, httpx.Client]]:
    """A hundred thousand customers, put straight into the view: it is what exports read."""
    with Served(module_database_url) as parts, serving(parts) as client:
        customer(parts, "上海测试有限公司", notes="=危险" * 20, custom={"tier": 1})
        parts.caught_up()
        multiply(module_database_url, MANY - 1)
        yield parts, client


def multiply(url: str, count: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'views'"
            " AND table_name = 'customers' AND column_name NOT IN ('id', 'name')"
        ).fetchall()
        columns = ", ".join(f'"{name}"' for (name,) in found)
        connection.execute(
            f"INSERT INTO views.customers (id, name, {columns})"
            f" SELECT gen_random_uuid(), '第' || n || '号有限公司', {columns}"
            f" FROM views.customers, generate_series(1, {count}) AS n"
        )


def resident() -> int:
    """Bytes of memory that this process holds now."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096


class Watched:
    """The highest memory of the process while the block runs, above what it was before."""

    def __enter__(self) -> "Watched":
        self.before, self.most, self._end = resident(), 0, Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._end.wait(0.02):
            self.most = max(self.most, resident() - self.before)

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(5)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_big_list_is_exported_in_little_memory(
    big: tuple[Served, httpx.Client], format: str
) -> None:
    _, client = big
    client.get(f"/v1/users.{format}")  # what is loaded at first use stays loaded
    size = 0
    with (
        Watched() as memory,
        client.stream("GET", f"/v1/customers.{format}?sort=name", timeout=110) as answer,
    ):
        assert answer.status_code == 200
        tail = b""
        for chunk in answer.iter_raw():
            size += len(chunk)
            tail = (tail + chunk)[-4096:]
    assert size > MANY * 20
    assert memory.most < 48 * 2**20, f"{memory.most / 2**20:.0f} MB for {size / 2**20:.0f} MB"
    if format == "xlsx":
        assert b"PK\x05\x06" in tail, "the archive has its end"


def test_a_big_list_is_whole_and_ordered(big: tuple[Served, httpx.Client]) -> None:
    _, client = big
    found = exported(client, "/v1/customers.csv", sort="id")
    ids = [row["id"] for row in found]
    assert len(ids) == MANY
    assert ids == sorted(set(ids))


def backends(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'backstory export'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def gone(url: str, seconds: float = 20) -> bool:
    """Whether no export uses the database any more, some time from now."""
    deadline = time.monotonic() + seconds
    while backends(url):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_a_client_that_goes_away_ends_the_export(
    big: tuple[Served, httpx.Client], format: str, module_database_url: str
) -> None:
    _, client = big
    for _ in range(exports.AT_ONCE + 1):
        path = f"/v1/customers.{format}"
        with client.stream("GET", path, params={"sort": "-name"}) as answer:
            assert answer.status_code == 200
        assert gone(module_database_url), "the export goes on for nobody"
    assert exported(client, "/v1/users.csv"), "and there is room for others"


def test_a_client_that_is_slow_counts_until_it_has_taken_all(
    big: tuple[Served, httpx.Client], module_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = big
    monkeypatch.setattr(exports, "MOST", 2)
    with client.stream("GET", "/v1/customers.csv") as slow:
        with client.stream("GET", "/v1/customers.csv") as other:
            assert (slow.status_code, other.status_code) == (200, 200)
            assert gone(module_database_url, 100), "both are written, neither is taken"
            answer = client.get("/v1/users.csv")
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"] == "10"
            assert answer.json()["type"].endswith("overloaded")
            other.read()
        assert exported_soon(client, "/v1/users.csv"), "who has taken all makes room"
        slow.read()


def test_a_client_that_takes_nothing_is_cut_off(
    big: tuple[Served, httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = big
    monkeypatch.setattr(exports, "MOST", 1)
    monkeypatch.setattr(spooling, "STALLED_SECONDS", 0.5)
    with client.stream("GET", "/v1/customers.csv") as stalled:
        assert stalled.status_code == 200
        assert exported_soon(client, "/v1/users.csv")
        with pytest.raises(httpx.RemoteProtocolError):
            stalled.read()


def exported_soon(client: httpx.Client, path: str, seconds: float = 60) -> list[dict[str, str]]:
    """The export, asked for again as long as there is no room for it."""
    deadline = time.monotonic() + seconds
    while (answer := client.get(path)).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)
    return read(answer)


def test_an_export_that_fails_midway_is_cut_off(
    big: tuple[Served, httpx.Client], module_database_url: str
) -> None:
    _, client = big
    with (
        psycopg.connect(module_database_url, autocommit=True) as connection,
        client.stream("GET", "/v1/customers.csv", params={"sort": "name"}) as answer,
    ):
        assert answer.status_code == 200
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'backstory export'"
        )
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()


def test_a_slow_reader_holds_no_transaction(
    big: tuple[Served, httpx.Client], module_database_url: str
) -> None:
    _, client = big
    with client.stream("GET", "/v1/customers.csv") as answer:
        chunks = answer.iter_raw()
        first = next(chunks)
        assert gone(module_database_url, 100), "the rest is read from a file"
        rest = sum(len(chunk) for chunk in chunks)
    assert len(first) + rest > MANY * 20


def test_rows_beyond_one_sheet_go_to_further_ones(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with path.open("w+b") as file:
        writer = SheetWriter(file, ["编号", "甲"], "客户/[名单]", str(tmp_path), rows_per_sheet=4)
        writer.write([(n, date(2020, 1, n)) for n in range(1, 8)])
        writer.close()
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["客户  名单", "客户  名单 2", "客户  名单 3"]
    read = [[*sheet.values] for sheet in book]
    assert [len(lines) for lines in read] == [4, 4, 2]
    assert all(lines[0] == ("编号", "甲") for lines in read)
    assert [line[0] for lines in read for line in lines[1:]] == [*range(1, 8)]
    assert sheets.ROWS_PER_SHEET == 1_048_576


def test_a_list_is_one_state_of_the_table(parts: Served) -> None:
    """What is recorded while it is read is not in it."""
    for n in range(3):
        customer(parts, f"第{n}有限公司")
    parts.caught_up()
    row = Projection.registry["customers"].row
    url = str(parts.pool.conninfo)
    with ListReader(url, row, SCOPE, NOW, Selection()) as reader:
        assert reader.keys("custom", 10) == []
        customer(parts, f"第{uuid4()}有限公司", custom={"late": 1})
        parts.caught_up()
        assert sum(len(batch) for batch in reader.batches()) == 3
