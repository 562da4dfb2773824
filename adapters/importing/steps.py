"""Steps: the further commands to a row's record, and the rows that they are for."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from adapters.importing.fillers import Binding, Fields, Filler, filled
from adapters.importing.mapping import BadMapping, Conditional, Rule, Step
from adapters.importing.targets import Target
from adapters.importing.templates import Columns
from commands.base import COMMANDS, Command
from commands.requests import Request

MOMENT = Target(("occurred_at",), datetime)
"""When something happened, which no command has as a field."""
_REASON = Target(("reason",), str)


class Further(NamedTuple):
    """A further command to the record of a row, its references still to be found."""

    command: type[Command[Any]]
    fields: Fields
    occurred_at: datetime | None
    if_differs: bool = False
    reason: str | None = None

    def lacks(self, fields: Fields) -> bool:
        """Whether these leave out a reference that the command is about."""
        known = self.command.model_fields
        return any(known[name].is_required() for name in self.fields.keys() - fields.keys())


class Asked(NamedTuple):
    """A further request, for a record whose id is not known yet."""

    request: Request
    if_differs: bool = False
    """Whether it is made only where the record is not so already."""
    awaits_parts: bool = False
    """Whether it names records that the row's other parts are still to enter."""


class Condition:
    """Which rows something is for."""

    def __init__(self, given: Conditional, columns: Columns) -> None:
        self._when = list(_bound(given.when, columns))
        self._unless = list(_bound(given.unless, columns))

    def holds(self, cells: list[str]) -> bool:
        if not (self._when or self._unless):
            return True
        if any(cells[at] in texts for at, texts in self._unless):
            return False
        return all(cells[at] in texts for at, texts in self._when)


def _bound(
    given: dict[str, str | list[str]], columns: Columns
) -> Iterator[tuple[int, frozenset[str]]]:
    for column, texts in given.items():
        yield columns.index(column), frozenset([texts] if isinstance(texts, str) else texts)


class BoundStep:
    """A step of the mapping, bound to a file's columns."""

    def __init__(self, step: Step, plural: str, binding: Binding) -> None:
        """Raises BadMapping."""
        self.command = _command(f"{plural}/{step.command}")
        if self.command.CREATES:
            raise BadMapping("mapping.begins", verb=step.command)
        self._fillers = binding.fillers(self.command, step.fields)
        self._occurred_at = moment(binding, step.occurred_at)
        self._condition = Condition(step, binding.columns)
        self._if_differs = step.if_differs
        self._reason = None if step.reason is None else binding.filler(_REASON, step.reason)

    def draft(self, cells: list[str]) -> Further | None:
        """What it asks for a row; None where it is not for it."""
        if not self._condition.holds(cells):
            return None
        occurred_at = None if self._occurred_at is None else self._occurred_at.value(cells)
        fields = filled(self._fillers, cells)
        reason = None if self._reason is None else self._reason.value(cells)
        return Further(self.command, fields, occurred_at, self._if_differs, reason)


def moment(binding: Binding, rule: Rule | None) -> Filler | None:
    """What fills ``occurred_at``."""
    return None if rule is None else binding.filler(MOMENT, rule)


def _command(name: str) -> type[Command[Any]]:
    if name not in COMMANDS:
        raise BadMapping("mapping.no-command", name=name)
    return COMMANDS[name]
