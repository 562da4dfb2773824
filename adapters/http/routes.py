"""Routes of reads: what all of them say of themselves."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from adapters.http import openapi

Answering = Callable[[Request], Awaitable[Response]]


def add_read(
    routes: APIRouter,
    path: str,
    answering: Answering,
    name: str,
    summary: str,
    answer: dict[str, Any],
    taken: list[dict[str, Any]],
    *failures: int,
    tag: str | None = None,
    description: str | None = None,
    is_shown: bool = True,
) -> None:
    """Add a route to read from.

    ``name``: of the operation; what is before its point is the ``tag``, unless one is given.
    ``answer``, ``taken``: what the document says of the answer and of the parameters.
    ``failures``: statuses beside 422. ``is_shown``: whether the document has it.
    """
    routes.add_api_route(
        path,
        answering,
        methods=["GET"],
        name=name,
        summary=summary,
        description=description,
        tags=[tag or name.partition(".")[0]],
        response_class=Response,
        include_in_schema=is_shown,
        responses={200: answer, **openapi.problems(422, *failures)},
        openapi_extra={"operationId": name, "parameters": taken},
    )
