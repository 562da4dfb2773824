"""Imports over HTTP: a file in, how far it is, what was refused; and what a file speaks for."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from adapters.http import answers, bodies, import_docs, openapi
from adapters.http.answering import Reads, identified
from adapters.http.asking import MOMENT, asked
from adapters.http.context import Context
from adapters.http.disposition import attachment
from adapters.http.errors import HttpProblem, Overload
from adapters.http.import_forms import FILE, MAPPING, OF_FILE, SHEET, Form, Reading
from adapters.http.uploading import drained
from adapters.importing.choosing import Hints, Undecided, WrongHint
from adapters.importing.keeping import Keeping, names
from adapters.importing.mapping import BadMapping
from adapters.importing.plan import NO_KIND
from adapters.importing.showing import Told, columns, text
from adapters.importing.sources import NoSheet, UnreadableFile
from adapters.importing.suggesting import Suggestion
from adapters.remarks import Remark
from adapters.texts import negotiated
from adapters.uploads.asked import Wish
from adapters.uploads.folders import folder
from adapters.uploads.telling import spoken
from aggregates.errors import FieldError, Invalid, NotFound
from aggregates.importing import Import, Kept
from projections.base import Projection

HOME, REHEARSALS = "/v1/imports", "/v1/imports/rehearsals"
RUNNING = "running"
AT_ONCE = 4
"""Forms that a process takes at the same time, each a file on disk."""
RETRY_SECONDS = 5
TABLE = "imports"
IMPORTING = ("kind", MAPPING, "on_duplicate", "dry_run", *OF_FILE)
SUGGESTING = ("kind", "custom", "currency", "system", *OF_FILE)


class MappingUndecided(HttpProblem):
    """Nobody gave a mapping, and the file does not speak for one in everything."""

    status = 422


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    """Routes of imports, beside those that every table has."""
    routes, imports = APIRouter(tags=[TABLE]), Imports(context)
    import_docs.add(routes, imports, context, schemas)
    return routes


class Imports:
    """Answers requests about imports."""

    def __init__(self, context: Context) -> None:
        self._context, self._reads = context, Reads(context)
        self._open = 0

    async def post(self, request: Request) -> Response:
        return await self._with_form(request, IMPORTING, self._import)

    async def suggest(self, request: Request) -> Response:
        return await self._with_form(request, SUGGESTING, self._suggest)

    async def list(self, request: Request) -> Response:
        """The records, and how it stands with each, where they are asked for as they are now."""
        answered = await self._reads.list(request, Projection.registry[TABLE])
        page = orjson.loads(bytes(answered.body))
        await self._tell_states(request, page["items"])
        return answers.answer(page)

    async def one(self, request: Request) -> Response:
        """The record, and how far it is, where it is asked for as it is now."""
        id = request.path_params["id"]
        answered = await self._reads.one(request, Projection.registry[TABLE], id)
        row = orjson.loads(bytes(answered.body))
        language = spoken_to(request)
        row["progress"] = await self._progress(row, language) if _is_of_now(request) else None
        await self._tell_states(request, [row])
        scope = await self._reads.scope(request)
        kept = [Kept.model_validate_json(orjson.dumps(one)) for one in row["kept_records"]]
        known = await self._context.read(names, self._reads.rows, scope, kept)
        keeping = Keeping(self._context.texts, language, known)
        row["kept_records"] = [*map(keeping.told, kept)]
        return answers.answer(row, {"ETag": answered.headers["ETag"], "Content-Language": language})

    async def rehearsal(self, request: Request) -> Response:
        await self._context.caller(request)
        asked(request, common=())
        language = spoken_to(request)
        found = await self._rehearsal(identified(request.path_params["id"]), language)
        return answers.answer(found, {"Content-Language": language})

    async def refused(self, request: Request) -> Response:
        return await self._refused(request, is_rehearsal=False)

    async def refused_of_rehearsal(self, request: Request) -> Response:
        return await self._refused(request, is_rehearsal=True)

    async def _with_form(self, request: Request, known: tuple[str, ...], work: Any) -> Response:
        settings = self._context.settings
        try:
            caller = await self._context.caller(request)
            headers = bodies.headers(request)
            if self._open >= AT_ONCE:
                raise Overload(RETRY_SECONDS)
            self._open += 1
            try:
                with folder() as place:
                    reading = Reading(place, known, settings.import_limit, settings.body_limit)
                    form = await reading.read(request)
                    answer: Response = await work(form, caller, headers, spoken_to(request))
                    return answer
            finally:
                self._open -= 1
        except ClientDisconnect:
            raise  # There is nothing to drain.
        except Exception as error:
            problem = self._context.problems.response(request, error)
            if not await drained(request, settings.import_limit):
                problem.headers["Connection"] = "close"
            return problem

    async def _import(self, form: Form, caller: Any, headers: Any, language: str) -> Response:
        wish = Wish(
            form.file_name,
            form.required("kind"),
            form.read_mapping(),
            form.on_duplicate,
            form.flag("dry_run"),
            form.choices,
            language,
        )
        uploads = self._context.uploads
        key = headers.idempotency_key
        id = await self._looked_at(
            form, language, uploads.taking.take, form.path, wish, caller, key
        )
        if wish.is_rehearsal:
            found = await self._rehearsal(id, language)
            return _accepted(found, f"{REHEARSALS}/{id}", language)
        row = await self._context.row(TABLE, id) or {"id": str(id)}
        row = orjson.loads(answers.dumped(row))
        body = {**row, "progress": await self._progress(row, language)}
        return _accepted(body, f"{HOME}/{id}", language)

    async def _suggest(self, form: Form, caller: Any, headers: Any, language: str) -> Response:
        hints = Hints(
            form.choices,
            form.flag("custom"),
            form.texts.get("currency") or None,
            form.texts.get("system") or None,
        )
        kind, taking = form.required("kind"), self._context.uploads.taking
        found = await self._looked_at(form, language, taking.suggested, kind, form.path, hints)
        told = self._told(language)
        return answers.answer(_suggestion(found, told), {"Content-Language": language})

    async def _looked_at(self, form: Form, language: str, work: Any, *arguments: Any) -> Any:
        """Do what looks at the file. Raises Invalid and MappingUndecided."""
        path, name = str(form.path), form.file_name
        try:
            return await asyncio.to_thread(work, *arguments)
        except BadMapping as error:
            said = error.remark.replacing(path, name)
            where = MAPPING if form.mapping else _blamed(said)
            raise Invalid(FieldError(where, "import-mapping", said=said)) from None
        except UnreadableFile as error:
            said, where = error.remark.replacing(path, name), FILE
            if isinstance(error, NoSheet):
                where = SHEET if form.choices.sheet is not None else MAPPING
            raise Invalid(FieldError(where, "import-file", said=said)) from None
        except WrongHint as error:
            raise Invalid(FieldError(error.hint, "import-mapping", said=error.remark)) from None
        except Undecided as error:
            found = _undecided(error.suggestion, self._told(language))
            raise MappingUndecided(**found) from None

    def _told(self, language: str) -> Told:
        return partial(self._context.texts.told, language=language)

    async def _tell_states(self, request: Request, rows: Sequence[dict[str, Any]]) -> None:
        """Add ``state`` to the rows: an import that failed or was cut off records nothing."""
        begun = [UUID(row["id"]) for row in rows if row["status"] == RUNNING]
        states = {}
        if begun and _is_of_now(request):
            states = await self._context.read(self._context.uploads.states, begun)
        for row in rows:
            row["state"] = states.get(UUID(row["id"]), row["status"])

    async def _progress(self, row: dict[str, Any], language: str) -> Any:
        uploads, id = self._context.uploads, UUID(row["id"])
        found = await self._context.read(uploads.progress, id)
        if found is None and row.get("status") == "running":
            runs = await self._context.read(uploads.runs, id)
            return {"state": "running" if runs else "cut_off"}
        return spoken(found, language)

    async def _rehearsal(self, id: UUID, language: str) -> dict[str, Any]:
        uploads = self._context.uploads
        found = await self._context.read(lambda: uploads.progress(id, is_rehearsal=True))
        if found is None:
            raise NotFound(Import.KIND, id)
        return {"id": str(id), **spoken(found, language)}

    async def _refused(self, request: Request, *, is_rehearsal: bool) -> Response:
        await self._context.caller(request)
        asked(request, common=())
        id = identified(request.path_params["id"])
        uploads = self._context.uploads
        found = await self._context.read(lambda: uploads.refused(id, is_rehearsal=is_rehearsal))
        if found is None:
            raise NotFound(Import.KIND, id)
        name, data = found
        headers = {
            "Content-Disposition": attachment(name, "refused.csv"),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return StreamingResponse(self._sent(data), 200, headers, "text/csv; charset=utf-8")

    async def _sent(self, data: Iterator[bytes]) -> AsyncIterator[bytes]:
        while (chunk := await self._context.read(next, data, None)) is not None:
            yield chunk


def spoken_to(request: Request) -> str:
    """The language of whoever asks."""
    return negotiated(request.headers.get("accept-language"))


def _is_of_now(request: Request) -> bool:
    return request.query_params.keys().isdisjoint(MOMENT)


def _accepted(body: dict[str, Any], location: str, language: str) -> Response:
    answered = answers.answer(body, {"Location": location, "Content-Language": language})
    answered.status_code = 202
    return answered


def _blamed(said: Remark) -> str:
    """What to name where the caller gave no mapping: the kind, or the file whose columns are not
    called like fields."""
    return "kind" if said.key == NO_KIND else FILE


def _suggestion(found: Suggestion, told: Told) -> dict[str, Any]:
    return {
        "mapping": found.mapping.model_dump(mode="json", exclude_defaults=True),
        "toml": text(found, told),
        "columns": columns(found, told),
        "missing": list(found.missing),
        "to_decide": [*map(told, found.to_decide)],
    }


def _undecided(found: Suggestion, told: Told) -> dict[str, Any]:
    said = [{"field": MAPPING, "message": told(one)} for one in found.to_decide]
    return {"errors": said, **_suggestion(found, told)}
