"""Overwriting: what a row changes in a record that says something else."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from aggregates.base import Aggregate
from commands.base import Command

LONGEST = 60
"""Characters of a value that is shown."""
_NOTHING: tuple[Any, ...] = (None, "", (), [], {})


def overwritten(record: Aggregate, said: Iterable[Command[Any]]) -> Iterator[str]:
    """Each field that has a value which one of these commands replaces: what is there, and what
    comes instead. Tags and other lists that only grow replace nothing."""
    for command in said:
        for name, value in command.given().items():
            yield from _replaced(name, getattr(record, name, None), value)


def _replaced(name: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in after.keys() & before.keys():
            yield from _replaced(f"{name}.{key}", before[key], after[key])
    elif before not in _NOTHING and before != after and not isinstance(before, tuple):
        yield f"{name}: {_shown(before)} → {_shown(after)}"


def _shown(value: Any) -> str:
    if isinstance(value, BaseModel):
        text = " ".join(str(part) for part in value.model_dump(mode="json").values())
    else:
        text = "nothing" if value in _NOTHING else str(value)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
