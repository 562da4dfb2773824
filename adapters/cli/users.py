"""``backstory user`` and ``backstory apikey``."""

from typing import Annotated
from uuid import UUID

import typer

from adapters.apikeys import new_key
from adapters.bootstrap import Backstory
from adapters.cli.failures import REFUSED, Failure
from adapters.cli.opening import Data, opened
from adapters.importing.plan import validated
from adapters.seeds import LOCAL
from commands.requests import Caller, Request
from commands.user import AddUser, AddUserApiKey


def register(app: typer.Typer) -> None:
    user = typer.Typer(help="People who work with Backstory.", no_args_is_help=True)
    user.callback()(lambda: None)  # Without it, a single subcommand would take the group's place.
    user.command("add")(add)
    app.add_typer(user, name="user")
    apikey = typer.Typer(help="Keys that let programs act for a user.", no_args_is_help=True)
    apikey.callback()(lambda: None)
    apikey.command("create")(create)
    app.add_typer(apikey, name="apikey")


def add(
    login: Annotated[str, typer.Argument(help="Lower case, unique, for ever.")],
    name: Annotated[str, typer.Argument(help="What people call the user.")],
    department: Annotated[str | None, typer.Option(help="Where the user works.")] = None,
    superior: Annotated[str | None, typer.Option(help="The superior's login.")] = None,
    data: Data = None,
) -> None:
    """Enter a user and print the new id."""
    with opened(data) as backstory:
        fields: dict[str, object] = {"login": login, "name": name}
        if department is not None:
            fields["department"] = department
        if superior is not None:
            fields["superior_id"] = found(backstory, superior)
        request = Request(validated(AddUser, fields))
        print(backstory.application.dispatch(request, Caller(LOCAL)).id)


def create(
    user: Annotated[str, typer.Option(help="Login or id of the user the key acts for.")],
    name: Annotated[str, typer.Option(help="What the key is called, for revoking it.")],
    data: Data = None,
) -> None:
    """Make an API key and print it: it is shown this once and nowhere stored."""
    with opened(data) as backstory:
        print(issued(backstory, found(backstory, user), name))


def issued(backstory: Backstory, user_id: UUID, name: str) -> str:
    """A new key of the user. Raises DomainError where the user may not have it."""
    key, digest = new_key(user_id)
    command = validated(AddUserApiKey, {"key_name": name, "digest": digest})
    backstory.application.dispatch(Request(command, id=user_id), Caller(LOCAL))
    return key


def found(backstory: Backstory, user: str) -> UUID:
    """The user with this login or id. Raises Failure."""
    try:
        return UUID(user)
    except ValueError:
        id = backstory.application.preparation.directory.holder("login", user)
    if id is None:
        raise Failure(f"there is no user {user!r}", REFUSED)
    return id
