"""Faults: what the library that checks models finds wrong, as remarks."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from adapters.remarks import Remark, Remarkable, several


class Inconsistent(Remarkable, ValueError):
    """Parts of a model that do not go together."""


def faults(error: ValidationError) -> Remark:
    """Each place that is wrong, and why."""
    return several(tuple(_each(error)))


def fault(one: Mapping[str, Any]) -> Remark:
    """Why a value is wrong, as the service says it."""
    context = one.get("ctx", {})
    if isinstance(why := context.get("error"), Inconsistent):
        return why.remark
    values = {n: _plain(v) for n, v in context.items() if isinstance(v, str | int | float)}
    return Remark(one["type"], **values)


def _each(error: ValidationError) -> Iterator[Remark]:
    for one in error.errors():
        where = ".".join(map(str, one["loc"]))
        key = "mapping.at" if where else "mapping.whole"
        yield Remark(key, where=where or None, said=fault(one))


def _plain(value: str | int | float) -> str | int:
    """Choices, which the library lists in English, are listed without words."""
    return value if isinstance(value, int) else str(value).replace(" or ", ", ")
