"""The reader of rows: the one builder of SQL for lists, single rows, counts and queries."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Protocol, TypeVar
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, tuple_row

from adapters.postgres.reads.asof import NOW, Moment
from adapters.postgres.reads.conditions import ordered
from adapters.postgres.reads.cursors import Place, cursor, place
from adapters.postgres.reads.families import family
from adapters.postgres.reads.filters import Order, Parameters, Selection, filterable, selection
from adapters.postgres.reads.questions import composed
from adapters.postgres.reads.relations import TODAY, Bindings, relation, written
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views.columns import to_row
from projections.base import Row
from queries.base import Answer, Query

A = TypeVar("A", bound=Answer)

_STILL = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_POSITION = "SELECT coalesce(min(position), 0) FROM backstory.tracking WHERE projection = ANY ({})"
_FAMILY = "SELECT unnest({})"
_LIST = "SELECT {} FROM {} AS rows WHERE {} ORDER BY {}"
_PAGE = _LIST + " LIMIT {}"
_COUNT = "SELECT count(*) FROM {} AS rows WHERE {}"
_BY_EXTERNAL = "external->>'system' = {} AND external->>'id' = {}"


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


class Connections(Protocol):
    """Lends connections: a pool, or a single one that somebody holds."""

    def connection(self) -> AbstractContextManager[psycopg.Connection]: ...


@dataclass(frozen=True, slots=True)
class _Held:
    held: psycopg.Connection

    def connection(self) -> AbstractContextManager[psycopg.Connection]:
        return nullcontext(self.held)


class RowReader:
    """Reads views for somebody, as of a moment. Thread-safe; calls block."""

    def __init__(self, pool: Connections, zone: tzinfo) -> None:
        """``zone``: in which dates stand for instants."""
        self._pool, self._zone = pool, zone

    def wish(
        self, row: type[Row], parameters: Parameters, *, moment: str = "", **paging: Any
    ) -> Wish:
        """A list from parameters: filters, ``sort``, ``archived``. Raises Invalid.

        ``moment`` is how the moment was asked for: a cursor fits no other.
        """
        asked = "\n".join((row.table, moment, *sorted(f"{n}={v}" for n, v in parameters)))
        return Wish(selection(row, parameters, self._zone), asked.encode(), **paging)

    def page(self, row: type[Row], scope: Scope, moment: Moment, wish: Wish) -> Page:
        """One page of a list. Raises Invalid where the cursor does not fit."""
        order = wish.selection.order
        bindings = Bindings()
        rows = wish.selection.rows(row, scope, moment, bindings)
        conditions = wish.selection.where(bindings, moment)
        counting = sql.SQL(_COUNT).format(rows, _all(conditions))
        if wish.cursor is not None:
            last = place(wish.cursor, wish.asked, filterable(row)[order.field])
            conditions = [*conditions, _behind(row, order, last, bindings)]
        statement = sql.SQL(_PAGE).format(
            _columns(row),
            rows,
            _all(conditions),
            _order(row, order),
            bindings.bind(wish.limit + 1, "bigint"),
        )
        found = [to_row(row, values) for values in self.fetch(statement, bindings)]
        count = self.fetch(counting, bindings)[0][0] if wish.count else None
        is_last = len(found) <= wish.limit
        found = found[: wish.limit]
        return Page(found, None if is_last else _next(found[-1], wish), count)

    def one(self, row: type[Row], scope: Scope, id: UUID, moment: Moment = NOW) -> Row | None:
        """The row of this id at the moment, out of use or not."""
        bindings = Bindings()
        condition = sql.SQL("id = {}").format(bindings.bind(id, "uuid"))
        return self._one(row, scope, moment, condition, bindings)

    def by_external(
        self, row: type[Row], scope: Scope, moment: Moment, system: str, id: str
    ) -> Row | None:
        """The row that another system calls so."""
        bindings = Bindings()
        condition = sql.SQL(_BY_EXTERNAL).format(
            bindings.bind(system, "text"), bindings.bind(id, "text")
        )
        return self._one(row, scope, moment, condition, bindings)

    def sees(self, row: type[Row], scope: Scope, id: UUID) -> bool:
        """Whether the asker may see the record: asked before it is read from the log."""
        is_limited = scope.visible(row, TODAY) is not None
        return not is_limited or self.one(row, scope, id) is not None

    def family(self, row: type[Row], id: UUID, moment: Moment) -> set[UUID]:
        """The record and those that were merged into it, whoever may see them."""
        bindings = Bindings()
        ids = family(row, [id], moment, bindings)
        return {id for (id,) in self.fetch(sql.SQL(_FAMILY).format(ids), bindings)}

    def position(self, tables: Sequence[str]) -> int:
        """How far the one of these views has read that is furthest behind."""
        bindings = Bindings()
        asked = sql.SQL(_POSITION).format(bindings.bind(list(tables), "text[]"))
        return int(self.fetch(asked, bindings)[0][0])

    def answer(self, query: Query[list[A]], scope: Scope, moment: Moment) -> list[A]:
        """What a query answers."""
        bindings = Bindings()
        statement = composed(query, scope, moment, bindings)
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as c:
            lines = c.execute(statement, bindings.values).fetchall()
        return query.answered([query.FOUND.model_validate(line) for line in lines])

    def _one(
        self,
        row: type[Row],
        scope: Scope,
        moment: Moment,
        condition: sql.Composable,
        bindings: Bindings,
    ) -> Row | None:
        statement = sql.SQL("SELECT {} FROM {} AS rows WHERE {} ORDER BY id LIMIT 1").format(
            _columns(row), relation(row, scope, moment, bindings, all=True), condition
        )
        found = self.fetch(statement, bindings)
        return to_row(row, found[0]) if found else None

    @contextmanager
    def still(self) -> Iterator["RowReader"]:
        """A reader for several reads of one state of the database; for one thread."""
        with self._pool.connection() as connection, connection.transaction():
            connection.execute(_STILL)
            yield RowReader(_Held(connection), self._zone)

    def fetch(self, statement: sql.Composed, bindings: Bindings) -> list[tuple[Any, ...]]:
        """The lines of a statement that was built for somebody."""
        with self._pool.connection() as connection, connection.cursor(row_factory=tuple_row) as c:
            return c.execute(statement, bindings.values).fetchall()


def whole_list(
    row: type[Row], scope: Scope, moment: Moment, selection: Selection, bindings: Bindings
) -> sql.Composed:
    """Every row of a list, as values of its table's columns, in order."""
    rows = selection.rows(row, scope, moment, bindings)
    where = _all(selection.where(bindings, moment))
    return sql.SQL(_LIST).format(_columns(row), rows, where, _order(row, selection.order))


def _columns(row: type[Row]) -> sql.Composable:
    return sql.SQL(", ".join(written(row)))


def _all(conditions: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")


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
