"""Lives: which events of a record come after which, and its rows then, without reading all of it.

Events are told with the row before and after them. The view has the row after every event that it
has folded; what is asked for here is where to begin, so that a few events are enough whatever the
length of the life.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from psycopg import sql

from adapters.postgres.reads.asof import Moment, Occurred, Recorded
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.relations import Bindings, history, written
from adapters.postgres.views.columns import to_row
from adapters.postgres.views.tables import View
from projections.base import Projection, Row

REACH = 32
"""So many events before one are looked at for a row that the view has. It has none after an event
that happened at the same instant as the next, nor after those that it has not folded yet."""
_ORDER = {True: "version", False: "version > 1, occurred_at, position"}
"""Of a life: its creation first, whatever its date."""
_BELONGS = """
    SELECT FROM backstory.events AS event
    WHERE position = {position} AND stream_id = {id} AND kind = {kind} AND {until}
"""
_RECORDED = """
    SELECT position FROM backstory.events AS event
    WHERE stream_id = {id} AND kind = {kind} AND {until} AND version >
        coalesce((SELECT version FROM backstory.events AS last WHERE last.position = {behind}), 0)
    ORDER BY version LIMIT {limit}
"""
_OCCURRED = """
    WITH life AS MATERIALIZED (
        SELECT position, row_number() OVER (ORDER BY {order}) AS number
        FROM backstory.events AS event WHERE stream_id = {id} AND kind = {kind} AND {until})
    SELECT position FROM life
    WHERE number > coalesce((SELECT number FROM life WHERE position = {behind}), 0)
    ORDER BY number LIMIT {limit}
"""
_AROUND = {
    True: """
        SELECT DISTINCT event.stream_id, event.version, event.position
        FROM backstory.events AS told JOIN backstory.events AS event
            ON event.stream_id = told.stream_id
            AND event.version BETWEEN told.version - {reach} AND told.version
        WHERE told.position = ANY ({told}) AND told.stream_id = ANY ({ids})
        ORDER BY event.stream_id, event.version
    """,
    False: """
        SELECT stream_id, number, position FROM (
            SELECT stream_id, position, row_number() OVER life AS number,
                bool_or(position = ANY ({told}))
                OVER (life ROWS BETWEEN CURRENT ROW AND {reach} FOLLOWING) AS is_near
            FROM backstory.events AS event WHERE stream_id = ANY ({ids}) AND {until}
            WINDOW life AS (PARTITION BY stream_id ORDER BY {order})) AS lives
        WHERE is_near ORDER BY stream_id, number
    """,
}
_HELD = """
    SELECT DISTINCT asked.position FROM unnest({ids}, {positions}) AS asked (id, position)
    JOIN {versions} AS held ON held.id = asked.id AND at_position = asked.position AND {counts}
    WHERE EXISTS (SELECT FROM backstory.tracking WHERE projection = {view} AND fingerprint = {made})
"""
_ROWS = """
    SELECT DISTINCT ON (asked.position) asked.position, gone, {columns}
    FROM unnest({ids}, {positions}) AS asked (id, position)
    JOIN {versions} AS held ON held.id = asked.id AND at_position = asked.position AND {counts}
"""


class Place(NamedTuple):
    """Where an event stands in the life of its record."""

    number: int
    """From 1, in the order of the clock."""
    position: int


Asked = tuple[UUID, int]
"""A record, and the position of the event after which its row is asked for."""


def belongs(reader: RowReader, kind: str, id: UUID, position: int, moment: Moment) -> bool:
    """Whether the event at the position is one of the record's that count at the moment."""
    bindings = Bindings()
    statement = sql.SQL(_BELONGS).format(
        position=bindings.bind(position, "bigint"),
        kind=bindings.bind(kind, "text"),
        id=bindings.bind(id, "uuid"),
        until=until(moment, bindings),
    )
    return bool(reader.fetch(statement, bindings))


def page(
    reader: RowReader, kind: str, id: UUID, moment: Moment, behind: int | None, limit: int
) -> list[int]:
    """Positions of the record's next events behind one, in the order of the moment's clock."""
    bindings, is_recorded = Bindings(), isinstance(moment, Recorded)
    statement = sql.SQL(_RECORDED if is_recorded else _OCCURRED).format(
        kind=bindings.bind(kind, "text"),
        id=bindings.bind(id, "uuid"),
        until=until(moment, bindings),
        order=sql.SQL(_ORDER[is_recorded]),
        behind=bindings.bind(behind, "bigint"),
        limit=bindings.bind(limit, "bigint"),
    )
    return [position for (position,) in reader.fetch(statement, bindings)]


def around(
    reader: RowReader, ids: Iterable[UUID], told: Sequence[int], moment: Moment
) -> Mapping[UUID, list[Place]]:
    """By record, in order, the events at these positions and up to REACH before each."""
    bindings, is_recorded = Bindings(), isinstance(moment, Recorded)
    statement = sql.SQL(_AROUND[is_recorded]).format(
        told=bindings.bind(list(told), "bigint[]"),
        ids=bindings.bind(list(ids), "uuid[]"),
        reach=sql.Literal(REACH),
        until=until(moment, bindings),
        order=sql.SQL(_ORDER[is_recorded]),
    )
    found: dict[UUID, list[Place]] = defaultdict(list)
    for id, number, position in reader.fetch(statement, bindings):
        found[id].append(Place(number, position))
    return found


def held(
    reader: RowReader, projection: Projection[Row], asked: Iterable[Asked], moment: Moment
) -> set[int]:
    """Positions of those among these events after which the view has a row of this release."""
    bindings, view = Bindings(), View(projection)
    statement = sql.SQL(_HELD).format(
        view=bindings.bind(view.key, "text"),
        made=bindings.bind(view.fingerprint, "text"),
        **_versions(projection, asked, moment, bindings),
    )
    return {position for (position,) in reader.fetch(statement, bindings)}


def rows(
    reader: RowReader, projection: Projection[Row], asked: Iterable[Asked], moment: Moment
) -> Mapping[int, Row | None]:
    """Position → the row after the event there, None where there was none any more."""
    bindings, row = Bindings(), projection.row
    columns = sql.SQL(", ").join(sql.SQL(f"held.{column}") for column in written(row))
    statement = sql.SQL(_ROWS).format(
        columns=columns, **_versions(projection, asked, moment, bindings)
    )
    return {
        position: None if gone else to_row(row, values)
        for position, gone, *values in reader.fetch(statement, bindings)
    }


def _versions(
    projection: Projection[Row], asked: Iterable[Asked], moment: Moment, bindings: Bindings
) -> dict[str, sql.Composable]:
    asked = list(asked)
    axis = 1 if isinstance(moment, Recorded) else 2
    counts: sql.Composable = sql.SQL(f"axis IN (0, {axis})")
    if isinstance(moment, Occurred):
        # What is dated before its record began counts from that beginning on.
        counts += sql.SQL(" AND held.occurred_at <= ") + bindings.bind(
            moment.instant, "timestamptz"
        )
    return {
        "ids": bindings.bind([id for id, _ in asked], "uuid[]"),
        "positions": bindings.bind([position for _, position in asked], "bigint[]"),
        "versions": history(projection.row),
        "counts": counts,
    }


def until(moment: Moment, bindings: Bindings) -> sql.Composable:
    """The condition on ``event`` that it counts at the moment."""
    match moment:
        case Recorded(position):
            return sql.SQL("event.position <= ") + bindings.bind(position, "bigint")
        case Occurred(instant):
            return sql.SQL("event.occurred_at <= ") + bindings.bind(instant, "timestamptz")
    return sql.SQL("true")
