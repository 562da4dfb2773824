"""Attaching over HTTP: a route per command that takes a file, as a form read while it comes."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from adapters.attachments.types import KNOWN
from adapters.http import bodies, commands, openapi
from adapters.http.commands import receipt_response
from adapters.http.context import Context
from adapters.http.forms import MEDIA_TYPE
from adapters.http.uploading import COMMAND, FILE, Received, Uploads, drained
from adapters.mapper import personal_fields
from aggregates.base import Aggregate
from aggregates.errors import FieldError, Invalid
from commands.base import COMMANDS, Command


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    """Routes of every command in the registry that takes a file."""
    routes, uploads = APIRouter(), Uploads(context)
    for name, command in sorted(COMMANDS.items()):
        if command.UPLOADED is not None:
            _add_route(routes, context, schemas, uploads, name, command)
    return routes


def _add_route(
    routes: APIRouter,
    context: Context,
    schemas: openapi.Schemas,
    uploads: Uploads,
    name: str,
    command: type[Command[Any]],
) -> None:
    async def attach(request: Request, id: UUID) -> Response:
        try:
            return await _carry_out(context, uploads, command, request, id)
        except ClientDisconnect:
            raise  # There is nothing to drain.
        except Exception as error:
            answer = context.problems.response(request, error)  # raised again where it is none
            if not await drained(request, context.settings.attachment_limit):
                answer.headers["Connection"] = "close"
            return answer

    plural, verb = name.split("/")
    done = openapi.answer(
        "The receipt.", openapi.ref("Receipt"), ETag="The record's version, quoted."
    )
    routes.add_api_route(
        f"/v1/{plural}/{{id}}/{verb}",
        attach,
        methods=["POST"],
        name=name,
        summary=(command.__doc__ or "").strip().splitlines()[0],
        tags=[plural],
        response_class=Response,
        responses={200: done, **openapi.problems(400, 404, 409, 412, 413, 415, 422)},
        openapi_extra={
            "operationId": name.replace("/", "."),
            "requestBody": _body(context, schemas, command),
            "parameters": commands.CHANGING_HEADERS,
        },
    )


def _body(
    context: Context, schemas: openapi.Schemas, command: type[Command[Any]]
) -> dict[str, Any]:
    fields = schemas.without(command, command.UPLOADED or "")
    settings = context.settings
    extensions = (e for name in settings.attachment_types for e in KNOWN[name].extensions)
    said = f"At most {settings.attachment_limit} bytes; one of {', '.join(extensions)}."
    form = {
        "type": "object",
        "required": [FILE],
        "additionalProperties": False,
        "properties": {
            COMMAND: fields,
            FILE: {"type": "string", "format": "binary", "description": said},
        },
    }
    encoding = {COMMAND: {"contentType": "application/json"}}
    return {"required": True, "content": {MEDIA_TYPE: {"schema": form, "encoding": encoding}}}


async def _carry_out(
    context: Context, uploads: Uploads, command: type[Command[Any]], request: Request, id: UUID
) -> Response:
    caller = await context.caller(request)
    headers = bodies.headers(request)
    repository = context.application.repository
    record = await context.read(repository.get, command.AGGREGATE, id)
    received = await uploads.received(request, _subject(record))
    if command.UPLOADED in received.fields:
        raise Invalid(FieldError(command.UPLOADED, "extra_forbidden"))
    asked = bodies.command_request(
        command,
        {**received.fields, command.UPLOADED or "": _file(received)},
        id=id,
        if_match=headers.if_match,
        idempotency_key=headers.idempotency_key,
    )
    receipt = await context.application.dispatch_async(asked, caller)
    return await receipt_response(context, command, receipt, wants_row=headers.wants_row)


def _subject(record: Aggregate) -> UUID:
    """Whose key seals files of the record: its own, where it is about a person who has one."""
    is_person = "self" in personal_fields(type(record).STATE).values()
    return record.id if is_person else record.root_customer_id or record.id


def _file(received: Received) -> dict[str, Any]:
    return {
        "file_name": received.file_name,
        "media_type": received.type.media_type,
        "size": received.content.size,
        "digest": received.content.digest.hex(),
        "content_id": str(received.content.id),
    }
