"""Named questions as SQL: relations in place of braces, bound values in place of parameters."""

from string import Formatter
from typing import Any

from psycopg import sql

from adapters.postgres.reads.asof import EVERYTHING, NOW, Moment, Now
from adapters.postgres.reads.families import family
from adapters.postgres.reads.relations import Bindings, relation
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.totals import totals
from adapters.postgres.views.columns import field_columns
from projections.base import Projection
from queries.base import ANY, MOMENT, TOTALS, Query, bound, check, parameters, table_of
from queries.base import NOW as OF_TODAY

COMPARED = {
    "possible_duplicates": sql.Identifier("matching", "pairs"),
    "match_keys": sql.Identifier("matching", "keys"),
}
"""What is known of records that look the same, by their ids."""

_RECORDED_AT = (
    "(SELECT max(recorded_at) FROM (SELECT recorded_at FROM backstory.events"
    " WHERE position <= {} ORDER BY position DESC LIMIT 1) AS last)"
)


def composed(query: Query[Any], scope: Scope, moment: Moment, bindings: Bindings) -> sql.Composed:
    """A query's SQL, about what the asker may see at the moment."""
    text = type(query).statement()
    check(text)
    bindings.values |= {name: getattr(query, name) for name in parameters(text)}
    parts: list[sql.Composable] = []
    for literal, name, parameter, _ in Formatter().parse(bound(text, types(type(query)))):
        parts.append(sql.SQL(literal))
        if name == MOMENT:
            parts.append(instant_of(moment, bindings))
        elif name in COMPARED:
            parts.append(COMPARED[name])
        elif name is not None:
            row = Projection.registry[table_of(name)].row
            at = NOW if name.startswith(OF_TODAY) else moment
            is_any = name.startswith(ANY)
            if name.startswith(TOTALS):
                parts.append(totals(row, scope, at, bindings))
            elif parameter:
                parts.append(family(row, [getattr(query, parameter)], at, bindings))
            else:
                parts.append(relation(row, scope, at, bindings, all=is_any))
    return sql.Composed(parts)


def instant_of(moment: Moment, bindings: Bindings) -> sql.Composable:
    """The instant of a moment; of a position that is named as such, when it was recorded."""
    if isinstance(moment, Now) or moment == EVERYTHING:
        return sql.SQL("clock_timestamp()")
    if moment.instant is not None:
        return bindings.bind(moment.instant, "timestamptz")
    return sql.SQL(_RECORDED_AT).format(bindings.bind(moment.position, "bigint"))


def types(query: type[Query[Any]]) -> dict[str, str]:
    """Parameter → SQL type to which it is bound."""
    fields = query.model_fields.items()
    found = {n: field_columns(n, f.rebuild_annotation()).columns[0].type for n, f in fields}
    return {**found, **query.DERIVED}
