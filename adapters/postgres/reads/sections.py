"""Sections: whatever names a record, table by table, with counts and totals."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql

from adapters.postgres.reads.asof import Moment
from adapters.postgres.reads.reader import RowReader, Wish
from adapters.postgres.reads.relations import Bindings
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views.columns import row_columns
from adapters.postgres.views.references import naming
from projections.base import Projection, Row
from queries.base import Total

STATES = ("stage", "status")
"""Fields that say how far a record has come, best first: what its counts and sums are split by."""
AMOUNT = "amount"
"""The field of what a record is worth."""
NEWEST_FIRST = ("sort", "-created_at")
_TOTALS = (
    "SELECT {state}, {currency}, count(*), sum({amount}) FROM {rows} AS rows WHERE {where}"
    " GROUP BY 1, 2 ORDER BY 1, 2"
)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of a table that name a record in one of their fields."""

    name: str
    """The table; of further fields of the same table, with the field."""
    row: type[Row]
    field: str

    @property
    def state(self) -> str | None:
        return next((name for name in STATES if name in self.row.fields), None)

    @property
    def has_amounts(self) -> bool:
        return any(f.field == AMOUNT and f.is_money for f in row_columns(self.row))

    def parameters(self, id: UUID) -> list[tuple[str, str]]:
        """What the list is asked for that shows the whole section."""
        return [(self.field, str(id)), NEWEST_FIRST]


@dataclass(frozen=True, slots=True)
class Subtotal:
    """How many rows are at one state, and what they are worth in one currency."""

    state: str | None
    count: int
    amount: Total | None


@dataclass(frozen=True, slots=True)
class Section:
    """The newest rows of a part, and what all of them come to."""

    part: Part
    rows: list[Row]
    next: str | None
    """Cursor of the list of the same parameters."""
    count: int
    totals: tuple[Subtotal, ...]


def parts(kind: str) -> list[Part]:
    """Every table whose rows name a record of the kind: a table of a new aggregate is among them
    without being mentioned here."""
    return [part for _, p in sorted(Projection.registry.items()) for part in _parts(p.row, kind)]


def _parts(row: type[Row], kind: str) -> Iterator[Part]:
    for number, field in enumerate(naming(row, kind)):
        yield Part(f"{row.table}_by_{field}" if number else row.table, row, field)


def section(reader: RowReader, part: Part, scope: Scope, moment: Moment, wish: Wish) -> Section:
    """One section; ``wish`` is what its list is asked for."""
    page = reader.page(part.row, scope, moment, wish)
    is_split = part.state is not None or part.has_amounts
    totals = _totals(reader, part, scope, moment, wish) if is_split or page.next else ()
    count = sum(t.count for t in totals) if totals else len(page.rows)
    return Section(part, page.rows, page.next, count, totals if is_split else ())


def _totals(
    reader: RowReader, part: Part, scope: Scope, moment: Moment, wish: Wish
) -> tuple[Subtotal, ...]:
    bindings = Bindings()
    statement = sql.SQL(_TOTALS).format(
        state=_or_null(part.state, "text"),
        currency=_or_null("currency" if part.has_amounts else None, "text"),
        amount=_or_null(AMOUNT if part.has_amounts else None, "numeric"),
        rows=wish.selection.rows(part.row, scope, moment, bindings),
        where=sql.SQL(" AND ").join(wish.selection.where(bindings, moment)),
    )
    return tuple(_subtotal(*line) for line in reader.fetch(statement, bindings))


def _or_null(column: str | None, type: str) -> sql.Composable:
    return sql.SQL(f"NULL::{type}") if column is None else sql.Identifier(column)


def _subtotal(state: str | None, currency: str | None, count: int, amount: Any) -> Subtotal:
    return Subtotal(state, count, Total(amount=amount, currency=currency) if currency else None)
