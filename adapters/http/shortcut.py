"""A short way to commands: by name, not by trying the pattern of every route.

The documented route of each command stays: it describes the command, and answers whatever is not a
well-formed ``POST`` to it. With all of them tried in turn and the framework's machinery around
each, a third of the time of a request was spent before its command began.
"""

from uuid import UUID

from fastapi import Request, Response
from starlette.routing import BaseRoute, Match, request_response
from starlette.types import Receive, Scope, Send

from adapters.http.commands import carry_out
from adapters.http.context import Context
from commands.base import remote_commands

SELF = "backstory.command"


class ShortCut(BaseRoute):
    """Takes ``POST /v1/{aggregates}/{verb}`` and ``POST /v1/{aggregates}/{id}/{verb}``."""

    def __init__(self, context: Context) -> None:
        self._commands = remote_commands()

        async def command(request: Request) -> Response:
            found, id = request.scope[SELF]
            return await carry_out(context, found, request, id)

        self._answer = request_response(command)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["method"] != "POST":
            return Match.NONE, {}
        parts = scope["path"].split("/", 5)
        if parts[:2] != ["", "v1"] or len(parts) not in (4, 5):
            return Match.NONE, {}
        id = _id(parts[3]) if len(parts) == 5 else None
        command = self._commands.get(f"{parts[2]}/{parts[-1]}")
        if command is None or command.CREATES is not (len(parts) == 4):
            return Match.NONE, {}
        if id is None and not command.CREATES:
            return Match.NONE, {}
        return Match.FULL, {SELF: (command, id)}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
