"""Create-or-change by another system's id."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from adapters.http import bodies, openapi, paths
from adapters.http.commands import receipt_response
from adapters.http.context import Context
from adapters.http.unchanged import require_unchanged
from aggregates.errors import FieldError, Invalid, Rejected
from commands.base import COMMANDS, Command
from commands.requests import Caller, IdempotencyKeyReused, Receipt
from commands.requests import Request as Asked

ATTEMPTS = 5
"""How often it is looked again whether the record exists, where others create it meanwhile."""


@dataclass(frozen=True, slots=True)
class Upsert:
    """The two commands that an upsert of one aggregate may become."""

    plural: str
    creates: type[Command[Any]]
    changes: type[Command[Any]]

    @property
    def unchanged(self) -> list[str]:
        """Fields that a record begins with, and that other commands than the details' change."""
        return [n for n in self.creates.model_fields if n not in self.changes.model_fields]

    def check(self, body: dict[str, Any], external: dict[str, str]) -> None:
        """Raise Invalid for what neither command has, or for another id than the address's."""
        known = {"id", "meta", *self.creates.model_fields, *self.changes.model_fields}
        errors = [FieldError(name, "extra_forbidden") for name in body if name not in known]
        if body.get("external", external) != external:
            errors.append(FieldError("external", "not-the-address"))
        if errors:
            raise Invalid(*errors)

    def asked(self, body: dict[str, Any], headers: bodies.Headers, existing: UUID | None) -> Asked:
        """The command that fits. Of a record that exists only the details are changed."""
        command = self.creates if existing is None else self.changes
        if existing is not None:
            body = {n: v for n, v in body.items() if n in command.model_fields or n == "meta"}
        return bodies.command_request(
            command,
            body,
            id=existing,
            if_match=headers.if_match,
            idempotency_key=headers.idempotency_key,
        )


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    """A route for every aggregate with one way to create, details, and an external id."""
    routes = APIRouter()
    for plural in sorted({name.split("/")[0] for name in COMMANDS}):
        creates = [c for n, c in COMMANDS.items() if n.startswith(f"{plural}/") and c.CREATES]
        changes = COMMANDS.get(f"{plural}/change-details")
        if len(creates) == 1 and changes and "external" in creates[0].model_fields:
            _add_route(routes, context, schemas, Upsert(plural, creates[0], changes))
    return routes


def _add_route(
    routes: APIRouter, context: Context, schemas: openapi.Schemas, upsert: Upsert
) -> None:
    routes.add_api_route(
        paths.by_external(f"/v1/{upsert.plural}"),
        _endpoint(context, upsert),
        methods=["PUT"],
        summary="Create the record, or change its details, by another system's id.",
        description=_description(upsert),
        tags=[upsert.plural],
        response_class=Response,
        responses={
            200: openapi.answer("It was changed.", openapi.ref("Receipt")),
            201: openapi.answer("It was created.", openapi.ref("Receipt")),
            **openapi.problems(400, 404, 409, 412, 413, 415, 422),
        },
        openapi_extra={
            "operationId": f"{upsert.plural}.upsert",
            "requestBody": openapi.body(schemas.command(upsert.creates)),
        },
    )


def _description(upsert: Upsert) -> str:
    said = ", ".join(f"`{name}`" for name in upsert.unchanged)
    return (
        f"Of a record that exists only the details are changed. Where {said} are given and differ"
        " from the record, the answer is 409, and says which command changes each."
    )


def _endpoint(context: Context, upsert: Upsert) -> Any:
    async def put(request: Request, system: str, id: str) -> Response:
        caller = await context.caller(request)
        headers = bodies.headers(request)
        body = bodies.as_object(await bodies.read(request, context.settings.body_limit))
        external = {"system": system, "id": id}
        upsert.check(body, external)
        body["external"] = external
        receipt = await _carry_out(context, upsert, body, headers, caller)
        command = upsert.creates if receipt.status == 201 else upsert.changes
        return await receipt_response(context, command, receipt, wants_row=headers.wants_row)

    return put


async def _carry_out(
    context: Context, upsert: Upsert, body: dict[str, Any], headers: bodies.Headers, caller: Caller
) -> Receipt:
    system, id = body["external"].values()
    for attempt in range(1, ATTEMPTS + 1):
        find = context.application.find_external
        existing = await asyncio.to_thread(find, upsert.plural, system, id)
        if existing is not None and headers.idempotency_key is not None:
            created = await asyncio.to_thread(_created, context, upsert, body, headers, caller)
            if created is not None:
                return created
        try:
            asked = upsert.asked(body, headers, existing)
            if existing is not None:
                await asyncio.to_thread(_check_unchanged, context, upsert, body, asked, caller)
            return await context.application.dispatch_async(asked, caller)
        except Rejected:
            if existing is not None or attempt == ATTEMPTS:
                raise
            if await asyncio.to_thread(find, upsert.plural, system, id) is None:
                raise
    raise AssertionError("unreachable")


def _check_unchanged(
    context: Context, upsert: Upsert, body: dict[str, Any], asked: Asked, caller: Caller
) -> None:
    """Raise where the body says what an upsert does not change, unless it was answered before."""
    given = {name: body[name] for name in upsert.unchanged if name in body}
    if given and asked.id and context.application.receipt(asked, caller) is None:
        require_unchanged(context.application.repository, upsert.creates, asked.id, given)


def _created(
    context: Context, upsert: Upsert, body: dict[str, Any], headers: bodies.Headers, caller: Caller
) -> Receipt | None:
    """The receipt of the same request when it created the record, if it did."""
    try:
        return context.application.receipt(upsert.asked(body, headers, None), caller)
    except (Invalid, IdempotencyKeyReused):
        return None
