"""History over HTTP: what happened to one record, event by event, straight from the log."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from adapters.http import answers, openapi, parameters
from adapters.http.answering import identified
from adapters.http.asking import Reading, asked, position, whole
from adapters.http.context import Context
from adapters.http.routes import add_read
from adapters.names import Names
from adapters.postgres.reads import lives
from adapters.postgres.reads.asof import Moment
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.records import Records, Step
from adapters.sentences import Source, source
from adapters.steps import Steps
from adapters.texts import Texts, negotiated
from aggregates.errors import FieldError, Invalid, NotFound
from projections.base import Projection, Row

MOST = 1_000
GENERIC = frozenset({"id", "version", "position", "created_at", "updated_at"})
_PAIR = {"type": "array", "minItems": 2, "maxItems": 2, "description": "Before and after."}
_TEXT, _OR_NULL = {"type": "string"}, {"type": ["string", "null"]}
_INSTANT = {"type": "string", "format": "date-time"}
_INTEGER = {"type": "integer"}
_ACTOR = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {"id": {"type": "string", "format": "uuid"}, "name": _OR_NULL},
}
_IMPORT = {
    "type": ["object", "null"],
    "description": "The import by which it came in, or because of which a policy did it.",
    "required": ["id", "file_name", "href"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "file_name": _TEXT,
        "href": _TEXT | {"examples": ["/v1/imports/91c373ff-447d-518c-bf07-179b42b8c293"]},
    },
}
_PROPERTIES = {
    "event_id": _TEXT,
    "event": _TEXT | {"examples": ["Opportunity.Won"]},
    "position": _INTEGER,
    "version": _INTEGER,
    "recorded_at": _INSTANT,
    "occurred_at": _INSTANT,
    "actor": _ACTOR,
    "origin": _TEXT,
    "import": _IMPORT,
    "reason": _OR_NULL,
    "changes": {"type": "object", "additionalProperties": _PAIR},
    "sentence": _TEXT,
}
ITEM: dict[str, Any] = {
    "type": "object",
    "required": list(_PROPERTIES),
    "properties": _PROPERTIES,
}


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    """A route per aggregate."""
    routes, histories = APIRouter(), Histories(context)
    told = schemas.named("HistoryItem", ITEM)
    for _, projection in sorted(Projection.registry.items()):
        if not projection.is_of_parts:
            _add_route(routes, histories, projection, told)
    return routes


def _add_route(
    routes: APIRouter, histories: "Histories", projection: Projection[Any], told: dict[str, Any]
) -> None:
    async def history(request: Request) -> Response:
        return await histories.answer(request, projection)

    plural = projection.plural
    page = parameters.page(told, next=parameters.NEXT)
    add_read(
        routes,
        f"/v1/{plural}/{{id}}/history",
        history,
        f"{plural}.history",
        "Everything that happened to the record, oldest first.",
        openapi.answer("The history.", page),
        [
            parameters.path("id", {"type": "string", "format": "uuid"}),
            parameters.limit(MOST),
            parameters.cursor(),
            *parameters.moment("recorded"),
            parameters.after("log"),
            openapi.header("Accept-Language", "zh or en: the language of the sentences."),
        ],
        404,
    )


class Histories:
    """Answers histories, whatever aggregate they are of."""

    def __init__(self, context: Context) -> None:
        self._context, self._reading = context, Reading(context)
        self._rows = RowReader(context.pool, context.timezone)
        self._records = Records(context.log, context.mapper)
        self._steps = Steps(context.log, self._records, self._rows)
        self._texts: Texts = context.texts

    async def answer(self, request: Request, projection: Projection[Any]) -> Response:
        scope = Scope((await self._context.caller(request)).actor)
        given = asked(request, own=("limit", "cursor"))
        id = identified(request.path_params["id"])
        limit = whole(given.own.get("limit"), "limit", MOST, MOST)
        cursor = given.own.get("cursor")
        behind = None if cursor is None else position(cursor, "cursor")
        if given.after:
            await self._reading.published(given.after)
        moment = await self._reading.moment(given, default="recorded")
        language = negotiated(request.headers.get("accept-language"))
        return answers.answer(
            await self._reading.read(
                self._page, projection, scope, id, moment, behind, limit, language
            ),
            {"Content-Language": language},
        )

    def _page(
        self,
        projection: Projection[Any],
        scope: Scope,
        id: UUID,
        moment: Moment,
        behind: int | None,
        limit: int,
        language: str,
    ) -> dict[str, Any]:
        rows = self._rows
        if not rows.sees(projection.row, scope, id):
            raise NotFound(projection.kind, id)
        if behind is not None and not lives.belongs(rows, projection.kind, id, behind, moment):
            raise Invalid(FieldError("cursor", "not-a-cursor"))
        told = lives.page(rows, projection.kind, id, moment, behind, limit + 1)
        if not told and behind is None:
            raise NotFound(projection.kind, id)
        shown, is_last = told[:limit], len(told) <= limit
        steps = self._steps.at({id: projection}, shown, moment)
        names = Names(rows, self._records, scope)

        def speak() -> list[dict[str, Any]]:
            return [item(self._texts, steps[p], language, names, moment) for p in shown]

        return {"items": names.said(speak), "next": None if is_last else str(shown[-1])}


def item(texts: Texts, step: Step, language: str, names: Names, moment: Moment) -> dict[str, Any]:
    """One event as histories tell it."""
    event, before, after = step
    envelope = event.envelope
    then = names.at(envelope, moment)
    name = texts.actor(envelope.origin, then.record("User", envelope.actor), language)
    sentence, of = texts.sentence(event, before, after, language, then), source(event, then)
    if of is not None:
        sentence = texts.of(language).speech.imported(sentence, of.file_name)
    return {
        "event_id": envelope.event_id,
        "event": event.TOPIC,
        "position": envelope.position,
        "version": envelope.version,
        "recorded_at": answers.value(envelope.recorded_at),
        "occurred_at": answers.value(envelope.occurred_at),
        "actor": {"id": envelope.actor, "name": name},
        "origin": envelope.origin,
        "import": _import(of),
        "reason": envelope.reason,
        "changes": changes(before, after),
        "sentence": sentence,
    }


def _import(of: Source | None) -> dict[str, Any] | None:
    """The import as histories name it, and where to read of it."""
    if of is None:
        return None
    return {"id": of.import_id, "file_name": of.file_name, "href": f"/v1/imports/{of.import_id}"}


def changes(before: Row | None, after: Row | None) -> dict[str, list[Any]]:
    """Field → its value before and after, of those that changed."""
    row = after or before
    if row is None:
        return {}
    found: dict[str, list[Any]] = {}
    for name in type(row).fields.keys() - GENERIC:
        was, now = _value(before, name), _value(after, name)
        if was != now:
            found[name] = [was, now]
    return {name: found[name] for name in type(row).fields if name in found}


def _value(row: Row | None, name: str) -> Any:
    """The field as it is answered; None where it says nothing."""
    given = None if row is None else getattr(row, name)
    return None if given in ((), "") else answers.value(given)
