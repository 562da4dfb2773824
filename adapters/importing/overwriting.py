"""Overwriting: what a row changes in a record that says something else."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from adapters.remarks import Field, Remark, Saying
from aggregates.base import Aggregate
from commands.base import Command

LONGEST = 60
"""Characters of a value that is shown."""
_NOTHING: tuple[Any, ...] = (None, "", (), [], {})


def overwritten(
    record: Aggregate, said: Iterable[Command[Any]], whole: Field | None = None
) -> Iterator[Remark]:
    """Each field that has a value which one of these commands replaces: what is there, and what
    comes instead. Tags and other lists that only grow replace nothing. ``whole``: the field of
    another record whose parts this record's are."""
    for command in said:
        for name, value in command.given().items():
            field = Field(record.KIND, name)
            if whole is not None:
                field = Field(whole.kind, f"{whole.name}.{name}")
            yield from _replaced(field, getattr(record, name, None), value)


def _replaced(field: Field, before: Any, after: Any) -> Iterator[Remark]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in after.keys() & before.keys():
            part = Field(field.kind, f"{field.name}.{key}")
            yield from _replaced(part, before[key], after[key])
    elif before not in _NOTHING and before != after and not isinstance(before, tuple):
        yield Remark("rows.replaced", field=field, before=_shown(before), after=_shown(after))


def _shown(value: Any) -> Saying:
    if value in _NOTHING:
        return Remark("rows.nothing")
    if isinstance(value, BaseModel):
        text = " ".join(str(part) for part in value.model_dump(mode="json").values())
    else:
        text = str(value)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
