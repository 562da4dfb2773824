"""A view's rows in the database, read and written for many streams at once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from adapters.postgres.views.cells import HEADER, TRAILER
from adapters.postgres.views.columns import to_row
from adapters.postgres.views.tables import VERSION_COLUMNS, View, names
from adapters.postgres.views.totals import of_some
from adapters.postgres.views.versions import BOTH, OCCURRED, Folded, StreamState

# Each stream's newest version on one clock, by index whatever the size of the table.
_NEWEST = """
    SELECT v.axis, v.occurred_at, v.gone, {columns}
    FROM unnest(%s::uuid[]) AS s (id) CROSS JOIN LATERAL (
        SELECT * FROM {versions} n WHERE n.id = s.id AND n.axis IN (0, {axis})
        ORDER BY {order} LIMIT 1) v
"""
_IN_LOG_ORDER = sql.SQL("at_position DESC, axis")
_IN_OCCURRED_ORDER = sql.SQL("occurred_at DESC, at_position DESC")

# The current row is the newest version on the occurred clock.
_RENEW = """
    INSERT INTO {table} AS t ({plain})
    SELECT {columns}
    FROM unnest(%s::uuid[]) AS s (id) CROSS JOIN LATERAL (
        SELECT * FROM {versions} n WHERE n.id = s.id AND n.axis IN (0, 2)
        ORDER BY occurred_at DESC, at_position DESC LIMIT 1) v
    ON CONFLICT (id) DO UPDATE SET ({others}) = ROW ({excluded})
"""


class ViewRows:
    """Reads and writes one view through a connection whose transaction is the caller's."""

    def __init__(self, view: View) -> None:
        self.view = view
        parts = {
            "table": view.table,
            "versions": view.versions,
            "plain": names(view.columns),
            "columns": names(view.columns, "v."),
            "others": names(view.columns[1:]),
            "excluded": names(view.columns[1:], "excluded."),
        }
        self._recorded = _text(_NEWEST, **parts, axis=sql.Literal(1), order=_IN_LOG_ORDER)
        self._occurred = _text(_NEWEST, **parts, axis=sql.Literal(2), order=_IN_OCCURRED_ORDER)
        self._renew = _text(_RENEW, **parts)
        self._forget = _text("DELETE FROM {table} WHERE id = ANY (%s)", **parts)
        self._clear = _text("DELETE FROM {versions} WHERE id = ANY (%s)", **parts)
        self._totals = (
            () if view.totals is None else of_some(view.projection.row, view.table, view.totals)
        )
        columns = names(VERSION_COLUMNS + view.columns)
        self._copy = _text(
            "COPY {versions} ({all}) FROM STDIN (FORMAT BINARY)", **parts, all=columns
        )

    def states(
        self, connection: psycopg.Connection, ids: Sequence[UUID]
    ) -> dict[UUID, StreamState]:
        """Where the folds of these streams stand; absent where nothing was ever folded."""
        if not ids:
            return {}
        states: dict[UUID, StreamState] = {}
        for axis, instant, row_id, row in self._newest(connection, self._recorded, ids):
            states[row_id] = StreamState(row, row, instant, split=axis != BOTH)
        parted = [row_id for row_id, state in states.items() if state.split]
        for row_id in parted:
            states[row_id].row = states[row_id].newest = None
        for axis, instant, row_id, row in self._newest(connection, self._occurred, parted):
            assert axis == OCCURRED
            states[row_id].row, states[row_id].newest = row, instant
        return states

    def _newest(
        self, connection: psycopg.Connection, query: bytes, ids: Sequence[UUID]
    ) -> Iterable[tuple[int, Any, UUID, Any]]:
        if not ids:
            return
        with connection.cursor(binary=True) as cursor:
            cursor.execute(query, (list(ids),), prepare=True)
            for axis, instant, gone, *values in cursor:
                row = None if gone else to_row(self.view.projection.row, values)
                yield axis, instant, values[0], row

    def write(self, connection: psycopg.Connection, folded: Mapping[UUID, Folded]) -> None:
        """Add the versions and bring the current rows up to them."""
        replaced = [i for i, f in folded.items() if f.replaces]
        changed = {i: f for i, f in folded.items() if f.versions or f.replaces}
        if not changed:
            return
        lines = [HEADER]
        for stream_id, one in changed.items():
            lines += self.view.encoder.versions(stream_id, one.versions)[0]
        if replaced:
            connection.execute(self._clear, (replaced,), prepare=True)
        with connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            copy.write(b"".join([*lines, TRAILER]))
        gone = [i for i, f in changed.items() if f.state.row is None]
        there = [i for i, f in changed.items() if f.state.row is not None]
        for take_away in self._totals[:1]:
            connection.execute(take_away, (list(changed),), prepare=True)
        if gone:
            connection.execute(self._forget, (gone,), prepare=True)
        if there:
            connection.execute(self._renew, (there,), prepare=True)
        for add in self._totals[1:]:
            connection.execute(add, (there,), prepare=True)


def _text(query: str, **parts: sql.Composable) -> bytes:
    """The finished statement, made once."""
    return sql.SQL(query).format(**parts).as_bytes(None)
