"""What the routes of imports say of themselves."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response

from adapters.http import openapi, parameters
from adapters.http.commands import IDEMPOTENCY_KEY
from adapters.http.context import Context
from adapters.http.forms import MEDIA_TYPE
from adapters.http.import_forms import DUPLICATES
from adapters.http.routes import add_read
from projections.base import Projection

if TYPE_CHECKING:
    from adapters.http.imports import Imports

HOME, REHEARSALS, TABLE = "/v1/imports", "/v1/imports/rehearsals", "imports"
_UUID = {"type": "string", "format": "uuid"}
_TEXT, _OR_NULL = {"type": "string"}, {"type": ["string", "null"]}
_KEPT = {**_TEXT, "description": "Why it was left, in the language of the answer."}
_CALLED = {"number": _OR_NULL, "title": _OR_NULL}
_KEEPER = {
    "type": ["object", "null"],
    "description": "Who has changed it since, what refers to it, or with what it was created.",
    "properties": {"kind": _TEXT, "id": _UUID, **_CALLED},
}
_COUNT = {"type": "integer", "minimum": 0}
_NUMBER_OR_NULL = {"type": ["number", "null"], "minimum": 0}
_ROWS = {
    "type": "object",
    "properties": {
        "count": _COUNT,
        "first": {"type": "array", "items": {"type": "object"}, "description": "At most 20."},
    },
}
_FLAG = {"type": "string", "enum": ["true", "false"], "default": "false"}
_OF_FILE = {
    "kind": {"type": "string", "description": "What the rows are.", "examples": ["customers"]},
    "encoding": {"type": "string", "description": "Where it is found out wrongly: `gb18030`, …"},
    "delimiter": {"type": "string", "description": "What separates cells; a tab may be `\\t`."},
    "sheet": {"type": "string", "description": "Of a workbook; the first, unless named."},
}
_STATE = {
    "type": "string",
    "enum": [
        *("waiting", "running", "cut_off", "failed", "stopped"),
        *("finished", "reverting", "reverted"),
    ],
    "description": "`status`, and of one that has begun and not finished what became of it, as far"
    " as that is known; of the past, `status` alone.",
}
_PROGRESS = {
    "state": {
        "type": "string",
        "enum": ["waiting", "running", "cut_off", "finished", "failed", "stopped"],
        "description": "cut_off: no process runs it; one goes on with what was uploaded when it"
        " starts. stopped: its revert was asked for. failed: `problem` says why.",
    },
    "problem": _OR_NULL,
    "file_name": _TEXT,
    "imported": _TEXT,
    "bytes": _COUNT,
    "on_duplicate": {"type": "string", "enum": list(DUPLICATES)},
    "asked_at": {"type": "string", "format": "date-time"},
    "changed_at": {"type": "string", "format": "date-time"},
    "detected": {"type": "object", "description": "What the file was taken for, with samples."},
    **{f"rows_{n}": _COUNT for n in ("read", "created", "updated", "skipped", "refused")},
    "rows_total": {"type": ["integer", "null"], "description": "About how many there are."},
    "rows_per_second": _NUMBER_OR_NULL,
    "seconds_left": _NUMBER_OR_NULL,
    "incomplete": _COUNT,
    "entered_on_the_way": {"type": "object", "additionalProperties": _COUNT},
    **dict.fromkeys(("refused", "suspicious", "dangling", "overwritten"), _ROWS),
}
_SUGGESTION = {
    "mapping": {"type": "object", "description": "As JSON; `toml` is the same as a text."},
    "toml": _TEXT,
    "columns": {"type": "array", "items": {"type": "object"}},
    "missing": {"type": "array", "items": _TEXT, "description": "Fields that no column fills."},
    "to_decide": {"type": "array", "items": _TEXT},
}


def add(routes: APIRouter, imports: "Imports", context: Context, schemas: openapi.Schemas) -> None:
    """Add the routes."""
    limit = context.settings.import_limit
    progress = schemas.named(
        "ImportProgress",
        {"type": "object", "required": ["state"], "properties": _PROGRESS},
    )
    row = parameters.row(Projection.registry[TABLE].row, schemas)
    kept = {"type": "object", "properties": {**_CALLED, "by": _KEEPER, "sentence": _KEPT}}
    own = {
        "state": _STATE,
        "progress": {"anyOf": [progress, {"type": "null"}]},
        "kept_records": {"type": "array", "items": kept},
    }
    run = schemas.named("ImportRun", {"allOf": [row, {"type": "object", "properties": own}]})
    _add_post(routes, imports, run, limit)
    _add_suggest(routes, imports, schemas, limit)
    _add_reads(routes, imports, run, progress)
    _add_list(
        routes, imports, {"allOf": [row, {"type": "object", "properties": {"state": _STATE}}]}
    )


def _add_list(routes: APIRouter, imports: "Imports", item: dict[str, Any]) -> None:
    page = parameters.page(item, next=parameters.NEXT, position=parameters.POSITION)
    page["properties"]["count"] = {"type": "integer", "description": "With `count=exact`."}
    add_read(
        routes,
        HOME,
        imports.list,
        "imports.list",
        "List imports, each with how it stands.",
        openapi.answer("A page of the list.", page),
        parameters.of_list(Projection.registry[TABLE].row),
    )


def _add_post(routes: APIRouter, imports: "Imports", run: dict[str, str], limit: int) -> None:
    said = {
        **_OF_FILE,
        "mapping": {
            "type": "string",
            "description": "TOML, or JSON of the same shape; without it, the one that the file"
            " speaks for, if nothing is left to decide.",
        },
        "on_duplicate": {"type": "string", "enum": list(DUPLICATES), "default": DUPLICATES[0]},
        "dry_run": {**_FLAG, "description": "Give the verdicts, store nothing."},
    }
    _add(
        routes,
        HOME,
        imports.post,
        "imports.import",
        "Import a file: CSV, XLSX or vCards.",
        202,
        openapi.answer(
            "It was taken, and is imported in the background. The same file with the same mapping"
            " is the same import.",
            run,
            Location="Where to read how far it is; of a dry run, under /v1/imports/rehearsals.",
        ),
        said,
        limit,
        "The same file and mapping as one that was imported changes nothing. A dry run leaves no"
        " record; what came of it can be read for seven days.",
        409,
    )


def _add_suggest(
    routes: APIRouter, imports: "Imports", schemas: openapi.Schemas, limit: int
) -> None:
    said = {
        **_OF_FILE,
        "custom": {**_FLAG, "description": "Keep columns without a field as custom fields."},
        "currency": {"type": "string", "description": "Of amounts that do not say theirs."},
        "system": {"type": "string", "description": "Of which system the file's ids are."},
    }
    suggestion = {"type": "object", "required": list(_SUGGESTION), "properties": _SUGGESTION}
    _add(
        routes,
        f"{HOME}/suggest",
        imports.suggest,
        "imports.suggest",
        "Suggest a mapping: which column of a file fills which field. Nothing is kept.",
        200,
        openapi.answer("The suggestion.", schemas.named("ImportSuggestion", suggestion)),
        said,
        limit,
    )


def _add(
    routes: APIRouter,
    path: str,
    endpoint: Any,
    name: str,
    summary: str,
    status: int,
    done: dict[str, Any],
    said: dict[str, Any],
    limit: int,
    description: str | None = None,
    *failures: int,
) -> None:
    file = {"type": "string", "format": "binary", "description": f"At most {limit} bytes."}
    form = {
        "type": "object",
        "required": ["file", "kind"],
        "additionalProperties": False,
        "properties": {"file": file, **said},
    }
    routes.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        name=name,
        summary=summary,
        description=description,
        status_code=status,
        tags=[TABLE],
        response_class=Response,
        responses={status: done, **openapi.problems(400, 413, 415, 422, *failures)},
        openapi_extra={
            "operationId": name,
            "requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": form}}},
            "parameters": [IDEMPOTENCY_KEY] if status == 202 else [],
        },
    )


def _add_reads(
    routes: APIRouter, imports: "Imports", run: dict[str, str], progress: dict[str, str]
) -> None:
    id = parameters.path("id", _UUID)
    csv = {
        "description": "CSV: line and reason, then the row as it was. Mended, it can be imported.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    }
    add_read(
        routes,
        f"{REHEARSALS}/{{id}}",
        imports.rehearsal,
        "imports.rehearsal",
        "How far a dry run is, and what came of it.",
        openapi.answer("The dry run.", progress),
        [id],
        404,
    )
    for home, answering, name in (
        (REHEARSALS, imports.refused_of_rehearsal, "imports.rehearsal-refused"),
        (HOME, imports.refused, "imports.refused"),
    ):
        of = "a dry run" if home == REHEARSALS else "an import"
        said = f"The rows that {of} refused, with the reasons."
        add_read(routes, f"{home}/{{id}}/refused.csv", answering, name, said, csv, [id], 404)
    add_read(
        routes,
        f"{HOME}/{{id}}",
        imports.one,
        "imports.get",
        "One import, now with its progress, or as of any moment.",
        openapi.answer("The import.", run, ETag="The record's version, quoted."),
        [id, *parameters.moment(), parameters.after()],
        404,
    )
