"""Reads over HTTP: lists, single rows and named questions, by loops over the registries."""

import logging
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from adapters.http import answers, openapi, parameters, paths
from adapters.http.answering import CURSOR, Reads
from adapters.http.context import Context
from adapters.http.routes import add_read
from aggregates.errors import NotFound
from projections.base import Projection
from queries.base import QUERIES, Query

_log = logging.getLogger(__name__)


ELSEWHERE = frozenset({"imports"})
"""Tables whose records and lists another part answers, with more than the rows."""
_UUID = {"type": "string", "format": "uuid"}
_CUSTOM = (
    "Custom fields are filtered as `custom.CODE`, with the same operators as texts; numbers are"
    " compared as numbers. Unknown parameters are refused."
)


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    """Routes of every table and every query in the registries."""
    routes, reads = APIRouter(), Reads(context)
    for name, query in sorted(QUERIES.items()):
        _add_query(routes, reads, schemas, name, query)
    for _, projection in sorted(Projection.registry.items()):
        row = parameters.row(projection.row, schemas)
        for home in homes(projection):
            if projection.table not in ELSEWHERE:
                _add_list(routes, reads, projection, row, home)
            if "external" in projection.row.fields:
                _add_by_external(routes, reads, projection, row, home)
            if projection.table not in ELSEWHERE:
                _add_one(routes, reads, projection, row, home)

    async def now(table: str, id: UUID) -> dict[str, Any] | None:
        try:
            row = await context.read(reads.folded, Projection.registry[table], id)
        except NotFound:
            return None
        except Exception:  # What the row is for has happened: nothing here may make it look undone.
            _log.exception("%s cannot be read after a command", id)
            return None
        return answers.row(row)

    context.row = now
    return routes


def homes(projection: Projection[Any]) -> tuple[str, ...]:
    """Where a table is read: under its name, and as commands write it, ``dictionary-entries``."""
    table, plural = projection.table, projection.plural
    is_other = plural != table and plural.replace("-", "_") == table
    return (f"/v1/{table}", f"/v1/{plural}") if is_other else (f"/v1/{table}",)


def _is_first(projection: Projection[Any], home: str) -> bool:
    """Whether it is the first of a table's homes: the document has each route once."""
    return home == homes(projection)[0]


def _add_list(
    routes: APIRouter, reads: Reads, projection: Projection[Any], row: dict[str, Any], home: str
) -> None:
    async def rows(request: Request) -> Response:
        return await reads.list(request, projection)

    schema = parameters.page(row, next=parameters.NEXT, position=parameters.POSITION)
    schema["properties"]["count"] = {"type": "integer", "description": "With `count=exact`."}
    add_read(
        routes,
        home,
        rows,
        f"{projection.table}.list",
        f"List {projection.table.replace('_', ' ')}.",
        openapi.answer("A page of the list.", schema),
        parameters.of_list(projection.row),
        description=_CUSTOM,
        is_shown=_is_first(projection, home),
    )


def _add_one(
    routes: APIRouter, reads: Reads, projection: Projection[Any], row: dict[str, Any], home: str
) -> None:
    async def one(request: Request) -> Response:
        return await reads.one(request, projection, request.path_params["id"])

    add_read(
        routes,
        f"{home}/{{id}}",
        one,
        f"{projection.table}.get",
        "One record, now or as of any moment.",
        openapi.answer("The record.", row, ETag="The record's version, quoted."),
        [parameters.path("id", _UUID), *parameters.moment(), parameters.after()],
        404,
        is_shown=_is_first(projection, home),
    )


def _add_by_external(
    routes: APIRouter, reads: Reads, projection: Projection[Any], row: dict[str, Any], home: str
) -> None:
    async def by_external(request: Request) -> Response:
        return await reads.by_external(request, projection, **request.path_params)

    text = {"type": "string", "minLength": 1}
    add_read(
        routes,
        paths.by_external(home),
        by_external,
        f"{projection.table}.by-external",
        "The record that another system calls so.",
        openapi.answer("The record.", row, ETag="The record's version, quoted."),
        [
            parameters.path("system", text),
            parameters.path("id", text),
            *parameters.moment(),
            parameters.after(),
        ],
        404,
        is_shown=_is_first(projection, home),
    )


def _add_query(
    routes: APIRouter, reads: Reads, schemas: openapi.Schemas, name: str, query: type[Query[Any]]
) -> None:
    async def answer(request: Request) -> Response:
        return await reads.query(request, query)

    line = parameters.line(query.LINE, schemas)
    moment = () if query.OF_TODAY else parameters.moment()
    paging = {"next": parameters.NEXT} if CURSOR in query.model_fields else {}
    page = parameters.page(line, **paging, position=parameters.POSITION)
    add_read(
        routes,
        f"/v1/queries/{name}",
        answer,
        f"queries.{name}",
        (query.__doc__ or name).strip().splitlines()[0],
        openapi.answer("The answer.", page),
        [*parameters.of_query(query, schemas), *moment, parameters.after()],
    )
