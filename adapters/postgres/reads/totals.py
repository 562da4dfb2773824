"""Totals of a table as somebody may see them at a moment: kept ones where they serve."""

from psycopg import sql

from adapters.postgres.reads.asof import Moment, Now
from adapters.postgres.reads.relations import SCHEMA, TODAY, Bindings, relation
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views.totals import has_amounts, keys
from projections.base import Row


def totals(row: type[Row], scope: Scope, moment: Moment, bindings: Bindings) -> sql.Composable:
    """A subselect of a line for each combination of ``Row.totals_by`` and currency: with ``count``,
    and ``total``, the sum of the amounts.

    Kept totals are of all rows of today: of another day, and for who sees only some, rows are
    added up.
    """
    names = sql.SQL(", ").join(sql.Identifier(c.name) for c in keys(row))
    if isinstance(moment, Now) and scope.visible(row, TODAY) is None:
        kept = sql.Identifier(SCHEMA, f"{row.table}_totals")
        return sql.SQL("(SELECT {}, count, total FROM {} WHERE count > 0)").format(names, kept)
    amount = sql.SQL("sum(amount)" if has_amounts(row) else "0::numeric")
    return sql.SQL(
        "(SELECT {names}, count(*) AS count, {amount} AS total"
        " FROM {rows} AS rows GROUP BY {names})"
    ).format(names=names, amount=amount, rows=relation(row, scope, moment, bindings))
