"""Scope: who asks, and what of a table they may see."""

from dataclasses import dataclass
from uuid import UUID

from psycopg import sql

from projections.base import Row


@dataclass(frozen=True, slots=True)
class Scope:
    """The asker. Every SQL text that reads rows is built with one, by ``relations``.

    Rows have the owner that ``Row.owner`` declares. What is visible is decided on today's row,
    also where the row of another day is asked for: who loses a record loses its past.
    """

    user_id: UUID

    def visible(self, row: type[Row], alias: sql.Identifier) -> sql.Composable | None:
        """The condition on a table's current rows, called ``alias``; None: all are visible.

        There are no roles yet: whoever is authenticated sees every row.
        """
        return None
