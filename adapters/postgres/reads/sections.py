"""Sections: whatever names a record, table by table, with counts and totals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql

from adapters.postgres.reads.asof import Moment
from adapters.postgres.reads.filters import Selection
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.relations import Bindings
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.statements import Page, Statement, Wish, every, page
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

    @property
    def is_split(self) -> bool:
        """Whether its rows are counted and summed by anything."""
        return self.state is not None or self.has_amounts

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


def sections(
    reader: RowReader,
    asked: Sequence[tuple[Part, Wish]],
    scope: Scope,
    moment: Moment,
    others: Sequence[Statement[Any]] = (),
) -> tuple[list[Section], list[Any]]:
    """Sections, each from what its list is asked for, and what ``others`` come to: all of it in
    one round trip."""
    statements = list(others)
    for part, wish in asked:
        statements.append(page(part.row, scope, moment, wish))
        statements.append(_totals(part, scope, moment, wish.selection))
    found = reader.run_all(statements)
    pages, totals = found[len(others) :: 2], found[len(others) + 1 :: 2]
    made = [_section(p, *of) for (p, _), *of in zip(asked, pages, totals, strict=True)]
    return made, found[: len(others)]


def _section(part: Part, page: Page, totals: tuple[Subtotal, ...]) -> Section:
    count = sum(t.count for t in totals)
    return Section(part, page.rows, page.next, count, totals if part.is_split else ())


def _totals(
    part: Part, scope: Scope, moment: Moment, selection: Selection
) -> Statement[tuple[Subtotal, ...]]:
    """What all rows of a section come to; of those that nothing splits, how many they are."""
    bindings = Bindings()
    text = sql.SQL(_TOTALS).format(
        state=_or_null(part.state, "text"),
        currency=_or_null("currency" if part.has_amounts else None, "text"),
        amount=_or_null(AMOUNT if part.has_amounts else None, "numeric"),
        rows=selection.rows(part.row, scope, moment, bindings),
        where=every(selection.where(bindings, moment)),
    )
    return Statement(text, bindings, lambda lines: tuple(_subtotal(*line) for line in lines))


def _or_null(column: str | None, type: str) -> sql.Composable:
    return sql.SQL(f"NULL::{type}") if column is None else sql.Identifier(column)


def _subtotal(state: str | None, currency: str | None, count: int, amount: Any) -> Subtotal:
    return Subtotal(state, count, Total(amount=amount, currency=currency) if currency else None)
