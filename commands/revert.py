"""What may be asked of every record that can be made what it was."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated
from uuid import UUID

from pydantic import Field

from aggregates.base import Aggregate
from aggregates.errors import NotFound
from aggregates.revert import Revertible
from aggregates.values import Code, Ref
from commands.base import COMMANDS, Changes, Known, Marked


class Revert(Changes[Revertible]):
    """Make a record what it was at an earlier version, as a new event."""

    NOW_ONLY = True
    to_version: Annotated[int, Field(ge=1, le=2**53)]

    def gather(self, record: Revertible, known: Known, /) -> Aggregate:
        """What it was; but what it named then and is out of use now, it is not given back."""
        then = known.at(type(record), record.id, self.to_version)
        keep_what_is_out_of_use(record, then, known)
        return then

    def handle(self, record: Revertible, /) -> None:
        record.revert(self.gathered)


def keep_what_is_out_of_use(record: Revertible, then: Aggregate, known: Known) -> None:
    """What it named then and is out of use now, it is not given back."""
    for name, ref in references(type(record)).items():
        was, now = getattr(then, name, None), getattr(record, name, None)
        if was not in (None, now) and not is_in_use(ref, was, known):
            setattr(then, name, now)
    for name, code in codes(type(record)).items():
        was, now = getattr(then, name, None), getattr(record, name, None)
        if was not in (None, now) and known.is_retired(code.dictionary, was):
            setattr(then, name, now)


def references(kind: type[Revertible]) -> dict[str, Ref]:
    """Field → what it may refer to, of the fields that a revert gives back, as commands say it."""
    return {m.name: m.marker for m in _given_back(kind) if isinstance(m.marker, Ref)}


def codes(kind: type[Revertible]) -> dict[str, Code]:
    """Field → whose dictionary's entry it names. Where a record stands is no such value: as a
    reopening does, a revert gives back a stage that is retired by now."""
    steps = {event.STEP for event in kind.EVENTS.values()}
    coded = (m for m in _given_back(kind) if m.name not in steps)
    return {m.name: m.marker for m in coded if isinstance(m.marker, Code)}


def _given_back(kind: type[Revertible]) -> Iterator[Marked]:
    for command in COMMANDS.values():
        if command.AGGREGATE is kind:
            yield from (m for m in command.marked() if m.name in kind.Reverted.model_fields)


def is_in_use(ref: Ref, id: UUID, known: Known) -> bool:
    """Whether a new reference to the record could be made."""
    for kind in ref.kinds:
        with suppress(NotFound):
            return known.get(Aggregate.registry[kind], id).out_of_use() is None
    return False
