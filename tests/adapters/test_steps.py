"""Steps: what is told of a page is what the whole fold tells, and little is read for it."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from adapters import registry
from adapters.mapper import Mapper
from adapters.postgres.reads import lives
from adapters.postgres.reads.asof import EVERYTHING, NOW, Moment, Occurred, Recorded
from adapters.records import Records, Step
from adapters.steps import Steps
from aggregates.events import Event
from commands.ports import StoredEvent
from projections.base import Projection
from tests.adapters.serving import Served, serving
from tests.adapters.test_timeline import customer, opportunity, run, some_day

registry.load()
OPPORTUNITIES = Projection.registry["opportunities"]


@pytest.fixture
def parts(database_url: str) -> Iterator[Served]:
    with Served(database_url) as served:
        yield served


def lived(parts: Served, draw: random.Random) -> list[UUID]:
    """Opportunities to which things happened late, and several at the same instant."""
    acme = customer(parts, "样例有限公司", some_day(draw))
    deals = [opportunity(parts, acme, some_day(draw)) for _ in range(3)]
    days = [some_day(draw) for _ in range(9)]
    for n in range(90):
        at = draw.choice(days) if draw.random() < 0.8 else None
        run(parts, "opportunities/change-details", draw.choice(deals), at, summary=f"第{n}稿")
    return deals


def whole(records: Records, deals: Sequence[UUID], moment: Moment) -> dict[UUID, list[Step]]:
    return {id: list(records.steps(OPPORTUNITIES, id, moment)) for id in deals}


def said(step: Step) -> tuple[Any, ...]:
    event, *rows = step
    known = [None if r is None else {n: getattr(r, n) for n in type(r).fields} for r in rows]
    return event.envelope.position, *known


@pytest.mark.parametrize("reach", [0, 2, 32])
def test_some_steps_are_those_of_the_whole(
    parts: Served, reach: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lives, "REACH", reach)
    draw = random.Random(reach)
    deals = lived(parts, draw)
    head = parts.caught_up()
    steps = Steps(parts.log, parts.records, parts.rows)
    instant = datetime(2017, 6, 1, tzinfo=UTC)
    for moment in (
        NOW,
        EVERYTHING,
        Recorded(head // 2),
        Occurred(instant),
        Occurred(some_day(draw)),
    ):
        known = whole(parts.records, deals, moment)
        every = {s[0].envelope.position: s for told in known.values() for s in told}
        for _ in range(8):
            wanted = draw.sample(sorted(every), min(7, len(every)))
            of = {every[p][0].envelope.stream_id: OPPORTUNITIES for p in wanted}
            found = steps.at(of, wanted, moment)
            assert [said(found[p]) for p in wanted] == [said(every[p]) for p in wanted]
        for id, told in known.items():
            positions = [s[0].envelope.position for s in told]
            behind = draw.choice(positions) if positions else None
            page = lives.page(parts.rows, "Opportunity", id, moment, behind, 5)
            begin = positions.index(behind) + 1 if behind else 0
            assert page == positions[begin : begin + 5]


def test_the_life_of_a_record_that_began_late_is_told_too(parts: Served) -> None:
    """What happened before the record is known to have begun has no row before that."""
    acme = customer(parts, "样例有限公司")
    id = opportunity(parts, acme, datetime(2020, 5, 1, tzinfo=UTC))
    early = datetime(2020, 1, 1, tzinfo=UTC)
    run(parts, "opportunities/change-details", id, early, summary="早")
    parts.caught_up()
    steps = Steps(parts.log, parts.records, parts.rows)
    for moment in (NOW, Occurred(early + timedelta(days=1)), EVERYTHING):
        known = list(parts.records.steps(OPPORTUNITIES, id, moment))
        for step in known:
            at = step[0].envelope.position
            assert said(steps.at({id: OPPORTUNITIES}, [at], moment)[at]) == said(step)


LONG = 3_000
_MANY = """
    INSERT INTO backstory.events (position, recorded_at, occurred_at, stream_id, version,
        schema_version, command_id, actor, correlation_id, customer_id, kind, topic, origin, leaf,
        payload)
    SELECT (SELECT max(position) FROM backstory.events) + n, clock_timestamp(),
        clock_timestamp() - %(n)s * interval '1 hour' + n * interval '1 minute', e.stream_id, 1 + n,
        1, gen_random_uuid(), e.actor, gen_random_uuid(), e.customer_id, 'Customer',
        'Customer.DetailsChanged', 'api', e.leaf,
        convert_to('{"region": "第' || n || '区"}', 'UTF8')
    FROM backstory.events e, generate_series(1, %(n)s) n WHERE e.stream_id = %(id)s AND version = 1
"""


def test_a_page_of_a_long_life_reads_little(parts: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    id = customer(parts, "长期有限公司", datetime(2015, 1, 1, tzinfo=UTC))
    parts.published()
    with psycopg.connect(str(parts.pool.conninfo), autocommit=True) as connection:
        connection.execute(_MANY, {"n": LONG, "id": id})
        connection.execute(
            "SELECT setval('backstory.positions', (SELECT max(position) FROM backstory.events))"
        )
    run(parts, "customers/tag", id, tags=("重点",))
    assert parts.wait_until("customers", parts.published(), 60)
    decoded = 0
    read_all = Mapper.read_all

    def counting(mapper: Mapper, stored: Sequence[StoredEvent]) -> list[Event]:
        nonlocal decoded
        decoded += len(stored)
        return read_all(mapper, stored)

    monkeypatch.setattr(Mapper, "read_all", counting)
    with serving(parts) as client:
        for path, query in PAGES:
            decoded = 0
            items = pages(client, f"/v1/customers/{id}/{path}", query)
            assert decoded < 3 * (20 + lives.REACH), (path, query)
            regions = [i["changes"]["region"] for i in items if "region" in i["changes"]]
            assert len(regions) > 35
            for was, now in regions:
                n = int(now[1:-1])
                assert was == (f"第{n - 1}区" if n > 1 else None)


PAGES: list[tuple[str, dict[str, Any]]] = [
    ("history", {}),
    ("history", {"clock": "occurred"}),
    ("timeline", {}),
    ("timeline", {"clock": "recorded"}),
    ("timeline", {"event": "Customer.DetailsChanged"}),
]


def pages(client: httpx.Client, path: str, query: dict[str, Any]) -> list[Any]:
    """Two pages."""
    first = client.get(path, params={"limit": 20} | query).json()
    second = client.get(path, params={"limit": 20, "cursor": first["next"]} | query).json()
    return [*first["items"], *second["items"]]
