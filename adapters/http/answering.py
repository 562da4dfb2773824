"""Answering reads, whatever table or query they are about."""

from typing import Any
from uuid import UUID

from fastapi import Request, Response
from pydantic import ValidationError

from adapters.http import answers
from adapters.http.asking import MOMENT, Asked, Reading, asked, whole
from adapters.http.context import Context
from adapters.http.errors import KnownOfTodayOnly
from adapters.postgres.reads import cursors
from adapters.postgres.reads.asof import NOW, Moment, Now
from adapters.postgres.reads.kinds import Unreadable, identity
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.statements import Page
from adapters.postgres.views.references import MERGED
from adapters.records import Records, RecordUnreadable
from adapters.steps import Steps
from adapters.validation import invalid
from aggregates.errors import FieldError, Invalid, NotFound
from projections.base import Projection, Row
from queries.base import Query

DEFAULT_LIMIT, MOST = 50, 1_000
LIMIT, CURSOR = "limit", "cursor"


class Reads:
    """Answers reads, whatever table or query they are about."""

    def __init__(self, context: Context) -> None:
        self.context, self.reading = context, Reading(context)
        self.rows = RowReader(context.pool, context.timezone)
        self.records = Records(context.log, context.mapper)
        self.steps = Steps(context.log, self.records, self.rows)

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
        if given.after or projection.is_of_parts:
            at = moment if projection.is_of_parts else NOW
            await self.reading.ready([projection.table], given, at)
        row = await self.reading.read(self.row, projection, scope, record, moment)
        return _single(row)

    def row(self, projection: Projection[Any], scope: Scope, id: UUID, moment: Moment) -> Row:
        """From the view, or where that is behind or another moment is asked for, from the log.

        Where the log cannot be read, what the view had before, if it had anything.
        """
        if isinstance(moment, Now):
            row = self.rows.one(projection.row, scope, id)
            if row is not None and (projection.is_of_parts or not self.records.is_newer(row)):
                return row
        if projection.is_of_parts:
            return self._part(projection, scope, id, moment)
        if not self.rows.sees(projection.row, scope, id):
            raise NotFound(projection.kind, id)
        try:
            return self.folded(projection, id, moment)
        except RecordUnreadable:
            row = self.rows.one(projection.row, scope, id, moment)
            if row is None:
                raise
            return row

    def folded(self, projection: Projection[Any], id: UUID, moment: Moment = NOW) -> Row:
        """From the log. A merged row names the last record in its chain, as rows in views do.

        Raises NotFound, RecordUnreadable.
        """
        row = last = self.records.at(projection, id, moment)
        seen = {id}
        while (next := getattr(last, MERGED, None)) is not None:
            if next in seen:
                return row
            seen.add(next)
            try:
                last = self.records.at(projection, next, moment)
            except (NotFound, RecordUnreadable):
                return row
        return row if last is row else row.updated(merged_into=last.id)

    def _part(self, projection: Projection[Any], scope: Scope, id: UUID, moment: Moment) -> Row:
        """From the view alone: a part's id does not say in which stream it is."""
        row = self.rows.one(projection.row, scope, id, moment)
        if row is None:
            raise NotFound(projection.kind, id)
        return row

    async def by_external(
        self, request: Request, projection: Projection[Any], system: str, id: str
    ) -> Response:
        scope, given = await self.scope(request), asked(request)
        moment = await self.reading.moment(given)
        await self.reading.ready([projection.table], given, moment)
        if "\x00" in system + id:
            raise NotFound(projection.kind, f"{system}/{id}")
        row = await self.reading.read(
            self.rows.by_external, projection.row, scope, moment, system, id
        )
        if row is None:
            raise NotFound(projection.kind, f"{system}/{id}")
        return _single(row)

    async def query(self, request: Request, query: type[Query[Any]]) -> Response:
        scope = await self.scope(request)
        if query.OF_TODAY and not request.query_params.keys().isdisjoint(MOMENT):
            raise KnownOfTodayOnly
        given = asked(request, own=query.model_fields)
        question = _question(query, given)
        moment = await self.reading.moment(given)
        position = await self.reading.ready(query.tables(), given, moment)
        lines = await self.reading.read(self.rows.answer, question, scope, moment)
        paging: dict[str, Any] = {}
        if CURSOR in query.model_fields:
            limit = vars(question)[LIMIT]
            lines, more = lines[:limit], lines[limit:]
            paging["next"] = _next(query, lines[-1], given) if more else None
        items = [answers.value(line) for line in lines]
        return answers.answer({"items": items, **paging, "position": position})


def _question(query: type[Query[Any]], given: Asked) -> Query[Any]:
    """Raises Invalid."""
    try:
        question = query.model_validate_strings(given.own, strict=True)
    except ValidationError as error:
        raise invalid(error) from None
    if vars(question).get(CURSOR) is None:
        return question
    [place] = cursors.read(given.own[CURSOR], _wanted(query, given))
    return question.model_copy(update={CURSOR: place})


def _next(query: type[Query[Any]], last: Any, given: Asked) -> str:
    return cursors.written(query.place(last), asked=_wanted(query, given))


def _wanted(query: type[Query[Any]], given: Asked) -> bytes:
    """What a cursor must agree with."""
    own = sorted(f"{n}={v}" for n, v in given.own.items() if n not in (CURSOR, LIMIT))
    return "\n".join((query.NAME, given.moment, *own)).encode()


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
