"""Commands over HTTP: one route per command, by a loop over the registry."""

from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from adapters.http import bodies, openapi
from adapters.http.context import Context
from commands.base import Command, remote_commands
from commands.requests import Receipt

IDEMPOTENCY_KEY = openapi.header(
    "Idempotency-Key", "Makes a repeated request answer the first receipt."
)
_HEADERS = [
    IDEMPOTENCY_KEY,
    openapi.header("Prefer", "`return=representation` adds the record as it is now."),
]
_IF_MATCH = openapi.header("If-Match", "The version seen, as a quoted ETag.", r'^("\d{1,9}"|\*)$')

CHANGING_HEADERS = [*_HEADERS, _IF_MATCH]


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    """Routes of every command in the registry."""
    routes = APIRouter()
    for name, command in sorted(remote_commands().items()):
        _add_route(routes, context, schemas, name, command)
    return routes


def _add_route(
    routes: APIRouter,
    context: Context,
    schemas: openapi.Schemas,
    name: str,
    command: type[Command[Any]],
) -> None:
    plural, verb = name.split("/")
    path = f"/v1/{plural}/{verb}" if command.CREATES else f"/v1/{plural}/{{id}}/{verb}"
    status = 201 if command.CREATES else 200
    done = openapi.answer(
        "The receipt.", openapi.ref("Receipt"), ETag="The record's version.", **_location(command)
    )
    routes.add_api_route(
        path,
        _creating(context, command) if command.CREATES else _changing(context, command),
        methods=["POST"],
        name=name,
        status_code=status,
        summary=(command.__doc__ or "").strip().splitlines()[0],
        tags=[plural],
        response_class=Response,
        responses={status: done, **openapi.problems(*_failures(command))},
        openapi_extra={
            "operationId": name.replace("/", "."),
            "requestBody": openapi.body(schemas.command(command)),
            "parameters": _HEADERS if command.CREATES else CHANGING_HEADERS,
        },
    )


def _location(command: type[Command[Any]]) -> dict[str, str]:
    return {"Location": "Where the record can be read."} if command.CREATES else {}


def _failures(command: type[Command[Any]]) -> tuple[int, ...]:
    always = (400, 409, 413, 415, 422)
    return (*always, 412) if command.CREATES else (*always, 404, 412)


def _creating(context: Context, command: type[Command[Any]]) -> Any:
    async def create(request: Request) -> Response:
        return await carry_out(context, command, request, None)

    return create


def _changing(context: Context, command: type[Command[Any]]) -> Any:
    async def change(request: Request, id: UUID) -> Response:
        return await carry_out(context, command, request, id)

    return change


async def carry_out(
    context: Context, command: type[Command[Any]], request: Request, id: UUID | None
) -> Response:
    caller = await context.caller(request)
    headers = bodies.headers(request)
    body = bodies.as_object(await bodies.read(request, context.settings.body_limit))
    asked = bodies.command_request(
        command,
        body,
        id=id,
        if_match=headers.if_match,
        idempotency_key=headers.idempotency_key,
    )
    receipt = await context.application.dispatch_async(asked, caller)
    return await receipt_response(context, command, receipt, wants_row=headers.wants_row)


async def receipt_response(
    context: Context, command: type[Command[Any]], receipt: Receipt, *, wants_row: bool
) -> Response:
    """The receipt as an answer, with the record where it is wanted."""
    answer = receipt_body(receipt)
    headers = {"ETag": f'"{receipt.version}"'}
    table = command.AGGREGATE.PLURAL.replace("-", "_")
    if command.CREATES:
        headers["Location"] = f"/v1/{table}/{receipt.id}"
    if wants_row:
        answer["representation"] = await context.row(table, receipt.id)
        headers["Preference-Applied"] = "return=representation"
    return Response(
        orjson.dumps(answer, option=orjson.OPT_UTC_Z), receipt.status, headers, "application/json"
    )


def receipt_body(receipt: Receipt) -> dict[str, Any]:
    return {"id": str(receipt.id), "version": receipt.version, "position": receipt.position}
