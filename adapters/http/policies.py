"""Policies over HTTP: how far each is, and its requests that wait or came to nothing."""

from typing import Any

from fastapi import APIRouter, Request, Response

from adapters.http import answers, openapi, parameters
from adapters.http.asking import Reading, asked, whole
from adapters.http.context import Context
from adapters.http.problems import TYPE_PREFIX
from adapters.policies import listing
from adapters.policies.listing import STATES, Listed
from adapters.postgres.reads.cursors import Place, cursor, place
from adapters.postgres.reads.kinds import Kind, integer
from adapters.texts import Texts, negotiated
from aggregates.errors import FieldError, Invalid

DEFAULT_LIMIT, MOST = 50, 1_000
_POSITION = Kind("bigint", integer, ())
_TEXT, _OR_NULL = {"type": "string"}, {"type": ["string", "null"]}
_INSTANT = {"type": "string", "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}
_STATUS = {
    "name": _TEXT,
    "position": _COUNT | {"description": "How far it has read the log."},
    "lag_events": _COUNT,
    "lag_seconds": {"type": "number"},
    **dict.fromkeys(STATES, _COUNT),
    "due": _COUNT | {"description": "Of those that wait: their moment has come."},
    "fired": _COUNT | {"description": "Carried out so far."},
}
_REQUEST = {
    "id": {"type": "string", "format": "uuid", "description": "Of a request: its command's id."},
    "policy": _TEXT,
    "state": {"type": "string", "enum": list(STATES)},
    "key": _OR_NULL | {"description": "What another request would take the place of."},
    "event_id": _TEXT | {"description": "The event that caused it."},
    "position": _COUNT | {"description": "Of that event."},
    "due_at": {**_OR_NULL, "format": "date-time", "description": "null: at once."},
    "since": _INSTANT,
    "attempts": _COUNT,
    "problem": {
        "anyOf": [{"type": "object", "required": ["type", "title", "detail"]}, {"type": "null"}],
        "description": "Why it was not carried out, as the caller of a command would be told.",
    },
}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    routes, reading = APIRouter(tags=["policies"]), Reading(context)

    async def policies(request: Request) -> Response:
        await context.caller(request)
        asked(request, common=())
        found = await reading.read(_statuses, context)
        return answers.answer({"items": found})

    async def requests(request: Request) -> Response:
        await context.caller(request)
        given = asked(request, own=("state", "limit", "cursor"), common=()).own
        state = given.get("state", STATES[0])
        if state not in STATES:
            raise Invalid(FieldError("state", "not-one-of", known=", ".join(STATES)))
        limit = whole(given.get("limit"), "limit", DEFAULT_LIMIT, MOST)
        wanted = f"policies\n{state}".encode()
        after = place(given["cursor"], wanted, _POSITION) if "cursor" in given else None
        found = await reading.read(_listed, context, state, limit + 1, after)
        language = negotiated(request.headers.get("accept-language"))
        items = [_shown(one, context.texts, language) for one in found[:limit]]
        last = found[limit - 1] if len(found) > limit else None
        next = None if last is None else cursor(Place(last.position, last.id), wanted)
        return answers.answer({"items": items, "next": next})

    _add(
        *(routes, "/v1/policies", policies, "policies.list", "How far each policy is."),
        parameters.page(schemas.named("Policy", _object(_STATUS))),
    )
    item = schemas.named("PolicyRequest", _object(_REQUEST))
    states = {"type": "string", "enum": list(STATES), "default": STATES[0]}
    _add(
        *(routes, "/v1/policies/requests", requests, "policies.requests"),
        "Requests of policies that wait or came to nothing, and streams that failed.",
        parameters.page(item, next=parameters.NEXT),
        parameters.query("state", states, "Only these."),
        parameters.limit(DEFAULT_LIMIT),
        parameters.cursor(),
        openapi.header("Accept-Language", "zh or en: the language of the problems."),
    )
    return routes


def _add(
    routes: APIRouter,
    path: str,
    endpoint: Any,
    name: str,
    summary: str,
    page: dict[str, Any],
    *taken: dict[str, Any],
) -> None:
    routes.add_api_route(
        path,
        endpoint,
        methods=["GET"],
        name=name,
        summary=summary,
        response_class=Response,
        responses={200: openapi.answer("They.", page), **openapi.problems(422)},
        openapi_extra={"operationId": name, "parameters": list(taken)},
    )


def _statuses(context: Context) -> list[dict[str, Any]]:
    with context.pool.connection() as connection:
        found = listing.status(connection)
    return [{name: getattr(one, name) for name in _STATUS} for one in found]


def _listed(context: Context, state: str, limit: int, after: Place | None) -> list[Listed]:
    behind = None if after is None else (after.value, after.id)
    with context.pool.connection() as connection:
        return listing.listed(connection, state, limit, behind)


def _shown(one: Listed, texts: Texts, language: str) -> dict[str, Any]:
    said = {name: answers.value(getattr(one, name)) for name in _REQUEST if name != "problem"}
    return said | {"problem": one.problem and _problem(one.problem, texts, language)}


def _problem(kept: dict[str, Any], texts: Texts, language: str) -> dict[str, Any]:
    """What is kept of a problem, in words."""
    details = {n: v for n, v in kept.items() if n not in ("code", "errors")}
    title, detail = texts.problem(kept["code"], language, **details)
    found = {"type": TYPE_PREFIX + kept["code"], "title": title, "detail": detail, **details}
    if "errors" in kept:
        found["errors"] = [
            {"field": e["field"], "message": texts.message(e["message"], language)}
            for e in kept["errors"]
        ]
    return found
