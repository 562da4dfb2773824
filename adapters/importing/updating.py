"""Bringing an existing record to what a row says: only what differs, each by its own command."""

from typing import Any
from uuid import UUID

from aggregates.base import Aggregate
from commands.base import COMMANDS, Command
from commands.requests import Request

VERBS = (
    *("change-details", "classify", "assign", "tag", "move"),
    *("change-amount", "reschedule", "rename", "reorder"),
)
"""Commands that state what is true of a record, in the order in which they are made. Others move
it through a course of its own (win, disable) or take something away."""
STAGES = ("advance",)


def updates(aggregate: Aggregate, said: Command[Any], *, with_stage: bool = True) -> list[Request]:
    """Requests that make the record what the row says. Fields that no command takes, such as a
    login, stay."""
    values = said.given()
    requests = []
    for verb in (*VERBS, *(STAGES if with_stage else ())):
        command = COMMANDS.get(f"{aggregate.PLURAL}/{verb}")
        if command is None:
            continue
        taken = {name: values.pop(name) for name in list(values) if name in command.model_fields}
        changes = {name: v for name, v in taken.items() if not _is_so(aggregate, name, v)}
        if changes:
            requests.append(_request(command, aggregate.id, changes))
    return requests


def _request(command: type[Command[Any]], id: UUID, changes: dict[str, Any]) -> Request:
    return Request(command.model_validate(changes), id=id)


def _is_so(aggregate: Aggregate, name: str, value: Any) -> bool:
    state = getattr(aggregate, name, None)
    if name == "custom":
        known = state or {}
        return all(known.get(c) == v and type(known.get(c)) is type(v) for c, v in value.items())
    if name == "tags":
        return set(value) <= set(state or ())
    return bool(state == value)
