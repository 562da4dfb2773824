"""The event feed over HTTP: pages of the log, and a stream that goes on where it was left."""

from collections.abc import AsyncIterator
from typing import Any
from weakref import WeakKeyDictionary

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from adapters.http import answers, openapi, parameters
from adapters.http.asking import Reading, asked, position, whole
from adapters.http.cloudevents import SCHEMA, cloud_events
from adapters.http.context import Context
from adapters.http.errors import Retryable
from adapters.http.tail import Tail

DEFAULT_LIMIT, MOST = 100, 1_000
HEARTBEAT_SECONDS = 15.0
"""A comment is sent after so long without an event: dead connections are noticed."""
RETRY_MILLISECONDS = 1_000
LAST_EVENT_ID = "Last-Event-ID"

_tails: "WeakKeyDictionary[Context, Tail]" = WeakKeyDictionary()


def stop(context: Context) -> None:
    """End every stream within a second, so that a server that shuts down need not cut them off."""
    if context in _tails:
        _tails[context].close()


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    routes, reading = APIRouter(tags=["events"]), Reading(context)
    tail = _tails[context] = Tail(context, reading)
    event = schemas.named("CloudEvent", SCHEMA)
    after = parameters.query("after", parameters.PLACE, "After this position of the log.")

    async def events(request: Request) -> Response:
        await context.caller(request)
        given = asked(request, own=("after", "limit"), common=())
        begin = position(given.own.get("after", "0"), "after")
        limit = whole(given.own.get("limit"), "limit", DEFAULT_LIMIT, MOST)
        await reading.within(begin, "after")
        return answers.answer(await reading.read(_page, context, begin, limit))

    async def stream(request: Request) -> Response:
        await context.caller(request)
        given = asked(request, own=("after",), common=())
        begun, name = given.own.get("after", "0"), "after"
        if LAST_EVENT_ID in request.headers:
            begun, name = request.headers[LAST_EVENT_ID], LAST_EVENT_ID
        begin = position(begun, name)
        await reading.within(begin, name)
        return StreamingResponse(
            _frames(tail, begin),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    page = parameters.page(event, position=parameters.PLACE, head=parameters.PLACE)
    routes.add_api_route(
        "/v1/events",
        events,
        methods=["GET"],
        name="events.list",
        summary="Events in the order of the log, up to what is certain.",
        response_class=Response,
        responses={200: openapi.answer("Some events.", page), **openapi.problems(422)},
        openapi_extra={
            "operationId": "events.list",
            "parameters": [after, parameters.limit(DEFAULT_LIMIT)],
        },
    )
    resume = openapi.header(LAST_EVENT_ID, "Position of the last event received.", r"^\d{1,19}$")
    routes.add_api_route(
        "/v1/events/stream",
        stream,
        methods=["GET"],
        name="events.stream",
        summary="Events as they are recorded, as server-sent events; `id` is the position.",
        response_class=Response,
        responses={200: _STREAM, **openapi.problems(422)},
        openapi_extra={"operationId": "events.stream", "parameters": [after, resume]},
    )
    return routes


_STREAM: dict[str, Any] = {
    "description": "The stream; each `data` is a CloudEvent in JSON.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


def _page(context: Context, after: int, limit: int) -> dict[str, Any]:
    head = context.log.head()
    stored = context.log.log(after, head.position, limit)
    items = list(cloud_events(context.mapper, stored))
    last = stored[-1].position if stored else after
    return {"items": items, "position": last, "head": head.position}


async def _frames(tail: Tail, after: int) -> AsyncIterator[bytes]:
    """What a stream sends. It ends where the database cannot be asked: the client comes again."""
    yield b"retry: %d\n\n" % RETRY_MILLISECONDS
    async with tail.followed():
        while not tail.is_closing:
            try:
                found = await tail.stretch(after)
            except Retryable:
                return
            if found is not None:
                after = found.last
                yield found.frames
            elif not await tail.past(after, HEARTBEAT_SECONDS) and not tail.is_closing:
                yield b": nothing new\n\n"
