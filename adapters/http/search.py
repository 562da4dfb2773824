"""Search over HTTP: records of every kind by what somebody types."""

from typing import Any

from fastapi import APIRouter, Request, Response

from adapters.http import answers, openapi, parameters
from adapters.http.answering import DEFAULT_LIMIT, MOST, Reads
from adapters.http.asking import asked, whole
from adapters.http.context import Context
from adapters.http.routes import add_read
from adapters.postgres.reads.finding import Wanted
from adapters.postgres.reads.searching import Found, Search
from adapters.sentences import title
from aggregates.errors import FieldError, Invalid, kebab
from aggregates.values import ExternalId
from projections.base import Projection, Row
from projections.searching.asked import LONGEST, Asked, matched, place
from projections.searching.asked import asked as parsed

_OWN = ("q", "kind", "limit", "archived")
_LONGEST_SHOWN, _BEFORE = 120, 40
"""Characters of a long text that are shown, and how many of them before the place."""
_TYPED = {"type": "string", "maxLength": LONGEST, "pattern": "^[^\\x00]*$"}
_TEXT = {"type": "string"}
_FOUND: dict[str, Any] = {
    "type": "object",
    "required": ["kind", "id", "title", "matched", "field"],
    "properties": {
        "kind": _TEXT,
        "id": {"type": "string", "format": "uuid"},
        "title": _TEXT | {"description": "What the record is called."},
        "matched": _TEXT | {"description": "The value that it was found by, or a part of it."},
        "field": _TEXT | {"description": "The field that holds this value."},
    },
}
_DESCRIPTION = """
Any part of a name, title, text, number, e-mail address or external id is found, whatever its case,
width and punctuation, in traditional or simplified characters; names also by their pinyin, by its
first letters, or both mixed; phone numbers in any notation. A record that others were merged into
is found by what they were called, too. Several words must all be found, in
any order. Whole matches come first, then beginnings, then the rest, the newest first. Words such
as 有限公司 do not narrow the search; alone, they are looked for among the newest records only.
"""


def router(context: Context, schemas: openapi.Schemas) -> APIRouter:
    """The one route."""
    routes, searching = APIRouter(), Searching(context)
    schemas.components["Found"] = _FOUND | {
        "properties": _FOUND["properties"] | {"kind": {"type": "string", "enum": [*kinds()]}}
    }
    found = parameters.page(openapi.ref("Found"), position=parameters.POSITION)
    add_read(
        routes,
        "/v1/search",
        searching.answer,
        "search",
        "Find records of every kind.",
        openapi.answer("The best matches first.", found),
        _parameters(),
        description=_DESCRIPTION.strip(),
    )
    return routes


def kinds() -> dict[str, Projection[Any]]:
    """Kind, as answers call it → its projection, of all that are searched."""
    searched = (p for p in Projection.registry.values() if p.row.searched)
    return {kebab(p.kind): p for p in searched}


class Searching:
    """Answers searches."""

    def __init__(self, context: Context) -> None:
        self._reads, self._search = Reads(context), Search(context.pool)

    async def answer(self, request: Request) -> Response:
        scope = await self._reads.scope(request)
        given = asked(request, own=_OWN)
        wish, own = _wish(given.own.get("q")), given.own
        limit = whole(own.get("limit"), "limit", DEFAULT_LIMIT, MOST)
        chosen = _chosen(own.get("kind"))
        is_all = _is_all(own.get("archived"))
        moment = await self._reads.reading.moment(given)
        tables = [p.table for p in chosen.values()]
        position = await self._reads.reading.ready(tables, given, moment)
        if wish is None:
            return answers.answer({"items": [], "position": position})
        rows = [p.row for p in chosen.values()]
        wanted = Wanted(wish, rows, scope, moment, limit, is_all)
        found = await self._reads.reading.read(self._search.find, wanted)
        names = {p.row: kind for kind, p in chosen.items()}
        items = [_item(names[type(one.row)], wish, one) for one in found]
        return answers.answer({"items": items, "position": position})


def _wish(typed: str | None) -> Asked | None:
    if typed is None:
        raise Invalid(FieldError("q", "missing"))
    if len(typed) > LONGEST:
        raise Invalid(FieldError("q", "string_too_long", max_length=LONGEST))
    return parsed(typed)


def _chosen(kind: str | None) -> dict[str, Projection[Any]]:
    """All kinds, or the one that is named as answers or as routes name it."""
    known = kinds()
    if kind is None:
        return known
    chosen = {k: p for k, p in known.items() if kind in (k, p.table, p.plural)}
    if not chosen:
        raise Invalid(FieldError("kind", "not-one-of", known=", ".join(known)))
    return chosen


def _is_all(archived: str | None) -> bool:
    if archived not in (None, "any"):
        raise Invalid(FieldError("archived", "not-one-of", known="any"))
    return archived is not None


def _item(kind: str, wish: Asked, found: Found) -> dict[str, Any]:
    """``matched`` is the value by which the row was found; of a long one, what is around."""
    row, by = found.row, found.by
    assert by.searching is not None
    field, value = matched(wish, by.searching, by) or _called(by)
    shown = _shown(value)
    return {
        "kind": kind,
        "id": row.id,
        "title": title(row) or _shown(_called(row)[1])[:_LONGEST_SHOWN],
        "matched": shown if len(shown) <= _LONGEST_SHOWN else _around(shown, place(wish, shown)),
        "field": field,
    }


def _called(row: Row) -> tuple[str, Any]:
    """The first field that has a value; the id for want of one."""
    values = ((name, getattr(row, name)) for name in row.searched)
    return next(((name, value) for name, value in values if value), ("id", row.id))


def _shown(value: Any) -> str:
    """A value as a text: of an external id, what the other system calls the record."""
    if isinstance(value, ExternalId):
        return value.id
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _around(text: str, at: int) -> str:
    begin = max(0, at - _BEFORE)
    end = begin + _LONGEST_SHOWN
    return ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")


def _parameters() -> list[dict[str, Any]]:
    known = [*kinds()]
    return [
        parameters.query("q", _TYPED, "What to look for.", required=True),
        parameters.query("kind", {"type": "string", "enum": known}, "Only records of this kind."),
        parameters.limit(DEFAULT_LIMIT),
        parameters.query(
            "archived",
            {"type": "string", "enum": ["any"]},
            "Find archived, merged and withdrawn records too.",
        ),
        *parameters.moment(),
        parameters.after(),
    ]
