"""Exports over HTTP: every list as CSV and as a workbook, by a loop over the registry."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import partial
from typing import Any, get_args

from fastapi import APIRouter, Request, Response

from adapters.exporting.export import Exporter, Format, Wanted
from adapters.http import openapi, parameters
from adapters.http.answering import Reads
from adapters.http.asking import Asked, asked
from adapters.http.context import Context
from adapters.http.disposition import attachment
from adapters.http.errors import Overload
from adapters.http.reads import homes
from adapters.http.routes import add_read
from adapters.http.spooling import ClientGone, Spool, SpooledResponse
from adapters.postgres.reads.asof import Moment, Occurred
from adapters.postgres.reads.filters import selection
from adapters.texts import LANGUAGES, negotiated
from aggregates.errors import FieldError, Invalid
from projections.base import Projection

AT_ONCE = 2
"""Exports that are written at the same time; each takes a connection and a thread."""
MOST = 32
"""Exports from their first wait to the last byte taken, each a file on disk; who asks for one more
is asked to come again."""
RETRY_SECONDS = 10
BY_HEADER = "auto"
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_SCHEMAS: dict[Format, dict[str, Any]] = {
    "csv": {"type": "string"},
    "xlsx": {"type": "string", "format": "binary"},
}
_OF_PAGES = ("limit", "cursor", "count")


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    """Two routes per table."""
    routes, exports = APIRouter(), Exports(context)
    for _, projection in sorted(Projection.registry.items()):
        for home in homes(projection):
            for format in get_args(Format):
                _add_route(routes, exports, projection, home, format)
    return routes


def _add_route(
    routes: APIRouter, exports: "Exports", projection: Projection[Any], home: str, format: Format
) -> None:
    async def export(request: Request) -> Response:
        return await exports.answer(request, projection, format)

    table = projection.table
    media_type = MEDIA_TYPES[format].partition(";")[0]
    done = {
        "description": "The whole list. An answer that could not be finished is cut off.",
        "content": {media_type: {"schema": _SCHEMAS[format]}},
        "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
    }
    add_read(
        routes,
        f"{home}.{format}",
        export,
        f"{table}.{format}",
        f"Export {table.replace('_', ' ')} as {format.upper()}: the same list, whole.",
        done,
        _parameters(projection),
        is_shown=home == f"/v1/{table}",
    )


def _parameters(projection: Projection[Any]) -> list[dict[str, Any]]:
    listed = (p for p in parameters.of_list(projection.row) if p["name"] not in _OF_PAGES)
    languages = {"type": "string", "enum": [*LANGUAGES, BY_HEADER]}
    said = (
        "Labels over the columns and names in place of codes and ids, in this language;"
        " `auto`: in that of Accept-Language. Without it, names and codes that programs know."
    )
    header = openapi.header("Accept-Language", "zh or en: of the file's name and its labels.")
    return [parameters.query("labels", languages, said), *listed, header]


class Exports:
    """Answers exports, whatever table they are of."""

    def __init__(self, context: Context) -> None:
        self._context, self._reads = context, Reads(context)
        reads = self._reads
        self._exporter = Exporter(
            str(context.pool.conninfo), context.timezone, context.texts, reads.rows, reads.records
        )
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="exports")
        self._open = 0

    async def answer(
        self, request: Request, projection: Projection[Any], format: Format
    ) -> Response:
        """The export, begun once its first rows are known."""
        scope = await self._reads.scope(request)
        given = asked(request, own=("labels",), open=True)
        chosen = selection(projection.row, given.rest, self._context.timezone)
        spoken = _language(given, request)
        moment = await self._reads.reading.moment(given)
        await self._reads.reading.ready([projection.table], given, moment)
        language = spoken or negotiated(request.headers.get("accept-language"))
        title = self._title(projection, language)
        wanted = Wanted(projection, scope, moment, chosen, format, title, spoken)
        return await self._begin(request, wanted, self._headers(wanted))

    async def _begin(self, request: Request, wanted: Wanted, headers: dict[str, str]) -> Response:
        if self._open >= MOST:
            raise Overload(RETRY_SECONDS)
        spool = Spool(self._released)
        self._open += 1
        spool.run(self._threads, partial(self._write, wanted))
        try:
            await spool.begun(request)
        except ClientGone:
            spool.close()
            return Response(status_code=499)
        except BaseException:
            spool.close()
            raise
        return SpooledResponse(spool, MEDIA_TYPES[wanted.format], headers)

    def _write(self, wanted: Wanted, spool: Spool) -> None:
        self._exporter.write(wanted, spool)

    def _released(self) -> None:
        self._open -= 1

    def _title(self, projection: Projection[Any], language: str) -> str:
        texts = self._context.texts.of(language).aggregate(projection.kind)
        return str(texts.get("plural") or projection.table)

    def _headers(self, wanted: Wanted) -> dict[str, str]:
        day = _day(wanted.moment, self._context)
        named = f"{wanted.title}-{day}.{wanted.format}"
        plain = f"{wanted.projection.table}-{day}.{wanted.format}"
        return {
            "Content-Disposition": attachment(named, plain),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }


def _language(given: Asked, request: Request) -> str | None:
    labels = given.own.get("labels")
    if labels == BY_HEADER:
        return negotiated(request.headers.get("accept-language"))
    if labels not in (None, *LANGUAGES):
        raise Invalid(FieldError("labels", "not-one-of", known=", ".join((*LANGUAGES, BY_HEADER))))
    return labels


def _day(moment: Moment, context: Context) -> date:
    """The day that the file's name says: the one asked for, else today."""
    zone = context.timezone
    if isinstance(moment, Occurred):
        try:
            return moment.instant.astimezone(zone).date()
        except OverflowError:  # The first or the last hours that a calendar has.
            return moment.instant.date()
    return datetime.now(zone).date()
