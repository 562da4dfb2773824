"""Reads over HTTP: lists, single rows and named questions, by loops over the registries."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from adapters.http import answers, openapi, parameters
from adapters.http.asking import Reading, asked, whole
from adapters.http.context import Context
from adapters.http.problems import invalid
from adapters.postgres.asof import NOW, Moment, Now
from adapters.postgres.kinds import Unreadable, identity
from adapters.postgres.reader import Page, RowReader
from adapters.postgres.scope import Scope
from adapters.records import Records
from aggregates.errors import FieldError, Invalid, NotFound
from projections.base import Projection, Row
from queries.base import QUERIES, Query

DEFAULT_LIMIT, MOST = 50, 1_000
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
        _add_list(routes, reads, projection, row)
        if "external" in projection.row.fields:
            _add_by_external(routes, reads, projection, row)
        _add_one(routes, reads, projection, row)

    async def now(table: str, id: UUID) -> dict[str, Any] | None:
        return answers.row(await context.read(reads.records.at, Projection.registry[table], id))

    context.row = now
    return routes


class Reads:
    """Answers reads, whatever table or query they are about."""

    def __init__(self, context: Context) -> None:
        self.context, self.reading = context, Reading(context)
        self.rows = RowReader(context.pool, context.timezone)
        self.records = Records(context.log, context.mapper)

    async def scope(self, request: Request) -> Scope:
        return Scope((await self.context.caller(request)).actor)

    async def list(self, request: Request, projection: Projection[Any]) -> Response:
        scope = await self.scope(request)
        given = asked(request, own=("limit", "cursor", "count"), open=True)
        wish = self.rows.wish(
            projection.row,
            given.rest,
            moment=given.moment,
            limit=whole(given.own.get("limit"), "limit", DEFAULT_LIMIT, MOST),
            cursor=given.own.get("cursor"),
            count=_counts(given.own.get("count")),
        )
        moment = await self.reading.moment(given)
        position = await self.reading.ready([projection.table], given, moment)
        page: Page = await self.reading.read(self.rows.page, projection.row, scope, moment, wish)
        count = {} if page.count is None else {"count": page.count}
        items = [answers.row(row) for row in page.rows]
        return answers.answer({"items": items, "next": page.next, "position": position, **count})

    async def one(self, request: Request, projection: Projection[Any], id: str) -> Response:
        scope, given = await self.scope(request), asked(request)
        record = identified(id)
        moment = await self.reading.moment(given)
        if given.after:
            await self.reading.ready([projection.table], given, NOW)
        row = await self.reading.read(self._one, projection, scope, record, moment)
        return _single(row)

    def _one(self, projection: Projection[Any], scope: Scope, id: UUID, moment: Moment) -> Row:
        """From the view, or where that is behind or another moment is asked for, from the log."""
        if isinstance(moment, Now):
            row = self.rows.one(projection.row, scope, id)
            if row is not None and not self.records.is_newer(row):
                return row
        if not self.rows.sees(projection.row, scope, id):
            raise NotFound(projection.aggregate.KIND, id)
        return self.records.at(projection, id, moment)

    async def by_external(
        self, request: Request, projection: Projection[Any], system: str, id: str
    ) -> Response:
        scope, given = await self.scope(request), asked(request)
        moment = await self.reading.moment(given)
        await self.reading.ready([projection.table], given, moment)
        if "\x00" in system + id:
            raise NotFound(projection.aggregate.KIND, f"{system}/{id}")
        row = await self.reading.read(
            self.rows.by_external, projection.row, scope, moment, system, id
        )
        if row is None:
            raise NotFound(projection.aggregate.KIND, f"{system}/{id}")
        return _single(row)

    async def query(self, request: Request, query: type[Query[Any]]) -> Response:
        scope = await self.scope(request)
        given = asked(request, own=query.model_fields)
        try:
            question = query.model_validate_strings(given.own, strict=True)
        except ValidationError as error:
            raise invalid(error) from None
        moment = await self.reading.moment(given)
        position = await self.reading.ready(query.tables(), given, moment)
        lines = await self.reading.read(self.rows.answer, question, scope, moment)
        items = [answers.value(line) for line in lines]
        return answers.answer({"items": items, "position": position})


def identified(text: str) -> UUID:
    """The id in a path. Raises Invalid."""
    try:
        return identity(text)
    except Unreadable as error:
        raise Invalid(FieldError("id", error.key)) from None


def _counts(given: str | None) -> bool:
    if given not in (None, "exact"):
        raise Invalid(FieldError("count", "not-one-of", known="exact"))
    return given is not None


def _single(row: Row) -> Response:
    return answers.answer(answers.row(row), {"ETag": f'"{row.version}"'})


def _add_list(
    routes: APIRouter, reads: Reads, projection: Projection[Any], row: dict[str, Any]
) -> None:
    async def rows(request: Request) -> Response:
        return await reads.list(request, projection)

    schema = parameters.page(row, next=parameters.NEXT, position=parameters.POSITION)
    schema["properties"]["count"] = {"type": "integer", "description": "With `count=exact`."}
    _add(
        routes,
        f"/v1/{projection.table}",
        rows,
        projection.table,
        f"{projection.table}.list",
        f"List {projection.table.replace('_', ' ')}.",
        openapi.answer("A page of the list.", schema),
        parameters.of_list(projection.row),
        description=_CUSTOM,
    )


def _add_one(
    routes: APIRouter, reads: Reads, projection: Projection[Any], row: dict[str, Any]
) -> None:
    async def one(request: Request) -> Response:
        return await reads.one(request, projection, request.path_params["id"])

    _add(
        routes,
        f"/v1/{projection.table}/{{id}}",
        one,
        projection.table,
        f"{projection.table}.get",
        "One record, now or as of any moment.",
        openapi.answer("The record.", row, ETag="The record's version, quoted."),
        [parameters.path("id", _UUID), *parameters.moment(), parameters.after()],
        404,
    )


def _add_by_external(
    routes: APIRouter, reads: Reads, projection: Projection[Any], row: dict[str, Any]
) -> None:
    async def by_external(request: Request) -> Response:
        return await reads.by_external(request, projection, **request.path_params)

    text = {"type": "string", "minLength": 1}
    _add(
        routes,
        f"/v1/{projection.table}/by-external/{{system}}/{{id:path}}",
        by_external,
        projection.table,
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
    )


def _add_query(
    routes: APIRouter, reads: Reads, schemas: openapi.Schemas, name: str, query: type[Query[Any]]
) -> None:
    async def answer(request: Request) -> Response:
        return await reads.query(request, query)

    line = parameters.line(query.LINE, schemas)
    _add(
        routes,
        f"/v1/queries/{name}",
        answer,
        "queries",
        f"queries.{name}",
        (query.__doc__ or name).strip().splitlines()[0],
        openapi.answer("The answer.", parameters.page(line, position=parameters.POSITION)),
        [*parameters.of_query(query, schemas), *parameters.moment(), parameters.after()],
    )


def _add(
    routes: APIRouter,
    path: str,
    endpoint: Any,
    tag: str,
    name: str,
    summary: str,
    answer: dict[str, Any],
    taken: list[dict[str, Any]],
    *failures: int,
    description: str | None = None,
) -> None:
    routes.add_api_route(
        path,
        endpoint,
        methods=["GET"],
        name=name,
        summary=summary,
        description=description,
        tags=[tag],
        response_class=Response,
        responses={200: answer, **openapi.problems(422, *failures)},
        openapi_extra={"operationId": name, "parameters": taken},
    )
