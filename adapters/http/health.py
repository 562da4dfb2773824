"""Whether the process lives, whether it can serve, and its figures for Prometheus."""

from collections.abc import Mapping

import orjson
from fastapi import APIRouter, Response

from adapters.http import openapi
from adapters.http.context import Context
from adapters.policies import listing

_STATE = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get(
        "/healthz",
        summary="The process lives.",
        response_class=Response,
        responses={200: openapi.answer("It does.", _STATE)},
        openapi_extra={"security": []},
    )
    async def healthz() -> Response:
        return Response(orjson.dumps({"status": "ok"}), media_type="application/json")

    @routes.get(
        "/readyz",
        summary="The process can serve: the database answers and the head moves.",
        response_class=Response,
        responses={200: openapi.answer("It can.", _STATE), 503: openapi.answer("Not now.", _STATE)},
        openapi_extra={"security": []},
    )
    async def readyz() -> Response:
        problem = await context.read(_unready, context)
        body = {"status": "ready"} if problem is None else {"status": problem}
        status = 200 if problem is None else 503
        return Response(orjson.dumps(body), status, media_type="application/json")

    @routes.get(
        "/metrics",
        summary="Figures in the Prometheus text format.",
        response_class=Response,
        responses={200: {"description": "The figures.", "content": {"text/plain": {}}}},
        openapi_extra={"security": []},
    )
    async def metrics() -> Response:
        text = await context.read(_metrics, context)
        return Response(text, media_type="text/plain; version=0.0.4")

    return routes


def _unready(context: Context) -> str | None:
    try:
        context.log.head()
    except Exception as error:  # whatever it is, the process cannot serve
        return f"the database does not answer: {type(error).__name__}"
    stalled = context.log.head_stalled_seconds
    return None if stalled < 30 else f"the head has not moved for {stalled:.0f} s"


def _metrics(context: Context) -> str:
    figures = [
        *_whole("head_position", context.log.head().position),
        *_whole("head_stalled_seconds", context.log.head_stalled_seconds),
        *_whole("commands_waiting", context.log.waiting),
    ]
    views = {view.name: view for view in context.status().projections}
    for name in _OF_PROJECTIONS:
        figures += _each(f"projection_{name}", "gauge", "projection", name, views)
    with context.pool.connection() as connection:
        policies = {policy.name: policy for policy in listing.status(connection)}
    for name, (figure, kind) in _OF_POLICIES.items():
        figures += _each(f"policy_{figure}", kind, "policy", name, policies)
    uploads = context.uploads.counted()
    for state in ("waiting", "running"):
        figures += _whole(f"uploads_{state}", uploads.get(state, 0))
    return "\n".join(figures) + "\n"


_OF_PROJECTIONS = ("lag_events", "lag_seconds")
_OF_POLICIES = {
    "lag_events": ("lag_events", "gauge"),
    "lag_seconds": ("lag_seconds", "gauge"),
    "waiting": ("requests_waiting", "gauge"),
    "due": ("requests_due", "gauge"),
    "fired": ("requests_fired_total", "counter"),
    "refused": ("requests_refused", "gauge"),
    "dropped": ("requests_dropped", "gauge"),
    "parked": ("streams_parked", "gauge"),
}
"""What is known of a policy → what it is called, and whether it only grows."""


def _whole(name: str, value: object) -> list[str]:
    return [f"# TYPE backstory_{name} gauge", f"backstory_{name} {_number(value)}"]


def _each(name: str, kind: str, label: str, of: str, found: Mapping[str, object]) -> list[str]:
    """One figure of each: the format wants all lines of a name together."""
    lines = [
        f'backstory_{name}{{{label}="{one}"}} {_number(getattr(known, of))}'
        for one, known in found.items()
    ]
    return [f"# TYPE backstory_{name} {kind}", *lines]


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
