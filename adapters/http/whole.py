"""The whole customer over HTTP: its profile, and whatever else names it, table by table."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request, Response

from adapters.http import answers, openapi, parameters
from adapters.http.answering import Reads, identified
from adapters.http.asking import Asked, asked, whole
from adapters.http.context import Context
from adapters.http.routes import add_read
from adapters.postgres.reads import statements
from adapters.postgres.reads.asof import Moment, Recorded
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.sections import Part, Section, Subtotal, parts, sections
from adapters.postgres.reads.statements import Wish
from adapters.postgres.views.references import mergeable
from projections.base import Projection
from queries.base import Total

DEFAULT_LIMIT, MOST = 20, 200
_UUID = {"type": "string", "format": "uuid"}
_COUNT = {"type": "integer", "minimum": 0}
_DESCRIPTION = (
    "Every table whose rows name the customer is a section, newest first: rows of customers that"
    " were merged into it count as its own, and are listed under `merged`. `next` continues the"
    " list at `list`. `totals` count and sum by stage or status and by currency."
)


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    """A route for each kind of record that others can be merged into: customers."""
    routes, reads = APIRouter(), Reads(context)
    for projection in mergeable().values():
        _add_route(routes, Wholes(reads, projection), projection, schemas)
    return routes


def _add_route(
    routes: APIRouter, wholes: "Wholes", projection: Projection[Any], schemas: openapi.Schemas
) -> None:
    plural, name = projection.plural, f"{projection.kind}360"
    schema = schemas.named(name, _schema(projection, wholes.parts, schemas))
    add_read(
        routes,
        f"/v1/{plural}/{{id}}/360",
        wholes.answer,
        f"{plural}.360",
        "The whole customer: profile, and everything that names it.",
        openapi.answer("The whole.", schema),
        [
            parameters.path("id", _UUID),
            parameters.limit(DEFAULT_LIMIT, MOST),
            *parameters.moment(),
            parameters.after(),
        ],
        404,
        description=_DESCRIPTION,
    )


class Wholes:
    """Answers one kind of record with all that names it."""

    def __init__(self, reads: Reads, projection: Projection[Any]) -> None:
        self._reads, self._projection = reads, projection
        self.parts = parts(projection.kind)
        self._tables = sorted({projection.table, *(part.row.table for part in self.parts)})

    async def answer(self, request: Request) -> Response:
        reads = self._reads
        scope = await reads.scope(request)
        given = asked(request, own=("limit",))
        id = identified(request.path_params["id"])
        limit = whole(given.own.get("limit"), "limit", DEFAULT_LIMIT, MOST)
        moment = await reads.reading.moment(given)
        if given.after or isinstance(moment, Recorded):
            await reads.reading.ready(self._tables, given, moment)
        return answers.answer(
            await reads.reading.read(self._whole, scope, id, moment, given, limit)
        )

    def _whole(
        self, scope: Scope, id: UUID, moment: Moment, given: Asked, limit: int
    ) -> dict[str, Any]:
        row = self._projection.row
        others = (
            statements.one(row, scope, id, moment),
            statements.kin(row, scope, id, moment),
            statements.position(self._tables),
        )
        with self._reads.rows.still() as reader:
            wishes = [(part, _wish(reader, part, id, given, limit)) for part in self.parts]
            found, (profile, merged, position) = sections(reader, wishes, scope, moment, others)
        if profile is None:  # so new that no view shows it yet
            profile = self._reads.row(self._projection, scope, id, moment)
        return {
            "profile": answers.row(profile),
            "merged": [answers.row(other) for other in merged],
            **{one.part.name: _section(one, id, given) for one in found},
            "position": position,
        }


def _wish(reader: RowReader, part: Part, id: UUID, given: Asked, limit: int) -> Wish:
    return reader.wish(part.row, part.parameters(id), moment=given.moment, limit=limit)


def _section(found: Section, id: UUID, given: Asked) -> dict[str, Any]:
    part = found.part
    moment = [(n, v) for n, v in (("as_of", given.as_of), ("clock", given.clock)) if v]
    told: dict[str, Any] = {
        "items": [answers.row(row) for row in found.rows],
        "count": found.count,
        "next": found.next,
        "list": f"/v1/{part.row.table}?{urlencode(part.parameters(id) + moment)}",
    }
    if part.is_split:
        told["totals"] = [_subtotal(part, subtotal) for subtotal in found.totals]
    return told


def _subtotal(part: Part, subtotal: Subtotal) -> dict[str, Any]:
    told: dict[str, Any] = {part.state: subtotal.state} if part.state else {}
    told["count"] = subtotal.count
    if part.has_amounts:
        told["amount"] = answers.value(subtotal.amount)
    return told


# What the document says


def _schema(
    projection: Projection[Any], parts: list[Part], schemas: openapi.Schemas
) -> dict[str, Any]:
    profile = parameters.row(projection.row, schemas)
    properties = {
        "profile": profile,
        "merged": {"type": "array", "items": profile},
        **{part.name: _section_schema(part, schemas) for part in parts},
        "position": parameters.POSITION,
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def _section_schema(part: Part, schemas: openapi.Schemas) -> dict[str, Any]:
    more = {"count": _COUNT, "next": parameters.NEXT, "list": {"type": "string"}}
    if part.is_split:
        more["totals"] = {"type": "array", "items": _subtotal_schema(part, schemas)}
    return parameters.page(parameters.row(part.row, schemas), **more)


def _subtotal_schema(part: Part, schemas: openapi.Schemas) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    if part.state:
        properties[part.state] = {"type": ["string", "null"]}
    properties["count"] = _COUNT
    if part.has_amounts:
        total = schemas.named("Total", schemas.of(Total, mode="serialization"))
        properties["amount"] = {"anyOf": [total, {"type": "null"}]}
    return {"type": "object", "required": list(properties), "properties": properties}
