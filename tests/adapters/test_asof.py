"""As of any moment, on either clock, lists say what the folds of single records say."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from adapters.postgres.reads.asof import EVERYTHING, NOW, Moment, Occurred, Recorded, moment
from adapters.postgres.reads.reader import RowReader
from aggregates.errors import Invalid, NotFound
from aggregates.values import Money
from commands.base import COMMANDS
from projections.base import Projection, Row
from queries.pipeline import PipelineByStage
from tests.adapters.serving import SCOPE, SHANGHAI, Served

YEAR = datetime(2017, 1, 1, tzinfo=UTC)
CONTACT = {"name": "王芳", "phone": "+86 21 6288 1234"}


@pytest.fixture
def parts(database_url: str) -> Iterator[Served]:
    with Served(database_url) as parts:
        yield parts


def run(parts: Served, command: str, id: UUID | None, at: datetime, /, **fields: Any) -> UUID:
    """As an import would: only those enter steps out of their order."""
    return parts.do(COMMANDS[command].model_validate(fields), id, at=at, origin="import").id


def a_year(parts: Served, seed: int) -> list[UUID]:
    """A year of opportunities, entered in the order in which somebody found the notes."""
    draw = random.Random(seed)
    fields = {"industry": "other", "source": "other", "primary_contact": CONTACT}
    name = f"样例{seed}有限公司"
    customer = run(parts, "customers/register", None, YEAR, name=name, **fields)
    ids = []
    for number in range(8):
        opened = {"title": f"第{number}个", "customer_id": customer, "amount": money(draw)}
        ids.append(run(parts, "opportunities/open", None, some_day(draw), **opened))
    for _ in range(60):
        id, at = draw.choice(ids), some_day(draw)
        match draw.randrange(4):
            case 0:
                run(parts, "opportunities/change-amount", id, at, amount=money(draw))
            case 1:
                stage = draw.choice(["lead", "first_contact", "proposal", "negotiating"])
                run(parts, "opportunities/advance", id, at, stage=stage)
            case 2:
                day = (at + timedelta(days=90)).date()
                run(parts, "opportunities/reschedule", id, at, expected_close_on=day)
            case 3:
                run(parts, "opportunities/change-details", id, at, summary=f"第{at.day}天")
    for id in ids[:3]:
        run(parts, "opportunities/win", id, some_day(draw), won_on=date(2017, 6, 1))
    return ids


def some_day(draw: random.Random) -> datetime:
    """Few enough that some are equal."""
    return YEAR + timedelta(days=draw.randrange(0, 365, 5))


def money(draw: random.Random) -> Money:
    currency = draw.choice(["CNY", "CNY", "USD"])
    return Money(amount=Decimal(draw.randrange(1, 10_000)), currency=currency)


def listed(parts: Served, table: str, at: Moment) -> dict[UUID, Row]:
    row = Projection.registry[table].row
    reader = RowReader(parts.pool, SHANGHAI)
    page = reader.page(row, SCOPE, at, reader.wish(row, [], limit=1000))
    assert page.next is None
    return {found.id: found for found in page.rows}


def folded(parts: Served, table: str, ids: list[UUID], at: Moment) -> dict[UUID, Row]:
    found = {}
    for id in ids:
        try:
            found[id] = parts.records.at(Projection.registry[table], id, at)
        except NotFound:
            continue
    return found


def same(left: dict[UUID, Row], right: dict[UUID, Row]) -> None:
    assert left.keys() == right.keys()
    for id, row in left.items():
        assert row == right[id]


@pytest.mark.parametrize("seed", range(3))
def test_lists_equal_single_folds_at_every_moment(parts: Served, seed: int) -> None:
    ids = a_year(parts, seed)
    head = parts.caught_up()
    moments: list[Moment] = [NOW, EVERYTHING, Recorded(0)]
    draw = random.Random(seed)
    moments += [Recorded(draw.randrange(1, head + 2)) for _ in range(25)]
    moments += [Occurred(YEAR + timedelta(days=n)) for n in range(-5, 370, 15)]
    moments += [Occurred(YEAR + timedelta(days=5, microseconds=n)) for n in (-1, 0, 1)]
    seen = set()
    for at in moments:
        rows = folded(parts, "opportunities", ids, at)
        seen.add(len(rows))
        same(listed(parts, "opportunities", at), rows)
    assert {0, len(ids)} <= seen, "the moments lie before and after everything"
    assert len(seen) > 3, "and between"


def test_the_pipeline_as_of_a_moment_is_summed_from_the_folds(parts: Served) -> None:
    ids = a_year(parts, 7)
    parts.caught_up()
    reader = RowReader(parts.pool, SHANGHAI)
    for days in range(0, 365, 30):
        at = Occurred(YEAR + timedelta(days=days))
        expected: dict[tuple[str, str], tuple[int, Decimal]] = {}
        for row in folded(parts, "opportunities", ids, at).values():
            fields = vars(row)
            key = (fields["stage"], fields["amount"].currency)
            count, total = expected.get(key, (0, Decimal()))
            expected[key] = (count + 1, total + fields["amount"].amount)
        lines = reader.answer(PipelineByStage(), SCOPE, at)
        found = {
            (line.stage, line.amount.currency): (line.opportunities, line.amount.amount)
            for line in lines
            if line.amount is not None
        }
        assert found == expected


class Heads:
    """Positions by instants, one each hour of 2017."""

    def head_at(self, instant: datetime) -> int:
        return max(0, int((instant - YEAR).total_seconds() // 3600))


def asked(
    as_of: str | None, clock: str | None = None, zone: ZoneInfo = SHANGHAI, **default: Any
) -> Moment:
    return moment(
        as_of, clock, default=default.get("default", "occurred"), zone=zone, heads=Heads()
    )


MOMENTS: dict[tuple[str | None, str | None], Moment] = {
    (None, None): NOW,
    (None, "occurred"): NOW,
    (None, "recorded"): EVERYTHING,
    ("7", None): Recorded(7),
    ("7", "recorded"): Recorded(7),
    ("20170102", None): Recorded(20_170_102),
    ("2017-01-02", None): Occurred(datetime(2017, 1, 2, 15, 59, 59, 999_999, tzinfo=UTC)),
    ("2017-01-02", "recorded"): Recorded(24 + 15),
    ("2017-01-02T03:00:00Z", None): Occurred(datetime(2017, 1, 2, 3, tzinfo=UTC)),
    ("2017-01-02t03:00:00.5z", None): Occurred(datetime(2017, 1, 2, 3, 0, 0, 500_000, tzinfo=UTC)),
    ("2017-01-02T03:00:00+08:00", None): Occurred(datetime(2017, 1, 1, 19, tzinfo=UTC)),
    ("2017-01-02T03:00:00 08:00", None): Occurred(datetime(2017, 1, 1, 19, tzinfo=UTC)),
    ("2017-01-02T03:00:00-05:30", "recorded"): Recorded(24 + 8),
    ("9999-12-31", None): Occurred(datetime.max.replace(tzinfo=UTC)),
    ("0001-01-01T00:00:00+10:00", None): Occurred(datetime.min.replace(tzinfo=UTC)),
}


@pytest.mark.parametrize("query", MOMENTS, ids=str)
def test_a_moment_is_an_instant_a_date_or_a_position(query: tuple[Any, Any]) -> None:
    assert asked(*query) == MOMENTS[query]


@pytest.mark.parametrize(
    ("as_of", "clock"),
    [
        ("", None),
        ("now", None),
        ("-1", None),
        ("1.5", None),
        ("9223372036854775808", None),
        ("٣", None),
        ("2017-02-30", None),
        ("2017-1-2", None),
        ("2017-01-02T03:00:00", None),
        ("2017-01-02T25:00:00Z", None),
        ("2017-01-02T03:00:00+99:00", None),
        ("2017-01-02\n", None),
        ("5", "occurred"),
        ("5", "lamport"),
        (None, "lamport"),
    ],
)
def test_what_is_no_moment_is_refused_by_name(as_of: str | None, clock: str | None) -> None:
    with pytest.raises(Invalid) as refused:
        asked(as_of, clock)
    assert {e.field for e in refused.value.errors} <= {"as_of", "clock"}


def test_a_day_ends_where_the_clocks_of_its_zone_say() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    longest = asked("2017-10-29", zone=berlin)
    assert longest == Occurred(datetime(2017, 10, 29, 22, 59, 59, 999_999, tzinfo=UTC))
    assert asked("2017-10-28", zone=berlin) == Occurred(
        datetime(2017, 10, 28, 21, 59, 59, 999_999, tzinfo=UTC)
    )
