"""Every failure as one shape: RFC 9457 problem details, in the language of the request."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from adapters.http import errors as http
from adapters.records import RecordUnreadable
from adapters.texts import Texts, negotiated
from adapters.validation import invalid
from aggregates.errors import DomainError, FieldError, Invalid, NotFound, VersionConflict
from commands.ports import OutcomeUnknown, Overloaded
from commands.requests import IdempotencyKeyReused

MEDIA_TYPE = "application/problem+json"
GONE = 499
"""What nobody reads: the sender went away."""
TYPE_PREFIX = "/problems/"
STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (Invalid, 422),
    (IdempotencyKeyReused, 422),
    (NotFound, 404),
    (VersionConflict, 412),
    (DomainError, 409),
)
"""From exception to status: the first that fits."""
_ROUTING: dict[int, type[http.HttpProblem]] = {404: http.NoSuchRoute, 405: http.MethodNotAllowed}


def status_of(error: DomainError) -> int:
    return next(status for kind, status in STATUS if isinstance(error, kind))


class Problems:
    """Makes problem documents."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def document(self, error: Exception, language: str) -> dict[str, Any]:
        """The problem as JSON, ``status`` included."""
        if isinstance(error, ValidationError | RequestValidationError):
            error = invalid(error)
        if isinstance(error, DomainError):
            return self._document(error.code, status_of(error), language, error)
        problem = as_http(error)
        return self._document(problem.code, problem.status, language, problem)

    def _document(
        self, code: str, status: int, language: str, error: DomainError | http.HttpProblem
    ) -> dict[str, Any]:
        details: Mapping[str, Any] = error.details
        title, detail = self._texts.problem(code, language, **details)
        document = {"type": TYPE_PREFIX + code, "title": title, "status": status}
        if isinstance(error, Invalid):
            document["errors"] = self._errors(error.errors, language)
        own = {*document, "detail"}
        # No detail of ours takes the place of a member of the standard.
        return {**document, "detail": detail, **{n: v for n, v in details.items() if n not in own}}

    def _errors(self, errors: Iterable[FieldError], language: str) -> list[dict[str, str]]:
        return [
            {"field": e.field, "message": self._texts.message(e.message, language, **e.values)}
            for e in errors
        ]

    def response(self, request: Request, error: Exception) -> Response:
        """The answer to a request that failed; whatever is no problem of its is raised again."""
        if isinstance(error, ClientDisconnect):
            return Response(status_code=GONE)
        language = negotiated(request.headers.get("accept-language"))
        document = self.document(error, language)
        headers = {"Content-Language": language}
        if not isinstance(error, DomainError | ValidationError | RequestValidationError):
            headers |= as_http(error).headers
        content = orjson.dumps(document, default=str)
        return Response(content, document["status"], headers, MEDIA_TYPE)

    def install(self, app: FastAPI) -> None:
        """Answer every failure of the application with a problem."""

        async def handle(request: Request, error: Exception) -> Response:
            return self.response(request, error)

        for kind in (
            *(DomainError, http.HttpProblem, HTTPException, RequestValidationError),
            *(ClientDisconnect, ValidationError, OutcomeUnknown, Overloaded, RecordUnreadable),
            *(psycopg.errors.UndefinedTable, psycopg.OperationalError),
        ):
            app.add_exception_handler(kind, handle)


def as_http(error: Exception) -> http.HttpProblem:
    """What an exception of the libraries or the store means to a caller."""
    if isinstance(error, http.HttpProblem):
        return error
    if isinstance(error, Overloaded):
        return http.Overload()
    if isinstance(error, OutcomeUnknown):
        return http.UnknownOutcome()
    if isinstance(error, RecordUnreadable):
        return http.UnreadableRecord(kind=error.kind, id=error.id, position=error.position)
    if isinstance(error, psycopg.errors.UndefinedTable):
        return http.NotYet()
    if isinstance(error, psycopg.OperationalError):
        return http.Overload()
    if isinstance(error, HTTPException) and error.status_code in _ROUTING:
        return _ROUTING[error.status_code](headers=error.headers)
    raise error
