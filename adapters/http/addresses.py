"""Addresses are texts: one whose bytes are no UTF-8 is refused, before any route is tried.

Servers read such bytes as U+FFFD, so that different addresses would be those of one record.
"""

from urllib.parse import unquote_to_bytes

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.http.context import Context
from aggregates.errors import FieldError, Invalid

_PARTS = {"path": "raw_path", "query": "query_string"}


class Addresses:
    """Lets only those requests through whose address can be read."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context = app, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unread = [name for name, part in _PARTS.items() if not _is_text(scope.get(part) or b"")]
        if scope["type"] != "http" or not unread:
            await self._app(scope, receive, send)
            return
        error = Invalid(*(FieldError(name, "not-utf-8") for name in unread))
        response = self._context.problems.response(Request(scope), error)
        await response(scope, receive, send)


def _is_text(part: bytes) -> bool:
    if b"%" not in part and part.isascii():
        return True
    try:
        unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        return False
    return True
