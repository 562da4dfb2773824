"""Families: a record, and every record whose chain of merges leads to it at a moment."""

from typing import Any

from psycopg import sql

from adapters.postgres.reads.asof import Moment, Now
from adapters.postgres.reads.relations import Bindings, history, table, version
from adapters.postgres.views.references import MERGED
from projections.base import Row


def family(row: type[Row], ids: list[Any], moment: Moment, bindings: Bindings) -> sql.Composable:
    """An array of the ids of records and of all that were merged into them, directly or not.

    It is an array, and not a select, so that the planner sees few ids and takes an index.
    """
    return sql.SQL(
        "ARRAY(WITH RECURSIVE family (id) AS (SELECT unnest({}) UNION SELECT merged.id"
        " FROM family CROSS JOIN LATERAL {} AS merged) SELECT id FROM family)"
    ).format(bindings.bind(ids, "uuid[]"), _merged(row, moment, bindings))


def _merged(row: type[Row], moment: Moment, bindings: Bindings) -> sql.Composable:
    """A lateral subselect of the ids of those that were merged straight into ``family.id``."""
    merged = sql.Identifier(MERGED)
    find = sql.SQL("SELECT id FROM {} AS one WHERE one.{m} = family.id AND one.{m} IS NOT NULL")
    if isinstance(moment, Now):
        return sql.SQL("({})").format(find.format(table(row), m=merged))
    then = sql.SQL(
        "(SELECT was.id FROM ({}) AS ever CROSS JOIN LATERAL {} AS was WHERE was.{} = family.id)"
    )
    return then.format(
        find.format(history(row), m=merged),
        version(row, moment, bindings, sql.SQL("ever.id")),
        merged,
    )
