"""The timeline over HTTP: all that happened with a customer, whatever record it happened to."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from adapters.http import answers, openapi, parameters
from adapters.http.answering import Reads, identified
from adapters.http.asking import MOST_VALUES, Asked, asked, whole
from adapters.http.context import Context
from adapters.http.history import ITEM, item
from adapters.http.routes import add_read
from adapters.names import Names
from adapters.postgres.reads import cursors
from adapters.postgres.reads.asof import Moment
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.timeline import Filters, Told, tables, timeline
from adapters.postgres.views.references import mergeable
from adapters.records import Step
from adapters.sentences import title
from adapters.texts import negotiated
from aggregates.base import Aggregate
from aggregates.errors import FieldError, Invalid, kebab
from projections.base import Projection, Row

DEFAULT_LIMIT, MOST = 50, 200
FILTERS = ("kind", "event", "channel")
_UUID = {"type": "string", "format": "uuid"}
_OR_NULL = {"type": ["string", "null"]}
_RECORD = {
    "type": "object",
    "description": "What it happened to, called as it was then.",
    "required": ["kind", "id", "number", "title"],
    "properties": {
        "kind": {"type": "string", "examples": ["opportunity"]},
        "id": _UUID,
        "number": _OR_NULL,
        "title": _OR_NULL,
    },
}
_DESCRIPTION = (
    "Every event that was recorded under the customer or under one that was merged into it, the"
    " events by which records left it, and the whole life of what belongs to it at the moment that"
    " is asked for. The newest comes first, by the clock that is asked for."
)


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    """A route for each kind of record that others can be merged into: customers."""
    routes, reads = APIRouter(), Reads(context)
    told = {**ITEM, "required": [*ITEM["required"], "record"]}
    told["properties"] = {**ITEM["properties"], "record": _RECORD}
    schema = parameters.page(
        schemas.named("TimelineItem", told), next=parameters.NEXT, position=parameters.POSITION
    )
    for projection in mergeable().values():
        _add_route(routes, Timelines(context, reads, projection), projection, schema)
    return routes


def _add_route(
    routes: APIRouter, timelines: "Timelines", projection: Projection[Any], schema: dict[str, Any]
) -> None:
    plural = projection.plural
    add_read(
        routes,
        f"/v1/{plural}/{{id}}/timeline",
        timelines.answer,
        f"{plural}.timeline",
        "All that happened with the customer, newest first.",
        openapi.answer("The timeline.", schema),
        [
            parameters.path("id", _UUID),
            parameters.limit(DEFAULT_LIMIT, MOST),
            parameters.cursor(),
            *_filters(),
            *parameters.moment(),
            parameters.after(),
            openapi.header("Accept-Language", "zh or en: the language of the sentences."),
        ],
        404,
        description=_DESCRIPTION,
    )


def _filters() -> list[dict[str, Any]]:
    said = {
        "kind": (sorted(_kinds()), "Only what happened to records of this kind; repeated: any."),
        "event": (sorted(_topics()), "Only events of this name; repeated: any of them."),
        "channel": (None, "Only interactions by this channel; repeated: any of them."),
    }
    found = []
    for name, (known, description) in said.items():
        items: dict[str, Any] = {"type": "string"} | ({} if known is None else {"enum": known})
        schema = {"type": "array", "items": items, "minItems": 1, "maxItems": MOST_VALUES}
        found.append(parameters.query(name, schema, description))
    return found


def _kinds() -> dict[str, str]:
    """``opportunity`` → stored kind."""
    return {kebab(kind): kind for kind in Aggregate.registry}


def _topics() -> frozenset[str]:
    return frozenset(t for a in Aggregate.registry.values() for t in a.EVENTS)


class Timelines:
    """Answers the timelines of one kind of record."""

    def __init__(self, context: Context, reads: Reads, projection: Projection[Any]) -> None:
        self._reads, self._projection = reads, projection
        self._texts = context.texts
        self._tables = tables(projection)

    async def answer(self, request: Request) -> Response:
        reads = self._reads
        scope = await reads.scope(request)
        given = asked(request, own=("limit", "cursor"), open=True)
        filters = _wanted(given)
        id = identified(request.path_params["id"])
        limit = whole(given.own.get("limit"), "limit", DEFAULT_LIMIT, MOST)
        place = _Place(id, given)
        behind = place.of(given.own.get("cursor"))
        moment = await reads.reading.moment(given)
        read = await reads.reading.ready(self._tables, given, moment)
        language = negotiated(request.headers.get("accept-language"))
        page = await reads.reading.read(
            self._page, scope, id, moment, filters, behind, limit, language
        )
        next = None if page["next"] is None else place.cursor(page["next"])
        told = {**page, "next": next, "position": read}
        return answers.answer(told, {"Content-Language": language})

    def _page(
        self,
        scope: Scope,
        id: UUID,
        moment: Moment,
        filters: Filters,
        behind: int | None,
        limit: int,
        language: str,
    ) -> dict[str, Any]:
        reads = self._reads
        if reads.rows.one(self._projection.row, scope, id, moment) is None:
            reads.row(self._projection, scope, id, moment)  # Or NotFound: the view may be behind.
        found = timeline(
            reads.rows, self._projection, id, scope, moment, filters, behind, limit + 1
        )
        items = self._told(found[:limit], moment, language, scope)
        is_last = len(found) <= limit
        return {"items": items, "next": None if is_last else found[limit - 1].position}

    def _told(
        self, found: Sequence[Told], moment: Moment, language: str, scope: Scope
    ) -> list[dict[str, Any]]:
        reads, projections = self._reads, _projections()
        wanted = {told.stream_id: projections[told.kind] for told in found}
        steps = reads.steps.at(wanted, [told.position for told in found], moment)
        names = Names(reads.rows, reads.records, scope)

        def speak() -> list[dict[str, Any]]:
            return [
                item(self._texts, steps[told.position], language, names, moment)
                | {"record": _record(told, steps[told.position])}
                for told in found
            ]

        return names.said(speak)


class _Place:
    """Where pages of one timeline end: a cursor fits no other, nor other filters or moments."""

    def __init__(self, id: UUID, given: Asked) -> None:
        filters = sorted(f"{name}={value}" for name, value in given.rest)
        self._id, self._asked = (
            id,
            "\n".join(("timeline", str(id), given.moment, *filters)).encode(),
        )

    def cursor(self, position: int) -> str:
        return cursors.written(position, asked=self._asked)

    def of(self, cursor: str | None) -> int | None:
        """The position that a cursor points to. Raises Invalid."""
        if cursor is None:
            return None
        [position] = cursors.read(cursor, self._asked)
        return int(position)


def _wanted(given: Asked) -> Filters:
    """The filters that are asked for. Raises Invalid naming all that are wrong."""
    values = {name: [v for n, v in given.rest if n == name] for name, _ in given.rest}
    errors = [FieldError(n, "unknown-parameter", known=", ".join(FILTERS)) for n in values]
    errors = [e for e in errors if e.field not in FILTERS]
    known = {"kind": _kinds().keys(), "event": _topics()}
    for name, among in known.items():
        if not set(values.get(name, ())) <= set(among):
            errors.append(FieldError(name, "not-one-of", known=", ".join(sorted(among))))
    if errors:
        raise Invalid(*errors)
    kinds = [_kinds()[kind] for kind in values.get("kind", ())]
    return Filters(kinds, values.get("event", ()), values.get("channel", ()))


def _projections() -> dict[str, Projection[Any]]:
    """Stored kind → the projection of its records."""
    return {p.kind: p for p in Projection.registry.values() if not p.is_of_parts}


def _record(told: Told, step: Step) -> dict[str, Any]:
    _, before, after = step
    row: Row | None = after or before
    return {
        "kind": kebab(told.kind),
        "id": told.stream_id,
        "number": None if row is None else row.number,
        "title": None if row is None else title(row),
    }
