"""Titles: what records were called at moments, many records and moments at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql

from adapters.postgres.reads.asof import Occurred, Recorded
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.relations import Bindings, history, visible_today
from adapters.postgres.reads.scope import Scope
from projections.base import Row

Then = Recorded | Occurred
Asked = tuple[UUID, Then]
"""A record, and the moment at which its title is wanted."""

_TITLES = """
    SELECT today.n, called.title
    FROM unnest({ids}, {moments}) WITH ORDINALITY AS today (id, moment, n)
    CROSS JOIN LATERAL (
        SELECT title FROM (
            (SELECT 1 AS choice, {title} AS title FROM {versions} AS one
             WHERE one.id = today.id AND axis IN (0, {axis}) AND NOT gone
                AND {clock} <= today.moment
             ORDER BY {clock} DESC, at_position DESC LIMIT 1)
            UNION ALL
            (SELECT 2, {title} FROM {versions} AS one
             WHERE one.id = today.id AND axis IN (0, {axis}) AND NOT gone
             ORDER BY {clock}, at_position LIMIT 1)
        ) AS choices ORDER BY choice LIMIT 1
    ) AS called
    WHERE {visible}
"""


@dataclass(frozen=True, slots=True)
class _Clock:
    """How one kind of moment is compared with versions."""

    column: str
    type: str
    axis: int


_RECORDED, _OCCURRED = _Clock("at_position", "bigint", 1), _Clock("occurred_at", "timestamptz", 2)


def titles(
    reader: RowReader, row: type[Row], fields: Sequence[str], scope: Scope, asked: Sequence[Asked]
) -> dict[Asked, str | None]:
    """What each record was called then, or where it was not there yet, at first.

    The title is the first of the fields that says something. Absent: what the asker may not see,
    and what the view does not hold.
    """
    found: dict[Asked, str | None] = {}
    for clock, of_clock in ((_RECORDED, Recorded), (_OCCURRED, Occurred)):
        wanted = [one for one in asked if isinstance(one[1], of_clock)]
        if wanted:
            found |= _titles(reader, row, fields, scope, wanted, clock)
    return found


def _titles(
    reader: RowReader,
    row: type[Row],
    fields: Sequence[str],
    scope: Scope,
    asked: Sequence[Asked],
    clock: _Clock,
) -> Iterator[tuple[Asked, str | None]]:
    bindings = Bindings()
    visible = visible_today(row, scope) or [sql.SQL("true")]
    said = (sql.SQL("nullif({}, '')").format(sql.Identifier(field)) for field in fields)
    statement = sql.SQL(_TITLES).format(
        ids=bindings.bind([id for id, _ in asked], "uuid[]"),
        moments=bindings.bind([_bound(then) for _, then in asked], f"{clock.type}[]"),
        title=sql.SQL("coalesce({})").format(sql.SQL(", ").join(said)),
        versions=history(row),
        axis=sql.Literal(clock.axis),
        clock=sql.Identifier(clock.column),
        visible=sql.SQL(" AND ").join(visible),
    )
    for number, title in reader.fetch(statement, bindings):
        yield asked[number - 1], title


def _bound(then: Then) -> Any:
    return then.position if isinstance(then, Recorded) else then.instant
