"""Relations: a table as somebody may see it at a moment. The one place where reads name tables."""

from typing import Any

from psycopg import sql

from adapters.postgres.reads.asof import Moment, Now, Occurred, Recorded
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views.columns import table_columns
from projections.base import Row

SCHEMA = "views"
HIDING = ("merged_into", "archived_at", "withdrawn_at")
"""Columns which, once set, take a row out of lists."""
TODAY = sql.Identifier("today")


class Bindings:
    """Values that a statement binds; none is ever written into its text."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def bind(self, value: Any, type: str) -> sql.Composable:
        """A placeholder for the value, typed."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return sql.SQL("{}::{}").format(sql.Placeholder(name), sql.SQL(type))


def relation(
    row: type[Row], scope: Scope, moment: Moment, bindings: Bindings, *, all: bool = False
) -> sql.Composable:
    """A subselect of the rows of a table that the asker may see, as they were at the moment.

    Without ``all`` those are left out that are archived, merged into others or withdrawn.
    """
    conditions = [] if all else hiding(row)
    if isinstance(moment, Now):
        visible = scope.visible(row, TODAY)
        conditions += [] if visible is None else [visible]
        return _select(row, _table(row), conditions)
    conditions += _visible_today(row, scope)
    return _select(row, _versions(row, moment, bindings), conditions)


def hiding(row: type[Row]) -> list[sql.Composable]:
    """The conditions by which rows that are out of use are left out."""
    return [
        sql.SQL("today.{} IS NULL").format(sql.Identifier(name))
        for name in HIDING
        if name in row.fields
    ]


def columns(row: type[Row]) -> sql.Composable:
    """Every column of a row's table, in order."""
    names = (sql.SQL("today.") + sql.Identifier(c.name) for c in table_columns(row))
    return sql.SQL(", ").join(names)


def _table(row: type[Row]) -> sql.Composable:
    return sql.Identifier(SCHEMA, row.table)


def _select(
    row: type[Row], source: sql.Composable, conditions: list[sql.Composable]
) -> sql.Composable:
    where = sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")
    return sql.SQL("(SELECT {} FROM {} AS today WHERE {})").format(columns(row), source, where)


def _visible_today(row: type[Row], scope: Scope) -> list[sql.Composable]:
    current = sql.Identifier("current")
    visible = scope.visible(row, current)
    if visible is None:
        return []
    exists = sql.SQL("EXISTS (SELECT FROM {} AS current WHERE current.id = today.id AND {})")
    return [exists.format(_table(row), visible)]


def _versions(row: type[Row], moment: Recorded | Occurred, bindings: Bindings) -> sql.Composable:
    """Per id the version that counts, unless the record was gone by then.

    Versions on axis 0 count on both clocks, on axis 1 on the recorded, on axis 2 on the occurred.
    """
    if isinstance(moment, Recorded):
        until = sql.SQL("axis IN (0, 1) AND at_position <= ")
        order = sql.SQL("id, at_position DESC")
        limit = bindings.bind(moment.position, "bigint")
    else:
        until = sql.SQL("axis IN (0, 2) AND occurred_at <= ")
        order = sql.SQL("id, occurred_at DESC, at_position DESC")
        limit = bindings.bind(moment.instant, "timestamptz")
    versions = sql.Identifier(SCHEMA, f"{row.table}_versions")
    return sql.SQL(
        "(SELECT * FROM (SELECT DISTINCT ON (id) * FROM {} WHERE {} ORDER BY {}) AS latest"
        " WHERE NOT gone)"
    ).format(versions, until + limit, order)
