"""``backstory do``: one command, from the registry."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import typer

from adapters import registry
from adapters.cli.failures import Failure
from adapters.cli.opening import Data, opened
from adapters.importing.mapping import BadMapping, Rule
from adapters.importing.plan import validated
from adapters.importing.targets import target
from adapters.remarks import Remark, why
from adapters.seeds import LOCAL
from aggregates.errors import Invalid
from commands.base import COMMANDS, Command, Meta
from commands.requests import Caller, Request

META = "meta."


def register(app: typer.Typer) -> None:
    app.command("do", add_help_option=False)(do)


def do(
    command: Annotated[str | None, typer.Argument(help="Such as customers/register.")] = None,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[ID] FIELD=VALUE…", help="What to do.")
    ] = None,
    help: Annotated[
        bool, typer.Option("--help", help="List the commands, or one command's fields.")
    ] = False,
    data: Data = None,
) -> None:
    """Carry out one command and print its receipt.

    Fields: name=text, primary_contact.name=text, amount=12.50CNY, tags=one tags=two, and
    name:=JSON for anything else; meta.reason=why.
    """
    registry.load()
    if command is None:
        print(_listed())
        return
    kind = _command(command)
    if help:
        print(_described(kind))
        return
    id, given = _split(words or [])
    with opened(data) as backstory:
        request = _request(kind, id, given, backstory.timezone)
        receipt = backstory.application.dispatch(request, Caller(LOCAL))
    said = {"id": str(receipt.id), "version": receipt.version, "position": receipt.position}
    print(orjson.dumps(said).decode())


def _command(name: str) -> type[Command[Any]]:
    command = COMMANDS.get(name)
    if command is None or not command.is_for_people():
        raise Failure(f"there is no command {name!r}; backstory do --help lists them")
    return command


def _split(words: Sequence[str]) -> tuple[UUID | None, list[tuple[str, str]]]:
    """The id, and the fields as (name, value)."""
    id = None
    if words and "=" not in words[0]:
        try:
            id, words = UUID(words[0]), words[1:]
        except ValueError:
            raise Failure(f"{words[0]!r} is neither an id nor field=value") from None
    given = []
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise Failure(f"{word!r} is not field=value")
        given.append((name, value))
    return id, given


def _request(
    command: type[Command[Any]], id: UUID | None, given: list[tuple[str, str]], zone: ZoneInfo
) -> Request:
    if not command.CREATES and id is None:
        raise Failure(f"{command.NAME} changes a record: give its id after the command's name")
    own = _read(command, [(n, v) for n, v in given if not n.startswith(META)], zone)
    meta = [(n.removeprefix(META), v) for n, v in given if n.startswith(META)]
    said = _read(Meta, meta, zone)
    return Request(validated(command, own), id=id, meta=validated(Meta, said))


def _read(model: Any, given: list[tuple[str, str]], zone: ZoneInfo) -> dict[str, Any]:
    """Fields by name, parts nested; one that is named several times is a list."""
    fields: dict[str, Any] = {}
    for name, text in given:
        value = _value(model, name, text, zone)
        inside = fields
        *path, last = name.removesuffix(":").split(".")
        for part in path:
            inside = inside.setdefault(part, {})
        if last in inside and isinstance(value, list):
            value = [*inside[last], *value]
        inside[last] = value
    return fields


def _value(model: Any, name: str, text: str, zone: ZoneInfo) -> Any:
    if name.endswith(":") or text[:1] in ("{", "["):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            if name.endswith(":"):
                raise Invalid(Remark("cells.no-json", said=str(error)).of(name)) from None
    try:
        return target(model, name.removesuffix(":")).reader(Rule(column=name), zone)(text)
    except BadMapping as error:
        raise Failure(error.remark) from None
    except ValueError as error:
        raise Invalid(why(error).of(name)) from None


def _listed() -> str:
    names = [n for n, c in sorted(COMMANDS.items()) if c.is_for_people()]
    width = max(map(len, names))
    lines = (f"  {name:{width}}  {_summary(COMMANDS[name])}" for name in names)
    usage = "Usage: backstory do COMMAND [ID] FIELD=VALUE…\n\nbackstory do COMMAND --help"
    return f"{usage} lists a command's fields.\n\n" + "\n".join(lines)


def _described(command: type[Command[Any]]) -> str:
    id = "[ID]" if command.CREATES else "ID"
    head = f"Usage: backstory do {command.NAME} {id} FIELD=VALUE…\n\n{_summary(command)}\n"
    if command.CREATES:
        head += (
            "\nID is what the new record is to be called, a UUID; without it, it is given one.\n"
        )
    return "\n".join([head, *_fields(command, "")])


def _fields(model: Any, prefix: str, is_required: bool = True) -> Iterator[str]:
    for name, field in model.model_fields.items():
        parts, required = target(model, name).parts, is_required and field.is_required()
        if parts is not None:
            yield from _fields(parts, f"{prefix}{name}.", required)
        else:
            yield f"  {prefix}{name}{' (required)' if required else ''}"


def _summary(command: type[Command[Any]]) -> str:
    return (command.__doc__ or "").strip().splitlines()[0]
