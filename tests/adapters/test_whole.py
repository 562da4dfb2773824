"""The whole customer: everything that names it, now and at every moment, within its family."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from psycopg import sql

from adapters.http import answers
from adapters.postgres.reads.asof import NOW, Moment, Occurred, Recorded
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.sections import parts, sections
from adapters.postgres.reads.timeline import Filters, timeline
from adapters.postgres.reads.titles import titles
from aggregates.errors import NotFound
from aggregates.values import Money
from commands.base import COMMANDS
from projections.base import Projection, Row
from tests.adapters.serving import SCOPE, Served, serving

YEAR = datetime(2017, 1, 1, tzinfo=UTC)
CONTACT = {"name": "王芳", "phone": "+86 21 6288 1234"}


@pytest.fixture
def parts_of(database_url: str) -> Iterator[Served]:
    with Served(database_url) as served:
        yield served


@pytest.fixture
def client(parts_of: Served) -> Iterator[httpx.Client]:
    with serving(parts_of) as client:
        yield client


def run(
    served: Served, command: str, id: UUID | None, at: datetime | None = None, /, **fields: Any
) -> UUID:
    return served.do(COMMANDS[command].model_validate(fields), id, at=at).id


def customer(served: Served, name: str, at: datetime | None = None, **fields: Any) -> UUID:
    given = {"industry": "other", "source": "other", "primary_contact": CONTACT}
    return run(served, "customers/register", None, at, name=name, **(given | fields))


def cny(amount: int, currency: str = "CNY") -> Money:
    return Money(amount=Decimal(amount), currency=currency)


def opportunity(
    served: Served, of: UUID, amount: Money, at: datetime | None = None, **fields: Any
) -> UUID:
    given = {"title": f"商机{amount.amount}", "customer_id": of, "amount": amount}
    return run(served, "opportunities/open", None, at, **(given | fields))


def got(client: httpx.Client, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_everything_that_names_a_customer_is_a_section(
    parts_of: Served, client: httpx.Client
) -> None:
    acme = customer(parts_of, "上海测试有限公司")
    daughter = customer(parts_of, "上海测试无锡有限公司", parent_id=acme)
    deal = opportunity(parts_of, acme, cny(5))
    parts_of.caught_up()
    whole = got(client, f"/v1/customers/{acme}/360")
    naming = {t for t, p in Projection.registry.items() if "customer_id" in p.row.fields}
    assert {"contacts", "opportunities", "tasks"} <= naming
    assert whole.keys() == {"profile", "merged", "position", "customers", *naming}
    assert whole["profile"] == got(client, f"/v1/customers/{acme}")
    assert whole["opportunities"]["items"] == [got(client, f"/v1/opportunities/{deal}")]
    assert [c["name"] for c in whole["contacts"]["items"]] == ["王芳"]
    assert [c["id"] for c in whole["customers"]["items"]] == [str(daughter)]
    assert whole["merged"] == []
    assert whole["tasks"] == whole["tasks"] | {"items": [], "count": 0, "next": None}


def test_sections_are_counted_summed_and_continued(parts_of: Served, client: httpx.Client) -> None:
    acme = customer(parts_of, "上海测试有限公司", YEAR)
    deals = [
        opportunity(parts_of, acme, cny(n, "USD" if n == 5 else "CNY"), YEAR + timedelta(days=n))
        for n in range(1, 6)
    ]
    run(parts_of, "opportunities/win", deals[0], None, won_on="2017-03-01")
    parts_of.caught_up()
    for moment in ({}, {"as_of": "2017-06-01"}, {"clock": "recorded"}):
        section = got(client, f"/v1/customers/{acme}/360", limit=2, **moment)["opportunities"]
        assert [i["id"] for i in section["items"]] == [str(d) for d in (deals[4], deals[3])]
        assert section["count"] == 5
        assert section["totals"] == [
            {"stage": "lead", "count": 3, "amount": {"amount": "9.00", "currency": "CNY"}},
            {"stage": "lead", "count": 1, "amount": {"amount": "5.00", "currency": "USD"}},
            {"stage": "won", "count": 1, "amount": {"amount": "1.00", "currency": "CNY"}},
        ]
        address = urlsplit(section["list"])
        query = dict(httpx.QueryParams(address.query))
        rest = got(client, address.path, cursor=section["next"], **query)
        assert [i["id"] for i in rest["items"]] == [str(d) for d in reversed(deals[:3])]
        assert rest["next"] is None


def test_a_section_of_another_moment_is_what_was_folded(
    parts_of: Served, client: httpx.Client
) -> None:
    """Random lives, entered in any order, moved from customer to customer."""
    draw = random.Random(5)
    customers = [customer(parts_of, f"样例{n}有限公司", some_day(draw)) for n in range(3)]
    deals = [
        opportunity(parts_of, draw.choice(customers), cny(n), some_day(draw)) for n in range(8)
    ]
    for _ in range(30):
        deal, at = draw.choice(deals), some_day(draw)
        if draw.random() < 0.5:
            run(parts_of, "opportunities/move", deal, at, customer_id=draw.choice(customers))
        else:
            run(parts_of, "opportunities/change-amount", deal, at, amount=cny(draw.randrange(99)))
    head = parts_of.caught_up()
    asked: list[tuple[dict[str, Any], Moment]] = [({}, NOW)]
    asked += [({"as_of": p}, Recorded(p)) for p in draw.sample(range(1, head + 1), 12)]
    for days in range(-10, 370, 30):
        at = YEAR + timedelta(days=days)
        asked.append(({"as_of": at.isoformat()}, Occurred(at)))
    seen: Counter[int] = Counter()
    for query, moment in asked:
        for id in customers:
            expected = {d for d in deals if belongs(parts_of, d, id, moment)}
            answer = client.get(f"/v1/customers/{id}/360", params=query)
            if not folded(parts_of, "customers", id, moment):
                assert answer.status_code == 404
                continue
            section = answer.json()["opportunities"]
            items = {UUID(item["id"]): item for item in section["items"]}
            assert items == {d: folded(parts_of, "opportunities", d, moment) for d in expected}
            begun = [item["created_at"] for item in section["items"]]
            assert begun == sorted(begun, reverse=True)
            assert section["count"] == len(expected)
            seen[len(expected)] += 1
    assert len(seen) > 3


def some_day(draw: random.Random) -> datetime:
    return YEAR + timedelta(days=draw.randrange(365), hours=draw.randrange(24))


def folded(served: Served, table: str, id: UUID, moment: Moment) -> dict[str, Any] | None:
    """The record as it is answered, from the log."""
    try:
        row = served.records.at(Projection.registry[table], id, moment)
    except NotFound:
        return None
    plain: dict[str, Any] = httpx.Response(200, content=answers.dumped(answers.row(row))).json()
    return plain


def belongs(served: Served, deal: UUID, customer: UUID, moment: Moment) -> bool:
    row = folded(served, "opportunities", deal, moment)
    return row is not None and row["customer_id"] == str(customer)


def test_a_new_customer_is_whole_before_its_view_is(database_url: str) -> None:
    with Served(database_url) as served, serving(served) as client:
        acme = customer(served, "上海测试有限公司")
        for _ in range(5):
            assert client.get(f"/v1/customers/{acme}/360").status_code == 200
            acme = customer(served, f"样例{uuid4()}有限公司")
        deal = served.do(
            COMMANDS["opportunities/open"].model_validate(
                {"title": "x", "customer_id": acme, "amount": cny(1)}
            )
        )
        whole = got(client, f"/v1/customers/{acme}/360", after=deal.position)
        assert [o["id"] for o in whole["opportunities"]["items"]] == [str(deal.id)]
        assert whole["position"] >= deal.position


class Blind(Scope):
    """Somebody who sees no opportunity."""

    def visible(self, row: type[Row], alias: sql.Identifier) -> sql.Composable | None:
        return sql.SQL("false") if row.table == "opportunities" else None


def test_sections_timeline_and_names_show_only_what_the_asker_sees(parts_of: Served) -> None:
    acme = customer(parts_of, "上海测试有限公司")
    deal = opportunity(parts_of, acme, cny(5))
    head, reader = parts_of.caught_up(), parts_of.rows
    [part] = [p for p in parts("Customer") if p.name == "opportunities"]
    customers, wish = Projection.registry["customers"], reader.wish(part.row, part.parameters(acme))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    moments: tuple[Moment, ...] = (NOW, Recorded(head), Occurred(tomorrow))
    for scope, count in ((SCOPE, 1), (Blind(SCOPE.user_id), 0)):
        for moment in moments:
            [section], _ = sections(reader, [(part, wish)], scope, moment)
            assert section.count == count
            given = (customers, acme, scope, moment, Filters(), None, 10)
            kinds = [told.kind for told in timeline(reader, *given)]
            assert kinds.count("Opportunity") == count
            assert {"Customer", "Contact"} <= set(kinds)
        asked = [(deal, Recorded(head))]
        assert len(titles(reader, part.row, ["title"], scope, asked)) == count


def test_what_cannot_be_asked_is_refused_by_name(parts_of: Served, client: httpx.Client) -> None:
    acme = customer(parts_of, "上海测试有限公司")
    parts_of.caught_up()
    for query, field in {
        "limit=0": "limit",
        "limit=201": "limit",
        "sort=name": "sort",
        "as_of=%00": "as_of",
        "as_of=1&clock=occurred": "as_of",
    }.items():
        answer = client.get(f"/v1/customers/{acme}/360?{query}")
        assert answer.status_code == 422, query
        assert [e["field"] for e in answer.json()["errors"]] == [field]
    assert client.get(f"/v1/customers/{uuid4()}/360").status_code == 404
    assert client.get("/v1/customers/x/360").status_code == 422
    assert (
        client.get(f"/v1/customers/{acme}/360", params={"as_of": "2001-01-01"}).status_code == 404
    )
    assert client.get(f"/v1/customers/{acme}/360", params={"after": 2**60}).status_code == 503


def test_the_document_says_what_is_answered(parts_of: Served, client: httpx.Client) -> None:
    jsonschema = pytest.importorskip("jsonschema_rs")
    acme = customer(parts_of, "上海测试有限公司")
    opportunity(parts_of, acme, cny(1))
    parts_of.caught_up()
    document = got(client, "/openapi.json")
    schema = document["paths"]["/v1/customers/{id}/360"]["get"]["responses"]["200"]["content"]
    schema = schema["application/json"]["schema"] | {"components": document["components"]}
    whole = got(client, f"/v1/customers/{acme}/360")
    jsonschema.validator_for(schema, validate_formats=True).validate(whole)
    section = document["components"]["schemas"]["Customer360"]["properties"]["opportunities"]
    assert section["properties"]["items"]["items"] == {
        "$ref": "#/components/schemas/OpportunityRow"
    }
    assert {p.name for p in parts("Customer")} <= whole.keys()


def test_each_field_that_names_a_customer_is_a_part() -> None:
    found = {(p.name, p.row.table, p.field) for p in parts("Customer")}
    assert ("customers", "customers", "parent_id") in found
    assert ("opportunities", "opportunities", "customer_id") in found
    assert len({name for name, _, _ in found}) == len(found)
