"""Statements: reads of rows as data, each with what its lines come to.

They are built for somebody, as of a moment; the reader runs one, or many in one go.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from psycopg import sql

from adapters.postgres.reads import families
from adapters.postgres.reads.asof import NOW, Moment
from adapters.postgres.reads.conditions import ordered
from adapters.postgres.reads.cursors import Place, cursor, place
from adapters.postgres.reads.filters import Order, Selection, filterable
from adapters.postgres.reads.relations import Bindings, history, relation, written
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views.columns import to_row
from projections.base import Row

T = TypeVar("T", covariant=True)
Lines = list[tuple[Any, ...]]

_POSITION = "SELECT coalesce(min(position), 0) FROM backstory.tracking WHERE projection = ANY ({})"
_FAMILY = "SELECT unnest({})"
_LIST = "SELECT {} FROM {} AS rows WHERE {} ORDER BY {}"
_PAGE = _LIST + " LIMIT {}"
_COUNT = "SELECT count(*) FROM {} AS rows WHERE {}"
_ONE = "SELECT {} FROM {} AS rows WHERE {} ORDER BY withdrawn_at DESC NULLS FIRST, id LIMIT 1"
_KIN = "SELECT {} FROM {} AS rows WHERE id = ANY ({family}) AND id <> {id} ORDER BY id"
_EVER = "SELECT DISTINCT id FROM {} WHERE {}"
_BY_EXTERNAL = "external->>'system' = {} AND external->>'id' = {}"


@dataclass(frozen=True, slots=True)
class Statement(Generic[T]):
    """One statement, what it binds, and what is made of the lines that it answers."""

    text: sql.Composed
    bindings: Bindings
    read: Callable[[Lines], T]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a list."""

    rows: list[Row]
    next: str | None
    """The cursor of the next page; None: this is the last one."""
    count: int | None = None
    """How many rows the whole list has, where asked for."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a list is asked for. ``asked`` stands for all that a cursor must agree with."""

    selection: Selection
    asked: bytes
    limit: int = 50
    cursor: str | None = None
    count: bool = False


def page(row: type[Row], scope: Scope, moment: Moment, wish: Wish) -> Statement[Page]:
    """One page of a list. Raises Invalid where the cursor does not fit."""
    order, bindings = wish.selection.order, Bindings()
    rows = wish.selection.rows(row, scope, moment, bindings)
    conditions = wish.selection.where(bindings, moment)
    if wish.cursor is not None:
        last = place(wish.cursor, wish.asked, filterable(row)[order.field])
        conditions = [*conditions, _behind(row, order, last, bindings)]
    text = sql.SQL(_PAGE).format(
        columns(row),
        rows,
        every(conditions),
        _order(row, order),
        bindings.bind(wish.limit + 1, "bigint"),
    )

    def read(lines: Lines) -> Page:
        found = [to_row(row, line) for line in lines[: wish.limit]]
        return Page(found, _next(found[-1], wish) if len(lines) > wish.limit else None)

    return Statement(text, bindings, read)


def counted(row: type[Row], scope: Scope, moment: Moment, selection: Selection) -> Statement[int]:
    """How many rows a list has."""
    bindings = Bindings()
    rows = selection.rows(row, scope, moment, bindings)
    text = sql.SQL(_COUNT).format(rows, every(selection.where(bindings, moment)))
    return Statement(text, bindings, _figure)


def one(row: type[Row], scope: Scope, id: UUID, moment: Moment = NOW) -> Statement[Row | None]:
    """The row of this id, out of use or not."""
    bindings = Bindings()
    condition = sql.SQL("id = {}").format(bindings.bind(id, "uuid"))
    return _one(row, scope, moment, condition, bindings)


def by_external(
    row: type[Row], scope: Scope, moment: Moment, system: str, id: str
) -> Statement[Row | None]:
    """The row that another system calls so; a withdrawn one has lost its name to others."""
    bindings = Bindings()
    condition = sql.SQL(_BY_EXTERNAL).format(
        bindings.bind(system, "text"), bindings.bind(id, "text")
    )
    ever = sql.SQL(_EVER).format(history(row), condition)
    return _one(row, scope, moment, condition, bindings, among=ever)


def kin(row: type[Row], scope: Scope, id: UUID, moment: Moment) -> Statement[list[Row]]:
    """The rows that were merged into a row, directly or not, as far as the asker may see them."""
    bindings = Bindings()
    family = families.family(row, [id], moment, bindings)
    among = sql.SQL(_FAMILY).format(family)
    rows = relation(row, scope, moment, bindings, all=True, among=among)
    own = bindings.bind(id, "uuid")
    text = sql.SQL(_KIN).format(columns(row), rows, family=family, id=own)
    return Statement(text, bindings, lambda lines: [to_row(row, line) for line in lines])


def family(row: type[Row], id: UUID, moment: Moment) -> Statement[set[UUID]]:
    """The record and those that were merged into it, whoever may see them."""
    bindings = Bindings()
    text = sql.SQL(_FAMILY).format(families.family(row, [id], moment, bindings))
    return Statement(text, bindings, lambda lines: {id for (id,) in lines})


def position(tables: Sequence[str]) -> Statement[int]:
    """How far the one of these views has read that is furthest behind."""
    bindings = Bindings()
    text = sql.SQL(_POSITION).format(bindings.bind(list(tables), "text[]"))
    return Statement(text, bindings, _figure)


def whole_list(
    row: type[Row], scope: Scope, moment: Moment, selection: Selection, bindings: Bindings
) -> sql.Composed:
    """Every row of a list, as values of its table's columns, in order."""
    rows = selection.rows(row, scope, moment, bindings)
    where = every(selection.where(bindings, moment))
    return sql.SQL(_LIST).format(columns(row), rows, where, _order(row, selection.order))


def columns(row: type[Row]) -> sql.Composable:
    """Every column that people see, in the order ``to_row`` reads them."""
    return sql.SQL(", ".join(written(row)))


def every(conditions: Sequence[sql.Composable]) -> sql.Composable:
    """All of the conditions; of none, true."""
    return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")


def _figure(lines: Lines) -> int:
    return int(lines[0][0])


def _one(
    row: type[Row],
    scope: Scope,
    moment: Moment,
    condition: sql.Composable,
    bindings: Bindings,
    among: sql.Composable | None = None,
) -> Statement[Row | None]:
    rows = relation(row, scope, moment, bindings, all=True, among=among)
    text = sql.SQL(_ONE).format(columns(row), rows, condition)
    return Statement(text, bindings, lambda lines: to_row(row, lines[0]) if lines else None)


def _order(row: type[Row], order: Order) -> sql.Composable:
    direction = sql.SQL("DESC" if order.descending else "ASC")
    if order.field == "id":
        return sql.SQL("id {}").format(direction)
    column = ordered(sql.Identifier(order.field), filterable(row)[order.field].type)
    return sql.SQL("{} {} NULLS LAST, id ASC").format(column, direction)


def _behind(row: type[Row], order: Order, last: Place, bindings: Bindings) -> sql.Composable:
    """The condition on rows that come after the last one of a page."""
    sign = sql.SQL("<" if order.descending else ">")
    id = bindings.bind(last.id, "uuid")
    if order.field == "id":
        return sql.SQL("id {} {}").format(sign, id)
    type = filterable(row)[order.field].type
    column = ordered(sql.Identifier(order.field), type)
    if last.value is None:
        return sql.SQL("({} IS NULL AND id > {})").format(column, id)
    value = bindings.bind(last.value, type)
    behind = sql.SQL("({c} {sign} {v} OR ({c} = {v} AND id > {id}) OR {c} IS NULL)")
    return behind.format(c=column, sign=sign, v=value, id=id)


def _next(last: Row, wish: Wish) -> str:
    return cursor(Place(getattr(last, wish.selection.order.field), last.id), wish.asked)
