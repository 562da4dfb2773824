"""The OpenAPI document: what routes say of themselves, and the schemas they share.

Command bodies and rows are not FastAPI parameters (bodies are read with limits and refused by
name), so their schemas come from the registries.
"""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from adapters.http.problems import MEDIA_TYPE
from commands.base import Command, Meta

REF = "#/components/schemas/{model}"
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "additionalProperties": True,
}
RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["id", "version", "position"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "version": {"type": "integer", "minimum": 1},
        "position": {"type": "integer", "minimum": 0},
        "representation": {"type": ["object", "null"]},
    },
}
MEANINGS = {
    400: "The body is not JSON, or where a form is taken, not a form.",
    401: "No valid API key came with the request.",
    404: "There is no such record.",
    405: "The address does not take this method.",
    406: "The answer cannot be had in the format asked for.",
    409: "A rule of the business said no; `type` names it.",
    410: "It was there, and is no more.",
    412: "The record was changed meanwhile; `fields` says how.",
    413: "The body is too large.",
    415: "The body is not of the media type that is taken.",
    416: "There are no such bytes.",
    422: "The request is not valid; `errors` names every field that is wrong.",
    503: "Not now: repeat the request after `Retry-After` seconds.",
}


class Schemas:
    """Schemas of the document's components, gathered while routes are made."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {"Problem": PROBLEM, "Receipt": RECEIPT}

    def of(self, model: type[BaseModel], *, mode: str = "validation") -> dict[str, Any]:
        """The model's schema, its parts put among the components."""
        schema = model.model_json_schema(ref_template=REF, mode=mode)  # type: ignore[arg-type]
        self.components |= schema.pop("$defs", {})
        return schema

    def named(self, name: str, schema: dict[str, Any]) -> dict[str, str]:
        """Put a schema among the components; answers the reference to it."""
        self.components[name] = schema
        return ref(name)

    def command(self, command: type[Command[Any]]) -> dict[str, str]:
        """The body of a command: its fields, ``meta``, and an id where it creates."""
        schema = self.of(command)
        properties = schema.setdefault("properties", {})
        properties["meta"] = self.named("Meta", _public_meta(self))
        if command.CREATES:
            properties["id"] = {"type": "string", "format": "uuid", "title": "Id"}
        return self.named(command.__name__, schema)

    def without(self, command: type[Command[Any]], field: str) -> dict[str, Any]:
        """The body of a command without one of its fields, which comes otherwise."""
        self.command(command)
        whole = self.components.pop(command.__name__)
        fields = {name: part for name, part in whole["properties"].items() if name != field}
        required = [name for name in whole.get("required", ()) if name != field]
        return {**whole, "properties": fields, "required": required}


def _public_meta(schemas: Schemas) -> dict[str, Any]:
    meta = schemas.of(Meta)
    del meta["properties"]["incomplete"]
    return meta


def ref(name: str) -> dict[str, str]:
    return {"$ref": REF.format(model=name)}


def body(schema: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def answer(description: str, schema: dict[str, Any], **headers: str) -> dict[str, Any]:
    """A documented success."""
    return {
        "description": description,
        "content": {"application/json": {"schema": schema}},
        "headers": {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        },
    }


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documented failures; every route can answer 401 and 503."""
    return {status: _problem(status) for status in sorted({*statuses, 401, 503})}


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": MEANINGS[status],
        "content": {MEDIA_TYPE: {"schema": ref("Problem")}},
    }


def header(name: str, description: str, pattern: str | None = None) -> dict[str, Any]:
    """An optional request header."""
    schema = {"type": "string"} | ({} if pattern is None else {"pattern": pattern})
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": schema,
    }


def install(
    app: FastAPI, schemas: Schemas, tags: Iterable[dict[str, str]] = (), *, wants_keys: bool = True
) -> None:
    """Make ``app.openapi()`` answer the whole document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=list(tags) or None,
            )
            components = document.setdefault("components", {})
            components["schemas"] = {**components.get("schemas", {}), **schemas.components}
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{"key": []}] if wants_keys else []
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
