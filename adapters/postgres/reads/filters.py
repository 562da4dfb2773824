"""Filters and order of a list, read from parameters: typed, checked, named where they are wrong.

``c=v`` (repeated: any of), ``c.ne=v`` (repeated: none of), ``c.gte``, ``c.gt``, ``c.lte``,
``c.lt``, ``c.contains`` (case does not matter), ``c.null=true``. A column of several values is
equal to each of them. Money is compared by amount; ``c.currency`` is its currency. ``custom.x``
is the custom field x. The id of a record that others were merged into stands for them too.
``import_id=v`` (repeated: any of) is what an import has entered or changed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from psycopg import sql

from adapters.postgres.reads.asof import Moment, Now
from adapters.postgres.reads.conditions import Condition
from adapters.postgres.reads.families import family
from adapters.postgres.reads.imported import Imported, imported
from adapters.postgres.reads.kinds import (
    CURRENCY,
    CURRENCY_KIND,
    Kind,
    Unreadable,
    boolean,
    kind_of,
)
from adapters.postgres.reads.relations import Bindings, history, relation
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views.columns import row_columns
from adapters.postgres.views.references import merging
from aggregates.errors import FieldError, Invalid
from projections.base import Row

_CODE = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,59}$")

Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Order:
    """Sorted by a column; ties by id, ascending; rows without a value last."""

    field: str = "id"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a table, in which order."""

    conditions: tuple[Condition | Imported, ...] = ()
    order: Order = Order()
    archived: bool = False
    """Whether rows out of use are listed too."""

    def rows(
        self, row: type[Row], scope: Scope, moment: Moment, bindings: Bindings
    ) -> sql.Composable:
        """What the conditions choose from."""
        among = None if isinstance(moment, Now) else self._ever(row, moment, bindings)
        return relation(row, scope, moment, bindings, all=self.archived, among=among)

    def where(self, bindings: Bindings, moment: Moment) -> list[sql.Composable]:
        return [c.sql(bindings, moment) for c in self.conditions]

    def _ever(self, row: type[Row], moment: Moment, bindings: Bindings) -> sql.Composable | None:
        """A select of the rows that ever named one of the records that are asked for, or that an
        import was in, if any are: by index, where finding the version that counts of every row
        there is would take long."""
        for c in self.conditions:
            if isinstance(c, Imported):
                return c.ever(bindings)
            if c.names is not None and c.operator == "":
                named = family(c.names, list(c.values), moment, bindings)
                select = "SELECT DISTINCT id FROM {} WHERE {c} = ANY ({}) AND {c} IS NOT NULL"
                column = sql.Identifier(c.column)
                return sql.SQL(select).format(history(row), named, c=column)
        return None


_known: dict[type[Row], dict[str, Kind]] = {}


def filterable(row: type[Row]) -> dict[str, Kind]:
    """Field → what can be asked of it."""
    if row not in _known:
        kinds = ((f.field, kind_of(f)) for f in row_columns(row))
        _known[row] = {field: kind for field, kind in kinds if kind is not None}
    return _known[row]


def sortable(row: type[Row]) -> tuple[str, ...]:
    """Fields that rows can be sorted by."""
    return tuple(field for field, kind in filterable(row).items() if kind.is_sorted)


def selection(row: type[Row], parameters: Parameters, zone: tzinfo) -> Selection:
    """Filters, order and ``archived`` in parameters. Raises Invalid naming all that are wrong.

    Dates given for instants are days in ``zone``.
    """
    reading = _Reading(row, zone)
    for name in dict.fromkeys(name for name, _ in parameters):
        reading.take(name, [v for n, v in parameters if n == name])
    if reading.errors:
        raise Invalid(*reading.errors)
    return Selection(tuple(reading.conditions), reading.order, reading.archived)


class _Reading:
    """Parameters on their way to a selection."""

    def __init__(self, row: type[Row], zone: tzinfo) -> None:
        self._row, self._zone = row, zone
        self.conditions: list[Condition | Imported] = []
        self.errors: list[FieldError] = []
        self.order, self.archived = Order(), False

    def take(self, name: str, values: list[str]) -> None:
        try:
            match name:
                case "sort":
                    self.order = self._order(_single(values))
                case "archived":
                    self.archived = _single(values) == "any" or _one_of("any")
                case "import_id":
                    self.conditions.append(imported(self._row, values))
                case _:
                    self.conditions.append(self._condition(name, values))
        except Unreadable as error:
            self.errors.append(FieldError(name, error.key, **error.values))

    def _order(self, text: str) -> Order:
        field = text.removeprefix("-")
        if field not in sortable(self._row):
            raise Unreadable("not-sortable")
        return Order(field, descending=text != field)

    def _condition(self, name: str, values: list[str]) -> Condition:
        column, kind, operator, key = self._target(name)
        if operator == "null":
            read: tuple[Any, ...] = (boolean(_single(values)),)
        else:
            read = tuple(map(kind.read, values))
        others = None if key else merging(self._row, column)
        names = None if others is None else others.row
        return Condition(column, kind, operator, read, self._zone, key, names)

    def _target(self, name: str) -> tuple[str, Kind, str, str | None]:
        """(column, kind, operator, custom field) that a parameter names."""
        field, _, rest = name.partition(".")
        kind = filterable(self._row).get(field)
        if kind is None:
            raise Unreadable("unknown-parameter")
        if kind.is_open:
            key, _, operator = rest.rpartition(".")
            if operator not in kind.operators or not key:
                key, operator = rest, ""
            if not _CODE.match(key):
                raise Unreadable("unknown-parameter")
            return field, kind, operator, key
        if rest not in kind.operators or name == f"{field}.":
            known = ", ".join(f"{field}.{o}".rstrip(".") for o in kind.operators)
            raise Unreadable("unknown-parameter", known=known)
        if rest == CURRENCY:
            return self._currency(field), CURRENCY_KIND, "", None
        return field, kind, rest, None

    def _currency(self, field: str) -> str:
        columns = next(f for f in row_columns(self._row) if f.field == field)
        return columns.columns[1].name


def _single(values: list[str]) -> str:
    if len(values) > 1:
        raise Unreadable("parameter-repeated")
    return values[0]


def _one_of(*known: str) -> Any:
    raise Unreadable("not-one-of", known=", ".join(known))
