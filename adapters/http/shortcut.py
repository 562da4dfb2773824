"""A short way to commands: by name, before any route is tried.

The documented route of each command stays: it describes the command, and answers whatever is not a
well-formed ``POST`` to it. With all of them tried in turn and the framework's machinery around
each, a third of the time of a request was spent before its command began. Commands that are only
for imports or policies have no documented route, and are refused by dispatch, which says why.
"""

from uuid import UUID

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.http.commands import carry_out
from adapters.http.context import Context
from commands.base import Command, addressable_commands

Found = tuple[type[Command], UUID | None]  # type: ignore[type-arg]


class ShortCut:
    """Takes ``POST /v1/{aggregates}/{verb}`` and ``POST /v1/{aggregates}/{id}/{verb}``."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context = app, context
        self._commands = addressable_commands()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._found(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await carry_out(self._context, found[0], request, found[1])
        except Exception as error:  # whatever is no problem of the caller's is raised again
            response = self._context.problems.response(request, error)
        await response(scope, receive, send)

    def _found(self, scope: Scope) -> Found | None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        parts = scope["path"].split("/", 5)
        if parts[:2] != ["", "v1"] or len(parts) not in (4, 5):
            return None
        id = _id(parts[3]) if len(parts) == 5 else None
        command = self._commands.get(f"{parts[2]}/{parts[-1]}")
        if command is None or command.CREATES is not (len(parts) == 4):
            return None
        return None if id is None and not command.CREATES else (command, id)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
