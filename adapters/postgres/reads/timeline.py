"""The timeline: every event of a family of records and of all that belongs to it, newest first.

To a customer's timeline belongs

- what was recorded under it, or under one that was merged into it (``customer_id`` of the event);
- the event by which a record left it for another;
- the whole life of what belongs to it at the moment that is asked for, also of what came from
  another customer.

The first two come by index straight from the log, the last from the views.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from psycopg import sql

from adapters.postgres.reads.asof import Moment, Now, Recorded
from adapters.postgres.reads.families import family
from adapters.postgres.reads.lives import until
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.relations import Bindings, history, relation, table
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.sections import parts
from adapters.postgres.views.references import naming
from projections.base import Projection, Row

INTERACTIONS = "interactions"
_EVENTS = """
    WITH kin AS MATERIALIZED (SELECT {family} AS ids),
    theirs AS MATERIALIZED (
        SELECT event.position, event.stream_id, event.version FROM backstory.events AS event
        WHERE event.customer_id = ANY ((SELECT ids FROM kin)::uuid[]) AND {until}
    ),
    every (position) AS (
        SELECT position FROM theirs
        UNION
        SELECT event.position FROM theirs
        JOIN backstory.events AS event
            ON event.stream_id = theirs.stream_id AND event.version = theirs.version + 1
        WHERE event.customer_id <> ALL ((SELECT ids FROM kin)::uuid[]) AND {until}
        UNION
        SELECT event.position FROM ({belonging}) AS belonging
        JOIN backstory.events AS event ON event.stream_id = belonging.id
        WHERE {until}
    )
    SELECT event.position, event.stream_id, event.kind
    FROM every JOIN backstory.events AS event ON event.position = every.position
    WHERE {where}
    ORDER BY {order} LIMIT {limit}
"""
_BEHIND = {
    True: "event.position < {}",
    False: "(event.occurred_at, event.position) <"
    " (SELECT e.occurred_at, e.position FROM backstory.events AS e WHERE e.position = {})",
}
_ORDER = {True: "event.position DESC", False: "event.occurred_at DESC, event.position DESC"}
_THEIRS = "{f} = ANY ((SELECT ids FROM kin)::uuid[]) AND {f} IS NOT NULL"
_BY_CHANNEL = (
    "CASE WHEN event.topic = ANY ({}) THEN EXISTS (SELECT FROM {} AS one WHERE one.id ="
    " (convert_from(event.payload, 'UTF8')::jsonb ->> 'interaction_id')::uuid"
    " AND one.channel = ANY ({})) ELSE false END"
)


class Told(NamedTuple):
    """One event on the timeline."""

    position: int
    stream_id: UUID
    kind: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What of a timeline is wanted; empty: everything."""

    kinds: Sequence[str] = ()
    """Stored kinds of the records that events happened to."""
    topics: Sequence[str] = ()
    channels: Sequence[str] = ()
    """Of interactions, as they are known today; nothing else has one."""


def timeline(
    reader: RowReader,
    projection: Projection[Row],
    id: UUID,
    scope: Scope,
    moment: Moment,
    filters: Filters,
    behind: int | None,
    limit: int,
) -> list[Told]:
    """At most so many events, the newest first by the clock of the moment.

    ``behind``: the position of the last event of the page before.
    """
    bindings, is_recorded = Bindings(), isinstance(moment, Recorded)
    where = [*_wanted(filters, bindings), *_seen(scope)]
    if behind is not None:
        where.append(sql.SQL(_BEHIND[is_recorded]).format(bindings.bind(behind, "bigint")))
    statement = sql.SQL(_EVENTS).format(
        family=family(projection.row, [id], moment, bindings),
        until=until(moment, bindings),
        belonging=_belonging(projection, scope, moment, bindings),
        where=sql.SQL(" AND ").join(where) if where else sql.SQL("true"),
        order=sql.SQL(_ORDER[is_recorded]),
        limit=bindings.bind(limit, "bigint"),
    )
    return [Told(*line) for line in reader.fetch(statement, bindings)]


def tables(projection: Projection[Row]) -> list[str]:
    """The views that say what belongs to a record today."""
    return sorted({projection.table, *(row.table for row, _ in _belongings(projection))})


def _belongings(projection: Projection[Row]) -> Iterator[tuple[type[Row], str]]:
    """(row, field) of streams that belong to a record: those that plainly name it."""
    kind = projection.kind
    for part in parts(kind):
        is_plain = part.field == naming(part.row, kind)[0] and part.row is not projection.row
        if is_plain and not Projection.registry[part.row.table].is_of_parts:
            yield part.row, part.field


def _belonging(
    projection: Projection[Row], scope: Scope, moment: Moment, bindings: Bindings
) -> sql.Composable:
    selects: list[sql.Composable] = [sql.SQL("SELECT NULL::uuid AS id")]
    for row, field in _belongings(projection):
        theirs = sql.SQL(_THEIRS).format(f=sql.Identifier(field))
        ever = sql.SQL("SELECT DISTINCT id FROM {} WHERE {}").format(history(row), theirs)
        among = None if isinstance(moment, Now) else ever
        rows = relation(row, scope, moment, bindings, all=True, among=among)
        selects.append(sql.SQL("SELECT id FROM {} AS rows WHERE {}").format(rows, theirs))
    return sql.SQL(" UNION ALL ").join(selects)


def _wanted(filters: Filters, bindings: Bindings) -> Iterator[sql.Composable]:
    for column, values in (("kind", filters.kinds), ("topic", filters.topics)):
        if values:
            among = bindings.bind(list(values), "text[]")
            yield sql.SQL("event.{} = ANY ({})").format(sql.Identifier(column), among)
    if filters.channels:
        interactions = Projection.registry[INTERACTIONS]
        topics = bindings.bind(sorted(interactions.topics), "text[]")
        among = bindings.bind(list(filters.channels), "text[]")
        yield sql.SQL(_BY_CHANNEL).format(topics, table(interactions.row), among)


def _seen(scope: Scope) -> Iterator[sql.Composable]:
    """Of every kind, only records that the asker may see."""
    current = sql.Identifier("current")
    for projection in Projection.registry.values():
        visible = scope.visible(projection.row, current)
        if visible is not None:
            yield sql.SQL(
                "(event.kind <> {} OR EXISTS (SELECT FROM {} AS current"
                " WHERE current.id = event.stream_id AND {}))"
            ).format(sql.Literal(projection.kind), table(projection.row), visible)
