"""Lists against a table in memory: filters, order, cursors, whatever the values."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cmp_to_key
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg_pool import ConnectionPool

from adapters.postgres.reads.asof import NOW
from adapters.postgres.reads.filters import filterable, sortable
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views.columns import table_columns, to_values
from aggregates.errors import Invalid
from aggregates.values import Custom, ExternalId, LongText, Money
from projections.base import Row

SHANGHAI = ZoneInfo("Asia/Shanghai")
SCOPE = Scope(UUID(int=1))
TEXTS = ("", "ab", "Ab", "a%", "a_b", "\\", "华东", "华东电子", "Ζ", "é", "É", "'; --", "zz")
NUMBERS = (0, 1, 2, -5, 10**15)
DAYS = (date(1000, 1, 1), date(2017, 3, 1), date(2017, 3, 2), date(2199, 12, 31))
INSTANTS = tuple(
    datetime(2017, 3, 1, tzinfo=UTC) + timedelta(hours=h, microseconds=m)
    for h, m in ((0, 0), (15, 999_999), (16, 0), (16, 1), (40, 0))
)
MONEY = tuple(
    Money(amount=Decimal(a), currency=c)
    for a, c in (("0", "CNY"), ("12.50", "CNY"), ("12.5", "USD"), ("-3", "JPY"), ("900000", "CNY"))
)
IDS = tuple(UUID(int=n) for n in range(1, 30))


class SampleRow(Row, table="samples"):
    """One field of every kind."""

    text: str | None = None
    long: LongText | None = None
    amount: Money | None = None
    count: int | None = None
    is_good: bool | None = None
    on: date | None = None
    at: datetime | None = None
    other_id: UUID | None = None
    order: int = 0
    tags: tuple[str, ...] = ()
    external: ExternalId | None = None
    custom: Custom | None = None
    merged_into: Annotated[UUID, "kept"] | None = None


def maybe(values: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.sampled_from(values))


CUSTOM_VALUES = (True, False, 1, 1.5, 10, "1", "x", "华东", "", None)
ROWS = st.builds(
    SampleRow,
    id=st.sampled_from(IDS),
    text=maybe(TEXTS),
    long=maybe(TEXTS[1:]),
    amount=maybe(MONEY),
    count=maybe(NUMBERS),
    is_good=maybe((True, False)),
    on=maybe(DAYS),
    at=maybe(INSTANTS),
    other_id=maybe(IDS[:3]),
    tags=st.lists(st.sampled_from(TEXTS[1:6]), max_size=3, unique=True).map(tuple),
    custom=st.none() | st.dictionaries(st.just("x"), st.sampled_from(CUSTOM_VALUES), max_size=1),
    merged_into=st.sampled_from((None, None, None, IDS[0])),
)
TABLES = st.lists(ROWS, max_size=12, unique_by=lambda row: row.id)


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.type))
        for c in table_columns(SampleRow)
    )
    with ConnectionPool(database_url, min_size=1, max_size=2, kwargs={"autocommit": True}) as pool:
        with pool.connection() as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS views")
            connection.execute(sql.SQL("CREATE TABLE views.samples ({})").format(columns))
        yield pool


def fill(pool: ConnectionPool, rows: list[SampleRow]) -> None:
    places = sql.SQL(", ").join([sql.Placeholder()] * len(table_columns(SampleRow)))
    with pool.connection() as connection:
        connection.execute("DELETE FROM views.samples")
        for row in rows:
            insert = sql.SQL("INSERT INTO views.samples VALUES ({})").format(places)
            connection.execute(insert, to_values(row))


# What the answers should be

SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "gte": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "lte": lambda a, b: a <= b,
    "lt": lambda a, b: a < b,
}
WRITTEN: dict[str, Callable[[Any], str]] = {
    "at": lambda v: v.astimezone(timezone(timedelta(hours=-3))).isoformat(),
    "is_good": lambda v: str(v).lower(),
}
POOLS: dict[str, tuple[Any, ...]] = {
    "text": TEXTS,
    "long": TEXTS,
    "amount": tuple(m.amount for m in MONEY),
    "count": NUMBERS,
    "is_good": (True, False),
    "on": DAYS,
    "at": INSTANTS,
    "other_id": IDS[:3],
    "tags": TEXTS[:6],
}


def plain(row: SampleRow, field: str) -> Any:
    value = getattr(row, field)
    return value.amount if isinstance(value, Money) else value


def compared(value: Any) -> Any:
    """Texts by code point, which is how UTF-8 bytes compare."""
    return value.encode() if isinstance(value, str) else value


def holds(row: SampleRow, field: str, operator: str, values: tuple[Any, ...]) -> bool:
    value = plain(row, field)
    if operator == "null":
        return (value in (None, ())) == values[0]
    items = value if isinstance(value, tuple) else () if value is None else (value,)
    match operator:
        case "":
            return any(item in values for item in items)
        case "ne":
            return not any(item in values for item in items)
        case "contains":
            return any(v.lower() in item.lower() for item in items for v in values)
    sign = SIGNS[operator]
    return value is not None and all(sign(compared(value), compared(v)) for v in values)


@st.composite
def filters(draw: st.DrawFn) -> tuple[str, str, tuple[Any, ...]]:
    field = draw(st.sampled_from(sorted(POOLS)))
    operators = [o for o in filterable(SampleRow)[field].operators if o != "currency"]
    operator = draw(st.sampled_from(operators))
    if operator == "null":
        return field, operator, (draw(st.booleans()),)
    return (
        field,
        operator,
        tuple(draw(st.lists(st.sampled_from(POOLS[field]), min_size=1, max_size=2))),
    )


def written(field: str, operator: str, value: Any) -> str:
    if operator == "null":
        return str(value).lower()
    return WRITTEN.get(field, str)(value)


def in_order(rows: list[SampleRow], field: str, descending: bool) -> list[SampleRow]:
    def compare(a: SampleRow, b: SampleRow) -> int:
        x, y = compared(plain(a, field)), compared(plain(b, field))
        if x != y:
            if x is None or y is None:
                return 1 if x is None else -1
            return (1 if x > y else -1) * (-1 if descending else 1)
        return 1 if a.id > b.id else -1

    return sorted(rows, key=cmp_to_key(compare))


def listed(
    reader: RowReader, parameters: list[tuple[str, str]], limit: int = 1000
) -> tuple[list[UUID], int | None]:
    """Ids of a whole list, page by page, and its count."""
    found: list[UUID] = []
    cursor, count = None, None
    while True:
        wish = reader.wish(SampleRow, parameters, limit=limit, cursor=cursor, count=True)
        page = reader.page(SampleRow, SCOPE, NOW, wish)
        found += [row.id for row in page.rows]
        assert len(page.rows) <= limit
        assert count in (None, page.count), "the count does not depend on the page"
        cursor, count = page.next, page.count
        if cursor is None:
            return found, count


def test_lists_answer_as_a_table_in_memory_would(pool: ConnectionPool) -> None:
    reader = RowReader(pool, SHANGHAI)

    @settings(max_examples=120, deadline=None)
    @given(
        TABLES,
        st.lists(filters(), max_size=2, unique_by=lambda f: f[:2]),
        st.sampled_from(sortable(SampleRow)),
        st.booleans(),
        st.integers(1, 5),
        st.booleans(),
    )
    def check(
        rows: list[SampleRow],
        asked: list[tuple[str, str, tuple[Any, ...]]],
        sort: str,
        descending: bool,
        limit: int,
        archived: bool,
    ) -> None:
        fill(pool, rows)
        parameters = [
            (f"{field}.{operator}".rstrip("."), written(field, operator, value))
            for field, operator, values in asked
            for value in values
        ]
        parameters.append(("sort", f"-{sort}" if descending else sort))
        parameters += [("archived", "any")] if archived else []
        visible = [r for r in rows if archived or r.merged_into is None]
        wanted = [r for r in visible if all(holds(r, *f) for f in asked)]
        expected = [r.id for r in in_order(wanted, sort, descending)]
        assert listed(reader, parameters, limit) == (expected, len(expected))

    check()


def test_rows_come_back_as_they_went_in(pool: ConnectionPool) -> None:
    @settings(max_examples=50, deadline=None)
    @given(ROWS)
    def check(row: SampleRow) -> None:
        fill(pool, [row])
        assert RowReader(pool, SHANGHAI).one(SampleRow, SCOPE, row.id) == row

    check()


CUSTOM = {
    "custom.x=1": (1, "1"),
    "custom.x=1.50": (1.5,),
    "custom.x=true": (True,),
    "custom.x=华东": ("华东",),
    "custom.x=1&custom.x=x": (1, "1", "x"),
    "custom.x.gt=1": (1.5, 10),
    "custom.x.lte=1.5": (1, 1.5),
    "custom.x.gte=x": ("x", "华东"),
    "custom.x.contains=X": ("x",),
    "custom.x.null=false": (True, False, 1, 1.5, 10, "1", "x", "华东", ""),
}


@pytest.mark.parametrize("asked", CUSTOM)
def test_custom_fields_compare_as_what_they_are(pool: ConnectionPool, asked: str) -> None:
    rows = [SampleRow(id=IDS[n], custom={"x": v}) for n, v in enumerate(CUSTOM_VALUES)]
    fill(pool, [*rows, SampleRow(id=IDS[-1])])
    parameters = [tuple(p.split("=")) for p in asked.split("&")]
    found, _ = listed(RowReader(pool, SHANGHAI), parameters)  # type: ignore[arg-type]
    values = [CUSTOM_VALUES[IDS.index(id)] for id in found]
    assert [(type(v), v) for v in values] == [(type(v), v) for v in CUSTOM[asked]]


def test_what_is_not_equal_to_a_custom_value_has_another_or_none(pool: ConnectionPool) -> None:
    fill(pool, [SampleRow(id=IDS[0], custom={"x": 1}), SampleRow(id=IDS[1])])
    assert listed(RowReader(pool, SHANGHAI), [("custom.x.ne", "1")])[0] == [IDS[1]]
    assert listed(RowReader(pool, SHANGHAI), [("custom.x.null", "true")])[0] == [IDS[1]]


DATES = {
    ("at", "2017-03-01"): INSTANTS[:2],
    ("at.ne", "2017-03-01"): INSTANTS[2:],
    ("at.gte", "2017-03-02"): INSTANTS[2:],
    ("at.gt", "2017-03-01"): INSTANTS[2:],
    ("at.lte", "2017-03-01"): INSTANTS[:2],
    ("at.lt", "2017-03-02"): INSTANTS[:2],
}


@pytest.mark.parametrize("asked", DATES)
def test_a_date_is_a_day_in_the_organisations_zone(
    pool: ConnectionPool, asked: tuple[str, str]
) -> None:
    fill(pool, [SampleRow(id=IDS[n], at=at) for n, at in enumerate(INSTANTS)])
    found, _ = listed(RowReader(pool, SHANGHAI), [asked])
    assert tuple(INSTANTS[IDS.index(id)] for id in found) == DATES[asked]


def test_money_is_filtered_by_amount_and_by_currency(pool: ConnectionPool) -> None:
    fill(pool, [SampleRow(id=IDS[n], amount=money) for n, money in enumerate(MONEY)])
    reader = RowReader(pool, SHANGHAI)
    assert listed(reader, [("amount", "12.5")])[0] == [IDS[1], IDS[2]]
    both = [("amount.currency", "CNY"), ("amount.gt", "0")]
    assert listed(reader, both)[0] == [IDS[1], IDS[4]]


REFUSED = {
    ("nonsense", "1"): "unknown-parameter",
    ("text.nonsense", "1"): "unknown-parameter",
    ("text.", "1"): "unknown-parameter",
    ("count.contains", "1"): "unknown-parameter",
    ("external", "sap"): "unknown-parameter",
    ("external.null", "true"): "unknown-parameter",
    ("custom", "1"): "unknown-parameter",
    ("custom.", "1"): "unknown-parameter",
    ("custom.' OR 1", "1"): "unknown-parameter",
    ("text", "a\x00b"): "unstorable",
    ("text.contains", "\x00"): "unstorable",
    ("custom.x", "\x00"): "unstorable",
    ("count", "1.0"): "not-an-integer",
    ("count", "1 OR true"): "not-an-integer",
    ("count", "٣"): "not-an-integer",
    ("count", "9" * 19): "out-of-range",
    ("count", "-9223372036854775809"): "out-of-range",
    ("count", "9" * 40): "not-an-integer",
    ("amount", "1e9"): "not-a-number",
    ("amount", "NaN"): "not-a-number",
    ("is_good", "yes"): "not-a-boolean",
    ("text.null", "maybe"): "not-a-boolean",
    ("on", "2017-02-30"): "not-a-date",
    ("on", "0000-01-01"): "not-a-date",
    ("on", "99999-01-01"): "not-a-date",
    ("at", "2017-03-01T10:00:00"): "not-an-instant",
    ("at", "yesterday"): "not-an-instant",
    ("other_id", "1"): "not-an-id",
    ("other_id", "{00000000-0000-0000-0000-000000000001}"): "not-an-id",
    ("sort", "nonsense"): "not-sortable",
    ("sort", "tags"): "not-sortable",
    ("sort", "long"): "not-sortable",
    ("sort", "--text"): "not-sortable",
    ("archived", "all"): "not-one-of",
}


@pytest.mark.parametrize("asked", REFUSED, ids=lambda p: ascii("=".join(p))[:40])
def test_what_cannot_be_understood_is_refused_by_name(
    pool: ConnectionPool, asked: tuple[str, str]
) -> None:
    with pytest.raises(Invalid) as refused:
        RowReader(pool, SHANGHAI).wish(SampleRow, [("text", "fine"), asked])
    assert [(e.field, e.message) for e in refused.value.errors] == [(asked[0], REFUSED[asked])]


def test_instants_at_the_end_of_time_are_no_error(pool: ConnectionPool) -> None:
    fill(pool, [SampleRow(id=IDS[0], at=INSTANTS[0])])
    reader = RowReader(pool, SHANGHAI)
    for edge in ("9999-12-31T23:59:59.999999-12:00", "9999-12-31"):
        assert listed(reader, [("at.lte", edge)])[0] == [IDS[0]]
    for edge in ("0001-01-01T00:00:00+12:00", "0001-01-01"):
        assert listed(reader, [("at.gte", edge)])[0] == [IDS[0]]


def test_a_cursor_fits_only_its_own_list(pool: ConnectionPool) -> None:
    fill(pool, [SampleRow(id=id, text="x", count=1) for id in IDS[:5]])
    reader = RowReader(pool, SHANGHAI)
    asked = [("text", "x"), ("sort", "count")]
    cursor = reader.page(SampleRow, SCOPE, NOW, reader.wish(SampleRow, asked, limit=2)).next
    assert cursor is not None
    others = ([("text", "x")], [("sort", "count")], [("text", "x"), ("sort", "-count")])
    for parameters in others:
        refuse(reader, parameters, cursor)
    tampered = [cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in (0, 30)]
    for bad in (*tampered, "", "x", "é", "=" * 8, cursor[:-4], cursor * 500):
        refuse(reader, asked, bad)
    wish = reader.wish(SampleRow, asked, limit=2, cursor=cursor, moment="2017-03-01@")
    with pytest.raises(Invalid):
        reader.page(SampleRow, SCOPE, NOW, wish)


def refuse(reader: RowReader, parameters: list[tuple[str, str]], cursor: str) -> None:
    wish = reader.wish(SampleRow, parameters, limit=2, cursor=cursor)
    with pytest.raises(Invalid) as refused:
        reader.page(SampleRow, SCOPE, NOW, wish)
    assert [e.field for e in refused.value.errors] == ["cursor"]


def test_a_row_is_found_by_what_another_system_calls_it(pool: ConnectionPool) -> None:
    known = ExternalId(system="sap", id="4711' OR ''='")
    fill(pool, [SampleRow(id=IDS[0], external=known), SampleRow(id=IDS[1])])
    reader = RowReader(pool, SHANGHAI)
    found = reader.by_external(SampleRow, SCOPE, NOW, known.system, known.id)
    assert found is not None
    assert found.id == IDS[0]
    assert reader.by_external(SampleRow, SCOPE, NOW, "sap", "4711") is None


def test_only_what_the_scope_shows_is_read(pool: ConnectionPool) -> None:
    """The builder asks the scope wherever it reads: here, one that shows no row with a text."""

    class Narrow(Scope):
        def visible(self, row: type[Row], alias: sql.Identifier) -> sql.Composable | None:
            return sql.SQL("{}.text IS NULL").format(alias)

    fill(pool, [SampleRow(id=IDS[0], text="secret"), SampleRow(id=IDS[1])])
    reader, narrow = RowReader(pool, SHANGHAI), Narrow(UUID(int=2))
    page = reader.page(SampleRow, narrow, NOW, reader.wish(SampleRow, [], count=True))
    assert ([row.id for row in page.rows], page.count) == ([IDS[1]], 1)
    assert reader.one(SampleRow, narrow, IDS[0]) is None
    assert not reader.sees(SampleRow, narrow, IDS[0])
    assert reader.sees(SampleRow, SCOPE, IDS[0])
