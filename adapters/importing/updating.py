"""Bringing an existing record to what a row says: only what differs, each by its own command."""

from typing import Any
from uuid import UUID

from aggregates.base import Aggregate
from aggregates.contact import Contact
from aggregates.user import spelling
from commands.base import COMMANDS, Command
from commands.contact import ChangeContactDetails
from commands.requests import Request

VERBS = (
    *("change-details", "classify", "assign", "tag", "move"),
    *("change-amount", "change-priority", "reschedule", "rename", "reorder"),
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
        changes = {name: v for name, v in taken.items() if not is_so(aggregate, name, v)}
        if changes.keys() & aggregate.STATE.keys():  # Others say how it is to be done.
            requests.append(_request(command, aggregate.id, changes))
    return requests


def of_person(recorded: Contact | None, said: Command[Any]) -> Request | None:
    """The request that makes a customer's first contact what the row says of it; None where it is
    so, where the row says nothing, or where it speaks of somebody else."""
    person = said.given().get("primary_contact")
    if person is None or recorded is None or is_other(recorded, said):
        return None
    parts = person.model_dump(exclude_unset=True)
    changes = {name: v for name, v in parts.items() if not is_so(recorded, name, v)}
    return _request(ChangeContactDetails, recorded.id, changes) if changes else None


def is_other(recorded: Contact, said: Command[Any]) -> bool:
    """Whether the row's first contact is somebody else than the customer's."""
    person = said.given().get("primary_contact")
    name: str | None = None if person is None else person.model_dump().get("name")
    return name is not None and spelling(name) != spelling(getattr(recorded, "name", ""))


def is_as_said(
    aggregate: Aggregate,
    said: Command[Any],
    contact: Contact | None,
    *,
    with_stage: bool = True,
) -> bool:
    """Whether the record, and its first contact, is now as the row says, also in fields that no
    command takes."""
    values = said.given()
    person = values.pop("primary_contact", None)
    if not with_stage:
        values.pop("stage", None)
    if any(not is_so(aggregate, n, v) for n, v in values.items() if n in aggregate.STATE):
        return False
    if person is None:
        return True
    parts = person.model_dump(exclude_unset=True)
    return contact is not None and all(is_so(contact, n, v) for n, v in parts.items())


def _request(command: type[Command[Any]], id: UUID, changes: dict[str, Any]) -> Request:
    return Request(command.model_validate(changes), id=id)


def is_so(aggregate: Aggregate, name: str, value: Any) -> bool:
    """Whether a field of the record says this; of tags and custom fields, at least this."""
    state = getattr(aggregate, name, None)
    if name == "custom":
        known = state or {}
        return all(known.get(c) == v and type(known.get(c)) is type(v) for c, v in value.items())
    if name == "tags":
        return set(value) <= set(state or ())
    return bool(state == value)
