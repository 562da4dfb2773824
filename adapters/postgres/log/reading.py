"""Reading from the event store: a small pool of connections, and rows made into events."""

from collections.abc import Sequence
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.rows import RowFactory, args_row, tuple_row
from psycopg_pool import ConnectionPool, PoolTimeout

from adapters.thawing import maker
from commands.ports import StoredEvent

EVENT_COLUMNS: LiteralString = (
    "position, stream_id, version, kind, topic, schema_version, payload, recorded_at, occurred_at,"
    " command_id, actor, on_behalf_of, origin, reason, correlation_id, causation_id, customer_id,"
    " leaf"
)
"""In the order of StoredEvent's fields."""

event_row = args_row(maker(StoredEvent))
"""Rows of EVENT_COLUMNS as events."""

Row = TypeVar("Row")


class Reader:
    """Runs queries that may be run twice, so one lost with its connection is simply run again."""

    def __init__(self, url: str, *, connections: int = 4) -> None:
        self._pool = ConnectionPool(
            url,
            min_size=1,
            max_size=connections,
            timeout=10,
            # Plans are kept, and tables grow from nothing: what is right for large ones is right.
            kwargs={
                "autocommit": True,
                "application_name": "backstory reader",
                "options": "-c enable_seqscan=off -c jit=off",
            },
            name="backstory-reader",
            open=True,
        )

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._all(query, parameters, tuple_row)

    def events(self, query: str, parameters: Sequence[object] = ()) -> list[StoredEvent]:
        """The query selects EVENT_COLUMNS."""
        return self._all(query, parameters, event_row)

    def close(self) -> None:
        self._pool.close()

    def _all(self, query: str, parameters: Sequence[object], factory: RowFactory[Row]) -> list[Row]:
        try:
            return self._once(query, parameters, factory)
        except PoolTimeout:
            raise  # Who has waited for a connection in vain need not wait for another.
        except psycopg.OperationalError:
            self._pool.check()
            return self._once(query, parameters, factory)

    def _once(
        self, query: str, parameters: Sequence[object], factory: RowFactory[Row]
    ) -> list[Row]:
        with (
            self._pool.connection() as connection,
            connection.cursor(binary=True, row_factory=factory) as cursor,
        ):
            return cursor.execute(query.encode(), parameters).fetchall()
