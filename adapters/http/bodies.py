"""Request bodies and headers: read with limits, understood strictly, refused by name."""

import json
import re
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError

from adapters.http.errors import MalformedJson, TooLarge, UnsupportedMediaType
from adapters.validation import invalid
from aggregates.errors import FieldError, Invalid
from commands import requests
from commands.base import Command, Meta

_ETAG = re.compile(r'"(\d{1,9})"', re.ASCII)
_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}", re.ASCII)
_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"', re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
M = TypeVar("M", bound=BaseModel)
DEEPEST = 32
"""Levels of nesting in a body; commands need five."""


@dataclass(frozen=True, slots=True)
class Headers:
    """What the headers of a command say."""

    if_match: int | None
    idempotency_key: str | None
    wants_row: bool


async def read(request: Request, limit: int) -> Any:
    """The body's JSON. Raises TooLarge, UnsupportedMediaType, MalformedJson or Invalid."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaType(wanted="application/json", media_type=media_type)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(limit=limit)
        chunks.append(chunk)
    return parsed(b"".join(chunks))


def parsed(text: bytes) -> Any:
    """The value of a JSON text in which every object names each field once."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(error=str(error)) from error
    if text.count(b":") != _count_fields(value, DEEPEST):
        json.loads(text, object_pairs_hook=_unique)  # slower: some string has a colon
    return value


def _count_fields(value: Any, deepest: int) -> int:
    """How many fields all objects inside have together. Raises Invalid for absurd nesting."""
    if not isinstance(value, dict | list):
        return 0
    if deepest == 0:
        raise Invalid(FieldError("body", "recursion_depth_exceeded"))
    if isinstance(value, list):
        return sum(_count_fields(item, deepest - 1) for item in value)
    return len(value) + sum(_count_fields(item, deepest - 1) for item in value.values())


def _unique(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(fields)
    if len(named) < len(fields):
        names = [name for name, _ in fields]
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid(FieldError(twice, "given-twice"))
    return named


def as_object(body: Any, field: str = "body") -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Invalid(FieldError(field, "object"))
    return body


def headers(request: Request) -> Headers:
    """Raises Invalid where a header does not have its form."""
    preferred = request.headers.get("prefer", "")
    wants_row = any(p.strip().lower() == "return=representation" for p in preferred.split(","))
    return Headers(_if_match(request), _idempotency_key(request), wants_row)


def _if_match(request: Request) -> int | None:
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    etag = _ETAG.fullmatch(given.strip())
    if etag is None:
        raise Invalid(FieldError("If-Match", "etag"))
    return int(etag[1])


def _idempotency_key(request: Request) -> str | None:
    """The key, bare or as a string of RFC 8941, section 3.3.3."""
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    return idempotency_key(given.strip(" "), "Idempotency-Key")


def idempotency_key(given: str, field: str) -> str:
    quoted = _STRING.fullmatch(given)
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1])
    if _TOKEN.fullmatch(given) is None:
        raise Invalid(FieldError(field, "idempotency-key"))
    return given


def command_request(
    command: type[Command[Any]],
    body: dict[str, Any],
    *,
    id: UUID | None = None,
    if_match: int | None = None,
    idempotency_key: str | None = None,
) -> requests.Request:
    """The request that a body makes. Raises Invalid naming every field that is wrong."""
    fields = dict(body)
    meta, errors = Meta(), list[FieldError]()
    if "meta" in fields:
        meta = _strict(Meta, fields.pop("meta"), "meta.", errors) or meta
    if command.CREATES and "id" in fields:
        id = _own_id(fields.pop("id"), errors)
    understood = _strict(command, fields, "", errors)
    if errors or understood is None:
        raise Invalid(*errors)
    return requests.Request(understood, id, meta, if_match, idempotency_key)


def _strict(model: type[M], value: Any, prefix: str, errors: list[FieldError]) -> M | None:
    try:
        return model.model_validate_json(orjson.dumps(value), strict=True)
    except ValidationError as error:
        errors += invalid(error, prefix, value).errors
        return None


def _own_id(value: Any, errors: list[FieldError]) -> UUID | None:
    if value is None:
        return None
    if isinstance(value, str) and _ID.fullmatch(value):
        return UUID(value)
    errors.append(FieldError("id", "uuid_parsing"))
    return None
