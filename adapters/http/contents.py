"""Contents of attachments over HTTP: streamed, in ranges where wanted, and never as a page."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from adapters.attachments.contents import Damaged, Erased
from adapters.attachments.ports import Content
from adapters.http import openapi, parameters
from adapters.http.answering import Reads, identified
from adapters.http.asking import asked
from adapters.http.context import Context
from adapters.http.disposition import attachment
from adapters.http.errors import HttpProblem, Retryable
from aggregates.errors import NotFound
from projections.base import Projection, Row

TABLE = "attachments"
POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
_RANGE = re.compile(r"bytes=(\d{1,18})?-(\d{1,18})?", re.ASCII)
_ETAG = re.compile(r'(?:W/)?("[^"]*"|\*)')


class Detached(HttpProblem):
    """The file was taken away from the record; as of a day before, it is still there."""

    status = 410


class ContentErased(HttpProblem):
    """The file was erased with the data of the person it was about."""

    status = 410


class RangeNotSatisfiable(HttpProblem):
    """The file has no such bytes."""

    status = 416


class ContentDamaged(Retryable):
    """What is stored is not what was attached; a backup may have it."""


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    routes, reads = APIRouter(), Reads(context)

    async def content(request: Request) -> Response:
        row = await _row(reads, request)
        if row.withdrawn_at is not None:
            raise Detached
        return await _answer(context, request, row)

    routes.add_api_route(
        f"/v1/{TABLE}/{{id}}/content",
        content,
        methods=["GET"],
        name=f"{TABLE}.content",
        summary="What the file holds, whole or the bytes of one range.",
        tags=[TABLE],
        response_class=Response,
        responses={
            200: _documented("The file."),
            206: _documented("The bytes asked for."),
            304: {"description": "The file is the one that is known."},
            **openapi.problems(404, 410, 416, 422),
        },
        openapi_extra={
            "operationId": f"{TABLE}.content",
            "parameters": [
                parameters.path("id", {"type": "string", "format": "uuid"}),
                *parameters.moment(),
                parameters.after(),
                openapi.header("Range", "One range of bytes (RFC 9110, 14).", r"^bytes="),
                openapi.header("If-Range", "The ETag of which the range is wanted."),
                openapi.header("If-None-Match", "ETags of files that are known."),
            ],
        },
    )
    return routes


def _documented(description: str) -> dict[str, Any]:
    binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    names = ("ETag", "Content-Disposition", "Accept-Ranges")
    headers = {name: {"schema": {"type": "string"}} for name in names}
    return {"description": description, "content": binary, "headers": headers}


async def _row(reads: Reads, request: Request) -> Row:
    scope, given = await reads.scope(request), asked(request)
    id = identified(request.path_params["id"])
    moment = await reads.reading.moment(given)
    await reads.reading.ready([TABLE], given, moment)
    table = Projection.registry[TABLE].row
    row = await reads.reading.read(reads.rows.one, table, scope, id, moment)
    if row is None:
        raise NotFound("Attachment", id)
    return row


async def _answer(context: Context, request: Request, row: Row) -> Response:
    said = vars(row)
    content: Content | None = await context.read(context.contents.chunks.find, said["content_id"])
    if content is None or (content.size, content.digest.hex()) != (said["size"], said["digest"]):
        raise ContentDamaged(3_600)
    headers = {
        "ETag": f'"{said["digest"]}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": attachment(said["file_name"] or str(row.id)),
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    if _is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    wanted = _range(request, headers["ETag"], content.size)
    begin, end = wanted or (0, content.size)
    headers["Content-Length"] = str(end - begin)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{content.size}"
    parts = context.contents.read(content, begin, end)
    first = await context.read(_first, parts)
    return StreamingResponse(
        _sent(context, first, parts), 206 if wanted else 200, headers, said["media_type"]
    )


def _is_known(request: Request, etag: str) -> bool:
    given = request.headers.get("if-none-match", "")
    return any(known in ("*", etag) for known in _ETAG.findall(given))


def _range(request: Request, etag: str, size: int) -> tuple[int, int] | None:
    """The bytes from and up to which is wanted; None: all. Raises RangeNotSatisfiable.

    What is no single range is answered with the whole, as RFC 9110, 14.2 allows.
    """
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or request.headers.get("if-range", etag) != etag:
        return None
    first, last = match[1], match[2]
    if first is None:
        if last is None:
            return None
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(size, int(last) + 1 if last else size)
        if last is not None and int(last) < begin:
            return None
    if begin >= size or begin >= end:
        raise RangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"}, size=size)
    return begin, end


def _first(parts: Iterator[bytes]) -> bytes:
    """The first part, which shows whether there is anything to be answered."""
    try:
        return next(parts)
    except Erased as error:
        raise ContentErased from error
    except Damaged as error:
        raise ContentDamaged(3_600) from error


async def _sent(context: Context, first: bytes, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """All parts. What turns out to be damaged later breaks the connection off."""
    yield first
    while (part := await context.read(next, parts, None)) is not None:
        yield part
