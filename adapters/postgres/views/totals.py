"""Totals: how many rows a view lists for each combination of some fields, and what they are worth.

They change with the rows, in the same transaction, so that a board costs the same however many
rows there are.
"""

import psycopg
from psycopg import sql

from adapters.postgres.views.columns import Column, row_columns, table_columns
from adapters.postgres.views.references import HIDING
from projections.base import Row

AMOUNT, CURRENCY = "amount", "currency"
COUNT, TOTAL = "count", "total"
_ADD = """
    INSERT INTO {totals} AS t ({keys}, count, total)
    SELECT {keys}, {sign} count(*), {sign} {sum} FROM {table}
    WHERE {listed} {among} GROUP BY {keys}
    ON CONFLICT ({keys}) DO UPDATE
    SET count = t.count + excluded.count, total = t.total + excluded.total
"""


def keys(row: type[Row]) -> tuple[Column, ...]:
    """The columns whose combinations are counted: the declared fields, and the currency."""
    chosen = {*row.totals_by, CURRENCY if has_amounts(row) else ""}
    return tuple(c for c in table_columns(row) if c.name in chosen)


def has_amounts(row: type[Row]) -> bool:
    return any(f.field == AMOUNT and f.is_money for f in row_columns(row))


def create(connection: psycopg.Connection, row: type[Row], totals: sql.Identifier) -> None:
    """Make the table, empty."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.type)) for c in keys(row)
    )
    statement = "CREATE TABLE {} ({}, count bigint, total numeric, UNIQUE NULLS NOT DISTINCT ({}))"
    connection.execute(sql.SQL(statement).format(totals, columns, _names(row)))


def add(row: type[Row], table: sql.Identifier, totals: sql.Identifier) -> sql.Composed:
    """The statement that adds the listed rows of a table."""
    return _statement(row, table, totals, sql.SQL("+"), sql.SQL(""))


def of_some(
    row: type[Row], table: sql.Identifier, totals: sql.Identifier
) -> tuple[sql.Composed, sql.Composed]:
    """The statements that take away and that add those rows whose ids they are given."""
    among = sql.SQL("AND id = ANY (%s)")
    minus, plus = (_statement(row, table, totals, sql.SQL(s), among) for s in "-+")
    return minus, plus


def _statement(
    row: type[Row],
    table: sql.Identifier,
    totals: sql.Identifier,
    sign: sql.SQL,
    among: sql.SQL,
) -> sql.Composed:
    hiding = (sql.Identifier(name) + sql.SQL(" IS NULL") for name in HIDING if name in row.fields)
    return sql.SQL(_ADD).format(
        totals=totals,
        table=table,
        keys=_names(row),
        sign=sign,
        sum=sql.SQL("coalesce(sum(amount), 0)" if has_amounts(row) else "0"),
        listed=sql.SQL(" AND ").join(hiding),
        among=among,
    )


def _names(row: type[Row]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(c.name) for c in keys(row))
