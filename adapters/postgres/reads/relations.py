"""Relations: a table as somebody may see it at a moment. The one place where reads name tables."""

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from adapters.postgres.reads.asof import Moment, Now, Occurred, Recorded
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views.columns import table_columns
from adapters.postgres.views.references import HIDING, MERGED
from projections.base import Row

SCHEMA = "views"
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
    row: type[Row],
    scope: Scope,
    moment: Moment,
    bindings: Bindings,
    *,
    all: bool = False,
    merged: bool = False,
    among: sql.Composable | None = None,
    only: sql.Composable | None = None,
) -> sql.Composable:
    """A subselect of the rows of a table that the asker may see, as they were at the moment.

    Without ``all`` those are left out that are archived, withdrawn or, unless ``merged``, merged
    into others. Of a merged row, ``merged_into`` is the last in the chain. ``among``: a select of
    ids beyond which nothing of another moment need be looked for. ``only``: columns of ``today``,
    instead of all.
    """
    conditions = [] if all else hiding(row, HIDING[1:] if merged else HIDING)
    if isinstance(moment, Now):
        visible = scope.visible(row, TODAY)
        source = table(row)
        conditions += [] if visible is None else [visible]
    else:
        source = versions(row, moment, bindings, among)
        conditions += visible_today(row, scope)
    where = sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")
    select = sql.SQL("(SELECT {} FROM {} AS today WHERE {})")
    return select.format(only or _columns(row, moment, bindings), source, where)


def hiding(row: type[Row], by: Sequence[str] = HIDING) -> list[sql.Composable]:
    """The conditions by which rows that are out of use are left out."""
    return [
        sql.SQL("today.{} IS NULL").format(sql.Identifier(name))
        for name in by
        if name in row.fields
    ]


def table(row: type[Row]) -> sql.Composable:
    """The current rows, whoever may see them."""
    return sql.Identifier(SCHEMA, row.table)


def history(row: type[Row]) -> sql.Composable:
    """The versions of the rows, whoever may see them."""
    return sql.Identifier(SCHEMA, f"{row.table}_versions")


def versions(
    row: type[Row],
    moment: Recorded | Occurred,
    bindings: Bindings,
    among: sql.Composable | None = None,
) -> sql.Composable:
    """Per id, of all or ``among`` a select of some, the version that counts at the moment."""
    if among is not None:
        found = sql.SQL(
            "(SELECT latest.* FROM ({}) AS wanted (id) CROSS JOIN LATERAL {} AS latest)"
        )
        return found.format(among, version(row, moment, bindings, sql.SQL("wanted.id")))
    until, order = _until(moment, bindings)
    found = sql.SQL(
        "(SELECT * FROM (SELECT DISTINCT ON (id) * FROM {} WHERE {} ORDER BY id, {}) AS latest"
        " WHERE NOT gone)"
    )
    return found.format(history(row), until, order)


def version(
    row: type[Row], moment: Moment, bindings: Bindings, id: sql.Composable
) -> sql.Composable:
    """A lateral subselect of one record as it was at the moment; empty where it was not there."""
    if isinstance(moment, Now):
        return sql.SQL("(SELECT * FROM {} AS one WHERE one.id = {})").format(table(row), id)
    until, order = _until(moment, bindings)
    found = sql.SQL(
        "(SELECT * FROM (SELECT * FROM {} AS one WHERE one.id = {} AND {} ORDER BY {} LIMIT 1)"
        " AS newest WHERE NOT gone)"
    )
    return found.format(history(row), id, until, order)


def _until(
    moment: Recorded | Occurred, bindings: Bindings
) -> tuple[sql.Composable, sql.Composable]:
    """Which versions count at the moment, and the order in which the first is the one that does.

    Versions on axis 0 count on both clocks, on axis 1 on the recorded, on axis 2 on the occurred.
    """
    if isinstance(moment, Recorded):
        limit = bindings.bind(moment.position, "bigint")
        return sql.SQL("axis IN (0, 1) AND at_position <= ") + limit, sql.SQL("at_position DESC")
    limit = bindings.bind(moment.instant, "timestamptz")
    order = sql.SQL("occurred_at DESC, at_position DESC")
    return sql.SQL("axis IN (0, 2) AND occurred_at <= ") + limit, order


_written: dict[tuple[type[Row], bool], tuple[str, ...]] = {}


def written(row: type[Row], *, hidden: bool = False) -> tuple[str, ...]:
    """Every column of a row's table, in order, quoted; ``hidden``: also those that nobody sees.

    Written once: a read has many of them.
    """
    if (row, hidden) not in _written:
        columns = table_columns(row, hidden=hidden)
        _written[row, hidden] = tuple(sql.Identifier(c.name).as_string(None) for c in columns)
    return _written[row, hidden]


def _columns(row: type[Row], moment: Moment, bindings: Bindings) -> sql.Composable:
    plain = ", ".join(f"today.{c}" for c in written(row, hidden=True) if c != f'"{MERGED}"')
    if MERGED not in row.fields:
        return sql.SQL(plain)
    return sql.SQL(plain + ", ") + _survivor(row, moment, bindings)


def _survivor(row: type[Row], moment: Moment, bindings: Bindings) -> sql.Composable:
    """What a merged row has come to: the last in its chain, where the chain has an end."""
    next = version(row, moment, bindings, sql.SQL("chain.merged_into"))
    return sql.SQL(
        "CASE WHEN today.merged_into IS NOT NULL THEN (WITH RECURSIVE chain (id, merged_into) AS ("
        "SELECT today.id, today.merged_into UNION SELECT next.id, next.merged_into"
        " FROM chain CROSS JOIN LATERAL {} AS next)"
        " SELECT coalesce((SELECT id FROM chain WHERE merged_into IS NULL), today.merged_into))"
        " END AS merged_into"
    ).format(next)


def visible_today(row: type[Row], scope: Scope) -> list[sql.Composable]:
    """The conditions on ``today.id`` by which the asker sees a record of any moment."""
    current = sql.Identifier("current")
    visible = scope.visible(row, current)
    if visible is None:
        return []
    exists = sql.SQL("EXISTS (SELECT FROM {} AS current WHERE current.id = today.id AND {})")
    return [exists.format(table(row), visible)]
