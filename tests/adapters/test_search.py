"""Search as people see it: real names, texts and numbers, now and as of any day, over HTTP."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opencc import OpenCC
from psycopg import sql
from psycopg_pool import ConnectionPool

from adapters.postgres.reads.asof import NOW, Recorded
from adapters.postgres.reads.finding import Wanted
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.searching import Search
from adapters.postgres.views.columns import row_columns, table_columns
from adapters.postgres.views.searching import create_index, pieces
from aggregates.values import Money, Phone
from commands.base import COMMANDS
from commands.customer import ChangeCustomerDetails, RegisterCustomer
from commands.merge import MergeCustomer, UnmergeCustomer
from commands.opportunity import OpenOpportunity
from projections.base import Projection, Row
from projections.searching.asked import asked
from projections.searching.characters import folded
from tests.adapters.serving import SCOPE, Served, serving
from tests.service import registering

SHARED = Path(__file__).parents[3] / "shared/data"
NAMES = SHARED / "company-names-cn/company_demo.txt"
NUMBERS = SHARED / "phone/examples.mobile.json"
FULL_WIDTH = {n: n + 0xFEE0 for n in range(0x21, 0x7F)}
DAY = datetime(2024, 3, 1, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def parts(module_database_url: str) -> Iterator[Served]:
    with Served(module_database_url) as parts:
        yield parts


@pytest.fixture(scope="module")
def client(parts: Served) -> Iterator[httpx.Client]:
    with serving(parts) as client:
        yield client


def register(parts: Served, name: str, at: datetime | None = None, **more: Any) -> UUID:
    body = registering(name=name, **more)
    command = RegisterCustomer.model_validate_json(json.dumps(body), strict=True)
    return parts.do(command, at=at).id


def found(client: httpx.Client, q: str, **more: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/search", params={"q": q, "limit": 1000, **more})
    assert answer.status_code == 200, (q, answer.text)
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def ids(client: httpx.Client, q: str, **more: Any) -> set[str]:
    return {item["id"] for item in found(client, q, **more)}


# Real names and numbers


@pytest.fixture(scope="module")
def companies(parts: Served) -> dict[str, str]:
    """Full name → id."""
    if not NAMES.exists():
        pytest.skip("the collection of company names is not beside this checkout")
    names = dict.fromkeys(NAMES.read_text("utf-8").split())
    known = {name: str(register(parts, name, confirm_distinct=True)) for name in names}
    parts.caught_up()
    return known


def test_full_names_are_found_by_any_two_neighbouring_characters(
    client: httpx.Client, companies: dict[str, str]
) -> None:
    pairs = {(a + b, name) for name in companies for a, b in pairwise(name)}
    answers = {pair: ids(client, pair, kind="customer") for pair in {p for p, _ in pairs}}
    spelt = {pair for pair in answers if len(folded(pair)) > 1}
    missing = {(p, n) for p, n in pairs if p in spelt and companies[n] not in answers[p]}
    assert not missing
    assert len(spelt) > 500


def test_full_names_are_found_in_every_spelling(
    client: httpx.Client, companies: dict[str, str]
) -> None:
    traditional = OpenCC("s2t")
    for name, id in companies.items():
        spellings = {
            name.replace("(", "（").replace(")", "）"),
            name.translate(dict.fromkeys(map(ord, "()（）"))),
            name.translate(FULL_WIDTH),
            traditional.convert(name),
            f"{name[:3]}，{name[3:6]}",
            f"{name[4:6]} {name[:2]}",
        }
        for spelt in spellings - {name}:
            assert id in ids(client, spelt), spelt
        assert found(client, name)[0]["id"] == id, "the whole name comes first"


def test_brands_are_found_with_and_without_a_legal_form(
    client: httpx.Client, companies: dict[str, str]
) -> None:
    brands = {
        "利博优美": "苏州利博优美网络服务有限公司",
        "途畅": "常州途畅互联网科技有限公司合肥分公司",
        "途畅公司": "常州途畅互联网科技有限公司合肥分公司",
        "灵动传媒有限公司": "灵动传媒科技(绍兴)有限公司",
        "世鼎生物": "世鼎生物技术（香港）有限公司",
        "mingyigongmao": "合肥明亿工贸有限公司",
        "hfmygm": "合肥明亿工贸有限公司",
        "香港": "世鼎生物技术（香港）有限公司",
    }
    for brand, name in brands.items():
        assert companies[name] in ids(client, brand), brand


def test_phone_numbers_are_found_in_five_notations(parts: Served, client: httpx.Client) -> None:
    if not NUMBERS.exists():
        pytest.skip("the examples of every region are not beside this checkout")
    forms = phonenumbers.PhoneNumberFormat
    examples = json.loads(NUMBERS.read_text("utf-8"))
    numbers = {r: phonenumbers.parse(n, r) for r, n in examples.items()}
    numbers = {r: n for r, n in numbers.items() if phonenumbers.is_valid_number(n)}
    assert len(numbers) > 200
    of = {
        region: str(
            register(
                parts,
                f"电话{region}有限公司",
                phone=phonenumbers.format_number(number, forms.INTERNATIONAL),
            )
        )
        for region, number in numbers.items()
    }
    parts.caught_up()
    for region, number in numbers.items():
        spoken = partial(phonenumbers.format_number, number)
        e164 = spoken(forms.E164)
        for typed in (
            e164,
            spoken(forms.INTERNATIONAL),
            spoken(forms.NATIONAL),
            spoken(forms.RFC3966),
            "00" + e164[1:],
            e164.translate(FULL_WIDTH),
        ):
            assert of[region] in ids(client, typed, kind="customer"), (region, typed)


def test_records_are_found_by_their_numbers_and_by_what_others_call_them(
    parts: Served, client: httpx.Client
) -> None:
    external = {"system": "erp", "id": "K_77/A%B"}
    id = register(parts, "编号齐全有限公司", external=external)
    parts.caught_up()
    number = client.get(f"/v1/customers/{id}").json()["number"]
    for typed in (number, number.lower(), number[3:], number[-6:], number.translate(FULL_WIDTH)):
        assert str(id) in ids(client, typed), typed
    assert found(client, number)[0]["id"] == str(id)
    for typed in ("K_77/A%B", "k77ab", "77/a"):
        assert str(id) in ids(client, typed), typed


# Whole texts come first


def test_whole_matches_come_first_then_beginnings_then_the_newest(
    parts: Served, client: httpx.Client
) -> None:
    infix = register(parts, "上海星辰大海有限公司")
    begins = register(parts, "星辰大海科技有限公司")
    newest = register(parts, "北京星辰大海贸易有限公司")
    exact = register(parts, "星辰大海有限公司")
    parts.caught_up()
    for _ in range(3):
        in_order = [item["id"] for item in found(client, "星辰大海")]
        assert in_order == [str(i) for i in (exact, begins, newest, infix)]
    assert [i["id"] for i in found(client, "星辰大海", limit=1)] == [str(exact)]


def test_every_kind_has_its_turn_and_one_can_be_chosen(parts: Served, client: httpx.Client) -> None:
    customers = [register(parts, f"轮流{n}号有限公司") for n in range(3)]
    for _ in range(3):
        amount = Money(amount=Decimal(1), currency="CNY")
        parts.do(OpenOpportunity(title="轮流供货", customer_id=customers[0], amount=amount))
    parts.caught_up()
    kinds = [item["kind"] for item in found(client, "轮流")]
    assert kinds[:4] == ["customer", "opportunity"] * 2
    assert {i["kind"] for i in found(client, "轮流", kind="opportunity")} == {"opportunity"}
    assert {i["kind"] for i in found(client, "轮流", kind="customers")} == {"customer"}


def test_a_number_that_very_many_share_is_found_with_all_of_them(
    parts: Served, client: httpx.Client
) -> None:
    """Also where it is typed with an extension, so that no line has all its digits."""
    for n in range(230):
        register(parts, f"总机{n}号有限公司", phone="+44 20 7946 0018")
    typed = "+44 20 7946 0018 转 12"
    for more in ({}, {"as_of": str(parts.caught_up())}):
        assert len(ids(client, typed, kind="customer", **more)) == 230


def test_what_matched_is_shown(parts: Served, client: httpx.Client) -> None:
    register(parts, "显示有限公司", phone="010-62587777")
    parts.caught_up()
    [item] = found(client, "+86 (10) 6258-7777")
    assert item["kind"] == "customer"
    assert item["title"] == "显示有限公司"
    assert (item["field"], item["matched"]) == ("phone", "010-62587777")


# Any other day


def test_a_search_as_of_a_day_finds_what_things_were_called_then(
    parts: Served, client: httpx.Client
) -> None:
    id = register(parts, "旧号角有限公司", DAY)
    before = parts.caught_up()
    change = ChangeCustomerDetails(name="新风帆有限公司")
    parts.do(change, id, at=DAY + timedelta(days=10))
    parts.caught_up()
    now = datetime.now(UTC).isoformat()
    for then in (
        {"as_of": "2024-03-05"},
        {"as_of": "2024-03-05T00:00:00Z", "clock": "occurred"},
        {"as_of": str(before)},
    ):
        assert ids(client, "旧号角", **then) == {str(id)}
        assert ids(client, "jiuhaojiao", **then) == {str(id)}
        assert ids(client, "新风帆", **then) == set()
        assert found(client, "旧号角", **then)[0]["title"] == "旧号角有限公司"
    for later in ({}, {"as_of": "2024-03-20"}, {"as_of": now, "clock": "recorded"}):
        assert ids(client, "旧号角", **later) == set()
        assert ids(client, "新风帆", **later) == {str(id)}
    assert ids(client, "旧号角", as_of="2024-02-28") == set()
    for form in ("有限公司", "限", "公"):
        assert ids(client, form, as_of="2024-03-05") == {str(id)}, form


def test_what_was_merged_is_found_as_what_it_went_into(parts: Served, client: httpx.Client) -> None:
    loser, middle, survivor = (
        register(parts, name) for name in ("青蜻蜓有限公司", "白鹭鸶有限公司", "黑翠鸟有限公司")
    )
    parts.do(MergeCustomer(into_id=middle), loser)
    merged = parts.do(MergeCustomer(into_id=survivor), middle).position
    parts.caught_up()
    for typed in ("青蜻蜓", "qingting", "白鹭鸶", "黑翠鸟"):
        assert ids(client, typed) == {str(survivor)}, typed
    [hit] = found(client, "青蜻蜓")
    assert (hit["title"], hit["matched"]) == ("黑翠鸟有限公司", "青蜻蜓有限公司")
    assert ids(client, "青蜻蜓", as_of=str(merged)) == {str(survivor)}
    assert ids(client, "青蜻蜓", archived="any") == {str(loser)}
    parts.do(UnmergeCustomer(), loser)
    parts.do(COMMANDS["customers/archive"].model_validate({}), survivor)
    parts.caught_up()
    assert ids(client, "青蜻蜓") == {str(loser)}
    assert ids(client, "白鹭鸶") == ids(client, "黑翠鸟") == set(), "it is out of use"


# Whoever asks


def test_nobody_finds_what_the_scope_hides(parts: Served) -> None:
    id = register(parts, "看不见的有限公司")
    head = parts.caught_up()

    class Blind(Scope):
        def visible(self, row: type[Row], alias: sql.Identifier) -> sql.Composable:
            return sql.SQL("{}.id <> {}").format(alias, sql.Literal(id))

    search, rows = Search(parts.pool), [Projection.registry["customers"].row]
    for typed in ("看不见", "看不见的有限公司", "见", "kbj", "有限公司"):
        wish = asked(typed)
        assert wish is not None
        for moment in (NOW, Recorded(head)):
            seen = search.find(Wanted(wish, rows, SCOPE, moment, 1000))
            assert id in {one.row.id for one in seen}
            hidden = search.find(Wanted(wish, rows, Blind(SCOPE.user_id), moment, 1000))
            assert id not in {one.row.id for one in hidden}


# Bad and strange questions


def test_what_cannot_be_asked_is_refused_by_name(client: httpx.Client) -> None:
    for parameters, field in (
        ({}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": "a\x00b"}, "q"),
        ({"q": "a", "kind": "unicorn"}, "kind"),
        ({"q": "a", "limit": "0"}, "limit"),
        ({"q": "a", "limit": "1001"}, "limit"),
        ({"q": "a", "archived": "yes"}, "archived"),
        ({"q": "a", "as_of": "yesterday"}, "as_of"),
        ({"q": "a", "sort": "name"}, "sort"),
    ):
        answer = client.get("/v1/search", params=parameters)
        assert answer.status_code == 422, parameters
        assert [e["field"] for e in answer.json()["errors"]] == [field]


STRANGE = (
    *("", " ", "%", "_", "%%%", "\\", "'", "';--", "[a-z]+", "(", "|", "&", ":*", "!a"),
    *("😀", "👩‍👩‍👧", "\u200b", "a b c d e f g h i j k l m", "1 " * 100, "华 " * 100),
    *("x" * 200, "科" * 200, "1" * 200, "有限公司 " * 40, "有限公司" * 40, "ng" * 30),
    *("限", "司", "责任", "限责", "任公司", "公司公司", "有 限", "总公司"),
)


@pytest.mark.parametrize("typed", STRANGE)
def test_strange_questions_are_answered(client: httpx.Client, typed: str) -> None:
    answer = client.get("/v1/search", params={"q": typed})
    assert answer.status_code == 200, answer.text
    assert isinstance(answer.json()["items"], list)


def test_one_can_wait_for_what_one_has_written(parts: Served, client: httpx.Client) -> None:
    receipt = parts.do(
        RegisterCustomer.model_validate_json(json.dumps(registering(name="刚刚登记有限公司")))
    )
    assert ids(client, "刚刚登记", after=receipt.position) == {str(receipt.id)}


def test_the_document_says_what_search_takes_and_answers(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v1/search"]["get"]
    names = {p["name"] for p in operation["parameters"]}
    assert names == {"q", "kind", "limit", "archived", "as_of", "clock", "after"}
    assert set(operation["responses"]) == {"200", "401", "422", "503"}
    schema = document["components"]["schemas"]["Found"]
    searched = {p.table for p in Projection.registry.values() if p.row.searched}
    assert len(schema["properties"]["kind"]["enum"]) == len(searched)
    shown = json.dumps(document)
    assert "found_by" not in shown


def test_nobody_sees_the_texts_that_rows_are_found_by(parts: Served, client: httpx.Client) -> None:
    id = register(parts, "不露痕迹有限公司")
    parts.caught_up()
    for path in ("", "/history", "/360", "/timeline"):
        answer = client.get(f"/v1/customers/{id}{path}")
        assert answer.status_code == 200
        assert "found_by" not in answer.text
    for path in ("", ".csv"):
        assert "found_by" not in client.get(f"/v1/customers{path}").text
    for parameter in ("found_by", "found_by.contains", "was_found_by.null"):
        assert client.get("/v1/customers", params={parameter: "true"}).status_code == 422
    assert client.get("/v1/customers", params={"sort": "found_by"}).status_code == 422


# Whatever the texts


class LooseRow(Row, table="loose"):
    searched = ("name", "phone")

    name: str = ""
    phone: Phone | None = None
    archived_at: datetime | None = None


@pytest.fixture(scope="module")
def loose(parts: Served) -> ConnectionPool:
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.type))
        for c in table_columns(LooseRow, hidden=True)
    )
    with parts.pool.connection() as connection:
        connection.execute(sql.SQL("CREATE TABLE views.loose ({})").format(columns))
        connection.execute("ALTER TABLE views.loose ADD PRIMARY KEY (id)")
        create_index(connection, sql.Identifier("views", "loose"))
    return parts.pool


def keep(pool: ConnectionPool, names: list[str]) -> dict[UUID, str]:
    """Rows of these names and nothing else; id → name."""
    with pool.connection() as connection:
        connection.execute("DELETE FROM views.loose")
        known: dict[UUID, str] = {}
        for name in names:
            blank = LooseRow(id=uuid4())
            row = blank.updated(name=name)
            assert row.searching is not None
            row.searching.follow(blank, row)
            values = [
                v
                for f in row_columns(LooseRow, hidden=True)
                for v in f.split(getattr(row, f.field))
            ]
            places = sql.SQL(", ").join([sql.Placeholder()] * len(values))
            connection.execute(
                sql.SQL("INSERT INTO views.loose VALUES ({})").format(places), values
            )
            known[row.id] = name
    return known


def test_the_longest_texts_can_be_indexed(loose: ConnectionPool) -> None:
    """Of the longest characters, no two pieces the same."""
    signs = "".join(chr(0x20000 + n % 42_000) + chr(0x30000 + n // 9) for n in range(50_000))
    blank = LooseRow(id=uuid4())
    assert blank.searching is not None
    for text in (signs[::-1], signs):
        row = blank.updated(name=text)
        blank.searching.follow(blank, row)
        blank = row
    texts = vars(blank)["found_by"], vars(blank)["was_found_by"]
    assert sum(map(len, texts)) > 70_000
    with loose.connection() as connection:
        cut = sql.SQL("SELECT length({}) FROM (SELECT %s, %s) AS row (found_by, was_found_by)")
        answer = connection.execute(cut.format(pieces(sql.Identifier("row"))), texts).fetchone()
    assert answer is not None
    assert answer[0] > 60_000


SIGNS = "华为科技有限公司集团股份责任分总子合伙普通上海ａＢc1２3東东Éß😀-（）. \uac00"
TEXTS = st.text(st.sampled_from(SIGNS), min_size=2, max_size=14)


@settings(max_examples=60, deadline=None)
@given(names=st.lists(TEXTS, min_size=1, max_size=4), data=st.data())
def test_whatever_is_indexed_is_found_by_every_part_of_it(
    loose: ConnectionPool, names: list[str], data: st.DataObject
) -> None:
    """By the index alone: looking through the newest rows is turned off."""
    known = keep(loose, names)
    name = data.draw(st.sampled_from(names))
    begin = data.draw(st.integers(0, len(name) - 2))
    part = name[begin : data.draw(st.integers(begin + 2, len(name)))]
    forms = (part, OpenCC("s2t").convert(part), part.translate(FULL_WIDTH), part.upper())
    typed = data.draw(st.sampled_from(forms))
    wish = asked(typed)
    if wish is None or wish.is_common:
        return  # Among the newest rows only.
    named = {id for id, other in known.items() if folded(part) in folded(other)}
    newest = 1_000 if wish.is_of_single_signs else 0  # A legal form may be all that has one sign.
    wanted = Wanted(wish, [LooseRow], SCOPE, NOW, limit=100, newest=newest)
    seen = Search(loose).find(wanted)
    assert named <= {one.row.id for one in seen}, (typed, names)
