"""What an upsert does not change: it may be said again, but not otherwise."""

from typing import Any
from uuid import UUID

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from adapters.http.errors import NotByUpsert
from adapters.importing.updating import STAGES, VERBS
from adapters.validation import invalid
from aggregates.base import Aggregate, derived
from aggregates.contact import Contact, ContactDetails
from aggregates.errors import FieldError, Invalid, NotFound, Rejected
from commands.base import COMMANDS, Command
from commands.repository import Repository

PRIMARY_CONTACT = "primary_contact"


def require_unchanged(
    repository: Repository, creates: type[Command[Any]], id: UUID, given: dict[str, Any]
) -> None:
    """Raise NotByUpsert naming the fields in which the record is otherwise, and the command for
    each; Invalid for values that are none. ``given``: field → JSON value."""
    said = _understood(creates, given)
    record = repository.get(creates.AGGREGATE, id, max_age=0.0)
    try:
        record.require_usable("change-details")
    except Rejected:
        return  # The command itself is refused for that.
    fields = {n: _difference(repository, record, n, v) for n, v in said.items()}
    differing = {name: found for name, found in fields.items() if found is not None}
    if differing:
        named = [f"{n} ({f['command'] or '–'})" for n, f in differing.items()]
        raise NotByUpsert(fields=differing, named=named)


def _understood(creates: type[Command[Any]], given: dict[str, Any]) -> dict[str, Any]:
    said, errors = {}, list[FieldError]()
    for name, value in given.items():
        kind: TypeAdapter[Any] = TypeAdapter(creates.model_fields[name].rebuild_annotation())
        try:
            said[name] = kind.validate_json(orjson.dumps(value), strict=True)
        except ValidationError as error:
            errors += invalid(error, f"{name}.", value).errors
    if errors:
        raise Invalid(*errors)
    return said


def _difference(
    repository: Repository, record: Aggregate, name: str, yours: Any
) -> dict[str, Any] | None:
    """Yours, theirs and the command, where the record is otherwise."""
    command, theirs = _command(record, name), getattr(record, name, None)
    if name == PRIMARY_CONTACT:
        command, theirs = f"{Contact.PLURAL}/change-details", _person(repository, record, yours)
    if _comparable(theirs) == _comparable(yours):
        return None
    if isinstance(yours, ContactDetails):
        yours = yours.model_dump(exclude_unset=True)
    shown = {"yours": to_jsonable_python(yours), "theirs": to_jsonable_python(theirs)}
    return {**shown, "command": command}


def _person(
    repository: Repository, record: Aggregate, said: ContactDetails
) -> dict[str, Any] | None:
    """What is known of the first contact, of the parts that are said."""
    try:
        person = repository.get(Contact, derived(record.id, "primary-contact"))
    except NotFound:
        return None
    return {name: getattr(person, name) for name in said.model_fields_set}


def _comparable(value: Any) -> Any:
    if isinstance(value, ContactDetails):
        return value.model_dump(exclude_unset=True)
    return frozenset(value) if isinstance(value, tuple) else value


def _command(record: Aggregate, field: str) -> str | None:
    """The command that changes the field of a record that exists; None: it stays as it began."""
    named = (f"{record.PLURAL}/{verb}" for verb in (*VERBS, *STAGES))
    return next((n for n in named if n in COMMANDS and field in COMMANDS[n].model_fields), None)
