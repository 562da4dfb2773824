"""Whether the process lives, whether it can serve, and its figures for Prometheus."""

import orjson
from fastapi import APIRouter, Response

from adapters.http import openapi
from adapters.http.context import Context

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
    head = context.log.head()
    lines = [
        "# TYPE backstory_head_position gauge",
        f"backstory_head_position {head.position}",
        "# TYPE backstory_head_stalled_seconds gauge",
        f"backstory_head_stalled_seconds {context.log.head_stalled_seconds:.3f}",
        "# TYPE backstory_commands_waiting gauge",
        f"backstory_commands_waiting {context.log.waiting}",
        "# TYPE backstory_projection_lag_events gauge",
        "# TYPE backstory_projection_lag_seconds gauge",
    ]
    for view in context.status().projections:
        label = f'{{projection="{view.name}"}}'
        lines.append(f"backstory_projection_lag_events{label} {view.lag_events}")
        lines.append(f"backstory_projection_lag_seconds{label} {view.lag_seconds:.3f}")
    return "\n".join(lines) + "\n"
