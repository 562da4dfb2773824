"""The reader of rows: runs what is asked of views, one statement or many in one go."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Protocol, TypeVar
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, tuple_row

from adapters.postgres.reads import statements
from adapters.postgres.reads.asof import NOW, Moment
from adapters.postgres.reads.filters import Parameters, selection
from adapters.postgres.reads.questions import composed
from adapters.postgres.reads.relations import TODAY, Bindings
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.statements import Lines, Page, Statement, Wish
from projections.base import Row
from queries.base import Answer, Query

A = TypeVar("A", bound=Answer)
T = TypeVar("T")

_STILL = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


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
        asked = statements.page(row, scope, moment, wish)
        if not wish.count:
            return self.run(asked)
        counted = statements.counted(row, scope, moment, wish.selection)
        page, count = self.run_all([asked, counted])
        return Page(page.rows, page.next, count)

    def one(self, row: type[Row], scope: Scope, id: UUID, moment: Moment = NOW) -> Row | None:
        """The row of this id at the moment, out of use or not."""
        return self.run(statements.one(row, scope, id, moment))

    def by_external(
        self, row: type[Row], scope: Scope, moment: Moment, system: str, id: str
    ) -> Row | None:
        """The row that another system calls so."""
        return self.run(statements.by_external(row, scope, moment, system, id))

    def sees(self, row: type[Row], scope: Scope, id: UUID) -> bool:
        """Whether the asker may see the record: asked before it is read from the log."""
        is_limited = scope.visible(row, TODAY) is not None
        return not is_limited or self.one(row, scope, id) is not None

    def family(self, row: type[Row], id: UUID, moment: Moment) -> set[UUID]:
        """The record and those that were merged into it, whoever may see them."""
        return self.run(statements.family(row, id, moment))

    def position(self, tables: Sequence[str]) -> int:
        """How far the one of these views has read that is furthest behind."""
        return self.run(statements.position(tables))

    def answer(self, query: Query[list[A]], scope: Scope, moment: Moment) -> list[A]:
        """What a query answers."""
        bindings = Bindings()
        statement = composed(query, scope, moment, bindings)
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as c:
            lines = c.execute(statement, bindings.values).fetchall()
        return query.answered([query.FOUND.model_validate(line) for line in lines])

    @contextmanager
    def still(self) -> Iterator["RowReader"]:
        """A reader for several reads of one state of the database; for one thread."""
        with self._pool.connection() as connection, connection.transaction():
            connection.execute(_STILL)
            yield RowReader(_Held(connection), self._zone)

    def run(self, statement: Statement[T]) -> T:
        return statement.read(self.fetch(statement.text, statement.bindings))

    def run_all(self, asked: Sequence[Statement[Any]]) -> list[Any]:
        """What each of them comes to. They are sent at once: however many, one round trip."""
        with self._pool.connection() as connection, connection.pipeline():
            cursors = [connection.cursor(row_factory=tuple_row) for _ in asked]
            for cursor, statement in zip(cursors, asked, strict=True):
                cursor.execute(statement.text, statement.bindings.values)
            found = [cursor.fetchall() for cursor in cursors]
        return [one.read(lines) for one, lines in zip(asked, found, strict=True)]

    def fetch(self, statement: sql.Composed, bindings: Bindings) -> Lines:
        """The lines of a statement that was built for somebody."""
        with self._pool.connection() as connection, connection.cursor(row_factory=tuple_row) as c:
            return c.execute(statement, bindings.values).fetchall()
