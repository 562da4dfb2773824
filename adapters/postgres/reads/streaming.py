"""Streaming: a whole list in one consistent state, batch by batch."""

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from adapters.postgres.reads.asof import Moment
from adapters.postgres.reads.filters import Selection
from adapters.postgres.reads.relations import Bindings
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.statements import whole_list
from projections.base import Row

BATCH = 1_000
"""Rows that are in memory at once."""
Values = tuple[Any, ...]

_KEYS = (
    'SELECT DISTINCT key COLLATE "C" AS key'
    " FROM {} AS rows, LATERAL jsonb_object_keys(rows.{}) AS key"
    " WHERE {} ORDER BY key LIMIT {}"
)


class ListReader:
    """Reads one list in one read-only transaction. A context manager; calls block.

    ``cancel`` may be called from another thread.
    """

    def __init__(
        self, url: str, row: type[Row], scope: Scope, moment: Moment, selection: Selection
    ) -> None:
        self._row, self._scope, self._moment, self._selection = row, scope, moment, selection
        self._connection = psycopg.connect(url, application_name="backstory export")
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._connection.read_only = True

    def keys(self, column: str, most: int) -> list[str]:
        """The first keys, in order, that objects in a column of the list's rows have."""
        bindings = Bindings()
        rows = self._selection.rows(self._row, self._scope, self._moment, bindings)
        conditions = self._selection.where(bindings, self._moment) or [sql.SQL("true")]
        statement = sql.SQL(_KEYS).format(
            rows,
            sql.Identifier(column),
            sql.SQL(" AND ").join(conditions),
            bindings.bind(most, "bigint"),
        )
        found = self._connection.execute(statement, bindings.values).fetchall()
        return [key for (key,) in found]

    def batches(self) -> Iterator[list[Values]]:
        """The rows as values of the table's columns; at least one batch, perhaps an empty one."""
        bindings = Bindings()
        statement = whole_list(self._row, self._scope, self._moment, self._selection, bindings)
        # Planned for reading to the end: by default, a cursor's plan is for its first rows.
        self._connection.execute("SET LOCAL cursor_tuple_fraction = 1.0")
        with self._connection.cursor("export", row_factory=tuple_row) as cursor:
            cursor.execute(statement, bindings.values)
            batch = cursor.fetchmany(BATCH)
            yield batch
            while batch := cursor.fetchmany(BATCH):
                yield batch

    def cancel(self) -> None:
        """End what the database is doing for this list, if it is doing anything."""
        self._connection.cancel_safe(timeout=5)

    def __enter__(self) -> "ListReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
