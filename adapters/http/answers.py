"""Answers: rows and events as JSON, the same whether they come from a table or from the log."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from fastapi import Response
from pydantic import BaseModel

from adapters.postgres.views.columns import money
from aggregates.values import Money
from projections.base import Row
from queries.base import Total

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def value(given: Any) -> Any:
    """A field's value, made of what orjson writes: instants in UTC, money as texts."""
    match given:
        case datetime():
            return given.astimezone(UTC)
        case Money() | Total():
            return _money(given.amount, given.currency)
        case Decimal():
            return format(given, "f")
        case BaseModel():
            return {name: value(part) for name, part in given}
        case tuple() | list():
            return [value(item) for item in given]
    return given


def _money(amount: Decimal, currency: str) -> dict[str, str]:
    exact = money(amount, currency)
    return {"amount": format(exact.amount if exact else amount, "f"), "currency": currency}


def row(given: Row) -> dict[str, Any]:
    """A row, its fields in the order of the table's columns."""
    return {name: value(getattr(given, name)) for name in type(given).fields}


def dumped(body: Any) -> bytes:
    return orjson.dumps(body, option=_OPTIONS)


def answer(body: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(dumped(body), 200, dict(headers or {}), "application/json")
