"""Conditions on one column, as SQL with bound values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from psycopg import sql

from adapters.postgres.reads.asof import Moment, first_of, last_of
from adapters.postgres.reads.families import family
from adapters.postgres.reads.kinds import Kind, Unreadable, number
from adapters.postgres.reads.relations import Bindings
from projections.base import Row

_SIGNS = {"gte": sql.SQL(">="), "gt": sql.SQL(">"), "lte": sql.SQL("<="), "lt": sql.SQL("<")}
_WILD = re.compile(r"([\\%_])")


@dataclass(frozen=True, slots=True)
class Condition:
    """One parameter: a column, an operator, and the values it came with."""

    column: str
    kind: Kind
    operator: str
    """Empty: equal to one of the values."""
    values: tuple[Any, ...]
    zone: tzinfo
    """In which dates stand for instants."""
    key: str | None = None
    """In a column of custom fields: which one."""
    names: type[Row] | None = None
    """Rows whose ids it holds, where such rows can be merged: an id stands for its family."""

    def sql(self, bindings: Bindings, moment: Moment) -> sql.Composable:
        """The condition; never NULL."""
        column: sql.Composable = sql.Identifier(self.column)
        if self.names is not None and self.operator in ("", "ne"):
            among = family(self.names, list(self.values), moment, bindings)
            same = sql.SQL("{} = ANY ({})").format(column, among)
            return same if self.operator == "" else _not(same)
        if self.kind.is_open:
            return _Open(column, bindings, self.key or "").condition(self.operator, self.values)
        if self.kind.is_array:
            return _Array(column, bindings, self.kind).condition(self.operator, self.values)
        return _Single(column, bindings, self.kind, self.zone).condition(self.operator, self.values)


def ordered(column: sql.Composable, type: str) -> sql.Composable:
    """The column as it is compared and sorted: texts by code point, the same on every server."""
    return sql.SQL('{} COLLATE "C"').format(column) if type == "text" else column


def containing(text: str) -> str:
    """The pattern of texts that contain this one literally."""
    return "%" + _WILD.sub(r"\\\1", text) + "%"


def _any(conditions: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions))


def _all(conditions: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL("({})").format(sql.SQL(" AND ").join(conditions))


def _not(condition: sql.Composable) -> sql.Composable:
    return sql.SQL("({}) IS NOT TRUE").format(condition)


def _null(column: sql.Composable, wanted: bool) -> sql.Composable:
    return column + sql.SQL(" IS NULL" if wanted else " IS NOT NULL")


@dataclass(frozen=True, slots=True)
class _Single:
    """A column of one value."""

    column: sql.Composable
    bindings: Bindings
    kind: Kind
    zone: tzinfo

    def condition(self, operator: str, values: tuple[Any, ...]) -> sql.Composable:
        match operator:
            case "":
                return self._equal(values)
            case "ne":
                return _not(self._equal(values))
            case "null":
                return _null(self.column, values[0])
            case "contains":
                patterns = self.bindings.bind([containing(v) for v in values], "text[]")
                return self.column + sql.SQL(" ILIKE ANY (") + patterns + sql.SQL(")")
        return _all([self._beyond(operator, value) for value in values])

    def _equal(self, values: tuple[Any, ...]) -> sql.Composable:
        days = [v for v in values if self.kind.type == "timestamptz" and not _is_instant(v)]
        exact = [v for v in values if v not in days]
        conditions = [_all([self._beyond("gte", d), self._beyond("lte", d)]) for d in days]
        if exact:
            among = self.bindings.bind(exact, f"{self.kind.type}[]")
            conditions.append(self.column + sql.SQL(" = ANY (") + among + sql.SQL(")"))
        return _any(conditions)

    def _beyond(self, operator: str, value: Any) -> sql.Composable:
        if self.kind.type == "timestamptz" and not _is_instant(value):
            edge = first_of if operator in ("gte", "lt") else last_of
            value = edge(value, self.zone)
        bound = self.bindings.bind(value, self.kind.type)
        column = ordered(self.column, self.kind.type)
        return sql.SQL("{} {} {}").format(column, _SIGNS[operator], bound)


def _is_instant(value: date) -> bool:
    return isinstance(value, datetime)


@dataclass(frozen=True, slots=True)
class _Array:
    """A column of several values: it is equal to each of them."""

    column: sql.Composable
    bindings: Bindings
    kind: Kind

    def condition(self, operator: str, values: tuple[Any, ...]) -> sql.Composable:
        if operator == "null":
            holds_some = sql.SQL("coalesce(cardinality({}), 0) {} 0")
            return holds_some.format(self.column, sql.SQL("=" if values[0] else ">"))
        if operator == "contains":
            patterns = self.bindings.bind([containing(v) for v in values], "text[]")
            found = sql.SQL("EXISTS (SELECT FROM unnest({}) AS item WHERE item ILIKE ANY ({}))")
            return found.format(self.column, patterns)
        among = self.bindings.bind(list(values), f"{self.kind.type}[]")
        shared = sql.SQL("{} && {}").format(self.column, among)
        return shared if operator == "" else _not(shared)


@dataclass(frozen=True, slots=True)
class _Open:
    """One custom field: a value of any kind, or none. Numbers compare with numbers."""

    column: sql.Composable
    bindings: Bindings
    key: str

    def condition(self, operator: str, values: tuple[Any, ...]) -> sql.Composable:
        match operator:
            case "":
                return _any([self._equal(value) for value in values])
            case "ne":
                return _not(_any([self._equal(value) for value in values]))
            case "null":
                return _null(self._text(), values[0])
            case "contains":
                patterns = self.bindings.bind([containing(v) for v in values], "text[]")
                return self._text() + sql.SQL(" ILIKE ANY (") + patterns + sql.SQL(")")
        return _all([self._beyond(_SIGNS[operator], value) for value in values])

    def _key(self) -> sql.Composable:
        return self.bindings.bind(self.key, "text")

    def _text(self) -> sql.Composable:
        return sql.SQL("({} ->> {})").format(self.column, self._key())

    def _equal(self, value: str) -> sql.Composable:
        same = self._text() + sql.SQL(" = ") + self.bindings.bind(value, "text")
        amount = _number(value)
        return same if amount is None else _any([same, self._number(sql.SQL("="), amount)])

    def _beyond(self, sign: sql.SQL, value: str) -> sql.Composable:
        amount = _number(value)
        if amount is not None:
            return self._number(sign, amount)
        text, bound = ordered(self._text(), "text"), self.bindings.bind(value, "text")
        return self._of_type("string", sql.SQL("{} {} {}").format(text, sign, bound))

    def _number(self, sign: sql.SQL, amount: Decimal) -> sql.Composable:
        bound = self.bindings.bind(amount, "numeric")
        test = sql.SQL("{}::numeric {} {}").format(self._text(), sign, bound)
        return self._of_type("number", test)

    def _of_type(self, type: str, test: sql.Composable) -> sql.Composable:
        """The test, made only where the value is of its type: no cast can fail."""
        typed = sql.SQL("CASE WHEN jsonb_typeof({} -> {}) = {} THEN {} ELSE false END")
        return typed.format(self.column, self._key(), self.bindings.bind(type, "text"), test)


def _number(value: str) -> Decimal | None:
    try:
        return number(value)
    except Unreadable:
        return None
