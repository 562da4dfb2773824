"""Several commands in one request."""

import asyncio
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.http import bodies, openapi
from adapters.http.commands import receipt_body
from adapters.http.context import Context
from adapters.texts import negotiated
from adapters.validation import invalid
from aggregates.errors import FieldError, Invalid
from commands.base import addressable_commands
from commands.batch import NotAttempted, Result, dispatch_all, dispatch_many
from commands.requests import Caller, IdempotencyKeyReused, Receipt
from commands.requests import Request as Asked

MOST_COMMANDS = 1_000
BODY_FACTOR = 8
"""How many times the body of a single command a batch may have."""


class BatchItem(BaseModel):
    """One command of a batch."""

    model_config = ConfigDict(extra="forbid")
    command: str
    id: UUID | None = None
    body: dict[str, Any] = Field(default_factory=dict)
    idempotency_key: str | None = None


class Batch(BaseModel):
    """Commands, carried out in order; all or none where ``atomic``."""

    model_config = ConfigDict(extra="forbid")
    commands: list[BatchItem] = Field(max_length=MOST_COMMANDS)
    atomic: bool = False


_ANSWER: dict[str, Any] = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "description": "In order: `status` and a receipt, or a problem.",
            "items": {
                "type": "object",
                "required": ["status"],
                "properties": {"status": {"type": "integer"}},
                "additionalProperties": True,
            },
        }
    },
}


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    routes = APIRouter()

    @routes.post(
        "/v1/batch",
        summary="Carry out up to 1,000 commands.",
        tags=["batch"],
        response_class=Response,
        responses={
            200: openapi.answer("One result per command.", _ANSWER),
            **openapi.problems(400, 413, 415, 422),
        },
        openapi_extra={
            "operationId": "batch",
            "requestBody": openapi.body(schemas.named("Batch", schemas.of(Batch))),
            "parameters": [openapi.header("Idempotency-Key", "Covers the whole batch.")],
        },
    )
    async def batch(request: Request) -> Response:
        caller = await context.caller(request)
        key = bodies.headers(request).idempotency_key
        limit = context.settings.body_limit * BODY_FACTOR
        asked = _understood(await bodies.read(request, limit))
        language = negotiated(request.headers.get("accept-language"))
        results = await asyncio.to_thread(_results, context, asked, caller, key)
        shown = [_shown(context, result, language) for result in results]
        return Response(
            orjson.dumps({"results": shown}, default=str), media_type="application/json"
        )

    return routes


def _understood(body: Any) -> Batch:
    try:
        return Batch.model_validate_json(orjson.dumps(bodies.as_object(body)), strict=True)
    except ValidationError as error:
        raise invalid(error) from error


def _results(context: Context, batch: Batch, caller: Caller, key: str | None) -> list[Result]:
    whole = batch.model_dump_json().encode() if key is not None else None
    asked = [_asked(item, i, key, whole) for i, item in enumerate(batch.commands)]
    requests = [a for a in asked if isinstance(a, Asked)]
    if key is not None and whole is not None:
        ids = [caller.command_id(f"{key}#{i}") for i in range(MOST_COMMANDS)]
        context.application.refuse_reused(ids, whole)
    if batch.atomic and len(requests) < len(asked):
        return [a if isinstance(a, Invalid) else NotAttempted() for a in asked]
    carry_out = dispatch_all if batch.atomic else dispatch_many
    results = iter(carry_out(context.application, requests, caller)) if requests else iter(())
    merged = [a if isinstance(a, Invalid) else next(results) for a in asked]
    if key is not None and any(isinstance(r, IdempotencyKeyReused) for r in merged):
        raise IdempotencyKeyReused
    return merged


def _asked(item: BatchItem, index: int, key: str | None, whole: bytes | None) -> Asked | Invalid:
    """The item's request, or why there is none."""
    command = addressable_commands().get(item.command)
    try:
        if command is None:
            raise Invalid(FieldError("command", "command-unknown", command=item.command))
        body = dict(item.body)
        if command.CREATES and item.id is not None:
            body.setdefault("id", str(item.id))
        own = item.idempotency_key
        if own is not None:
            own = bodies.idempotency_key(own, "idempotency_key")
        elif key is not None:
            own = f"{key}#{index}"
        request = bodies.command_request(command, body, id=item.id, idempotency_key=own)
        return request if item.idempotency_key is not None else request.covered_by(whole)
    except Invalid as refusal:
        return refusal


def _shown(context: Context, result: Result, language: str) -> dict[str, Any]:
    if isinstance(result, Receipt):
        return {"status": result.status, **receipt_body(result)}
    return context.problems.document(result, language)
