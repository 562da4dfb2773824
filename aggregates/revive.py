"""Reading stored payloads back into typed values, without judging them again.

A stored event was valid when it was recorded. Rules, code lists and number plans change; replay
must not, so nothing here validates: JSON values become the annotated types and no more.
"""

import types
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)
Reader = Callable[[Any], Any]

_READERS: dict[Any, Reader] = {
    UUID: UUID,
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}


def reader(annotation: Any) -> Reader | None:
    """How to turn a JSON value into the annotated type; None: it is that already."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return reader(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _optional(get_args(annotation))
    if origin is tuple:
        return _tuple(reader(get_args(annotation)[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return lambda value: revive(annotation, value)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return annotation
    return _READERS.get(annotation)


def _optional(members: tuple[Any, ...]) -> Reader | None:
    readers = [r for r in map(reader, members) if r is not None]
    if not readers:
        return None
    if len(readers) > 1:
        raise TypeError(f"a stored field may be of one type only, not of {members}")
    read = readers[0]
    return lambda value: None if value is None else read(value)


def _tuple(read: Reader | None) -> Reader:
    if read is None:
        return tuple
    return lambda values: tuple(map(read, values))


class _Plan:
    """How to revive one model: its readers and its defaults."""

    __slots__ = ("defaults", "readers")

    def __init__(self, model: type[BaseModel]) -> None:
        fields = model.model_fields
        self.readers = {n: r for n, f in fields.items() if (r := reader(f.annotation)) is not None}
        self.defaults = {
            n: None if f.is_required() else f.get_default(call_default_factory=True)
            for n, f in fields.items()
        }


_plans: dict[type[BaseModel], _Plan] = {}


def revive(model: type[M], payload: Mapping[str, Any]) -> M:
    """An instance of the model holding these JSON values; fields it does not know are dropped."""
    plan = _plans.get(model)
    if plan is None:
        plan = _plans[model] = _Plan(model)
    values = dict(plan.defaults)
    readers = plan.readers
    for name, value in payload.items():
        if name in values:
            read = readers.get(name)
            values[name] = value if read is None else read(value)
    return _built(model, values, {n for n in payload if n in values})


def _built(model: type[M], values: dict[str, Any], given: set[str]) -> M:
    built = model.__new__(model)
    put = object.__setattr__
    put(built, "__dict__", values)
    put(built, "__pydantic_fields_set__", given)
    put(built, "__pydantic_extra__", None)
    put(built, "__pydantic_private__", None)
    return built
