"""Totals: the board's sums, kept as rows change, are those of the rows."""

import random
from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

import pytest
from psycopg import sql

from adapters.postgres.reads.asof import EVERYTHING, NOW
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views.rebuild import Rebuilder
from aggregates.values import Money
from projections.base import Projection, Row
from queries.pipeline import PipelineByStage
from tests.adapters.serving import SCOPE, SHANGHAI, Served
from tests.adapters.test_reads import customer, opportunity, run

STEPS = 80


class Own(Scope):
    """Somebody who sees no opportunities but those that they own."""

    def visible(self, row: type[Row], alias: sql.Identifier) -> sql.Composable | None:
        if row.table != "opportunities":
            return None
        return sql.SQL("{}.owner_id = {}").format(alias, sql.Literal(self.user_id))


@pytest.fixture
def parts(database_url: str) -> Iterator[Served]:
    with Served(database_url) as parts:
        yield parts


def a_wild_year(parts: Served, owners: list[UUID]) -> None:
    draw = random.Random(11)
    acme, deals = customer(parts, "上海测试有限公司").id, list[UUID]()
    for _ in range(STEPS):
        if len(deals) < 4 or draw.random() < 0.3:
            amount, currency = str(draw.randrange(9)), draw.choice(["CNY", "USD"])
            deals.append(
                opportunity(parts, acme, amount, currency=currency, owner_id=draw.choice(owners)).id
            )
            continue
        id = draw.choice(deals)
        match draw.randrange(5):
            case 0:
                run(parts, "opportunities/advance", id, stage=draw.choice(["lead", "proposal"]))
            case 1:
                worth = Money(amount=Decimal(draw.randrange(9)), currency="CNY")
                run(parts, "opportunities/change-amount", id, amount=worth)
            case 2:
                run(parts, "opportunities/assign", id, owner_id=draw.choice(owners))
            case 3:
                run(parts, "opportunities/archive", deals.pop(deals.index(id)))
            case 4:
                run(parts, "opportunities/win", deals.pop(deals.index(id)), won_on="2017-06-01")
        if draw.random() < 0.2:
            parts.caught_up()
    parts.caught_up()


def test_the_board_is_the_same_from_kept_totals_as_from_rows(
    parts: Served, database_url: str
) -> None:
    owners = [run(parts, "users/add", login=name, name=name).id for name in ("li", "wang")]
    a_wild_year(parts, owners)
    reader = RowReader(parts.pool, SHANGHAI)
    summed = reader.answer(PipelineByStage(), SCOPE, EVERYTHING)
    assert reader.answer(PipelineByStage(), SCOPE, NOW) == summed
    assert sum(line.opportunities for line in summed) > 10
    for owner in owners:
        mine = reader.answer(PipelineByStage(owner_id=owner), SCOPE, NOW)
        assert mine
        assert reader.answer(PipelineByStage(), Own(owner), NOW) == mine
        assert reader.answer(PipelineByStage(), Own(owner), EVERYTHING) == mine
    Rebuilder(database_url, parts.log, parts.mapper).rebuild(Projection.registry["opportunities"])
    assert reader.answer(PipelineByStage(), SCOPE, NOW) == summed
    assert {type(line.amount.amount) for line in summed if line.amount} == {Decimal}
