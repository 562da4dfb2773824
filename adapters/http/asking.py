"""What every read may be asked beside its own parameters: as of when, and not before when."""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

import psycopg
from fastapi import Request
from psycopg_pool import PoolTimeout

from adapters.http.context import Context
from adapters.http.errors import NotYet, Retryable
from adapters.postgres.reads.asof import Clock, Moment, Recorded, moment
from adapters.postgres.reads.kinds import Unreadable, text
from adapters.records import needed
from aggregates.errors import FieldError, Invalid

T = TypeVar("T")
WAIT_SECONDS = 5.0
"""The longest a read waits for a view."""
HEAD_SECONDS = 1.0
"""The longest it waits for a position that the log does not have either."""
_FAR = 100_000
"""A position so far beyond the head is not waited for at all."""
_PAUSE_SECONDS = 0.01
_POSITION = re.compile(r"^\d{1,19}$", re.ASCII)
_LARGEST = 2**63 - 1
MOST_VALUES = 100
"""Of one parameter; requests must fit into an address."""
_UNBUILT = (
    *(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName),
    # The tables are an earlier release's still.
    *(psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction),
)
MOMENT = ("as_of", "clock")
COMMON = (*MOMENT, "after")


class Unavailable(Retryable):
    """The database cannot be asked just now."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's parameters, the common ones taken out."""

    as_of: str | None = None
    clock: str | None = None
    after: int | None = None
    own: dict[str, str] = field(default_factory=dict)
    """Parameters that the route named, each given once."""
    rest: tuple[tuple[str, str], ...] = ()
    """All others, in order."""

    @property
    def moment(self) -> str:
        return f"{self.as_of or ''}@{self.clock or ''}"


def asked(
    request: Request, *, own: Iterable[str] = (), common: Iterable[str] = COMMON, open: bool = False
) -> Asked:
    """The parameters of a request. Raises Invalid where one is repeated, not text, or, unless the
    route is ``open`` to others, unknown."""
    given = request.query_params.multi_items()
    once = {*common, *own}
    errors = [FieldError(n, key) for n, v in given if (key := _wrong(v))]
    names = [n for n, _ in given]
    errors += [FieldError(n, "parameter-repeated") for n in once if names.count(n) > 1]
    many = (n for n in dict.fromkeys(names) if n not in once and names.count(n) > MOST_VALUES)
    errors += [FieldError(n, "too_long", max_length=MOST_VALUES) for n in many]
    rest = tuple((n, v) for n, v in given if n not in once)
    if not open:
        known = ", ".join(sorted(once))
        errors += [FieldError(n, "unknown-parameter", known=known) for n, _ in rest]
    if errors:
        raise Invalid(*errors)
    values = {n: v for n, v in given if n in once}
    after = position(values["after"], "after") if "after" in values and "after" in common else None
    chosen = {n: values[n] for n in own if n in values}
    return Asked(values.get("as_of"), values.get("clock"), after, chosen, rest)


def _wrong(value: str) -> str | None:
    try:
        text(value)
    except Unreadable as error:
        return error.key
    return None


def position(given: str, name: str) -> int:
    """A position in a parameter or header. Raises Invalid naming it."""
    if not _POSITION.match(given) or int(given) > _LARGEST:
        raise Invalid(FieldError(name, "not-a-position"))
    return int(given)


def whole(given: str | None, name: str, default: int, most: int) -> int:
    """A number from 1 to ``most`` in a parameter. Raises Invalid naming it."""
    if given is None:
        return default
    if not _POSITION.match(given):
        raise Invalid(FieldError(name, "not-an-integer"))
    if not 1 <= int(given) <= most:
        raise Invalid(FieldError(name, "out-of-range", min=1, max=most))
    return int(given)


class Reading:
    """Runs blocking reads when the views are far enough for them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._asking: dict[str, asyncio.Task[int]] = {}

    async def read(self, work: Callable[..., T], *arguments: object) -> T:
        """Raises NotYet where a view is not there yet, Unavailable where the database is not."""
        try:
            return await self._context.read(work, *arguments)
        except _UNBUILT:
            raise NotYet(1) from None
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise Unavailable(1) from error

    async def moment(self, asked: Asked, default: Clock = "occurred") -> Moment:
        """The moment that is asked for. Raises Invalid."""
        zone, log = self._context.timezone, self._context.log

        def resolve() -> Moment:
            return moment(asked.as_of, asked.clock, default=default, zone=zone, heads=log)

        if asked.as_of is asked.clock is None:
            return resolve()
        found = await self.read(resolve)
        if asked.as_of is not None and isinstance(found, Recorded) and found.instant is None:
            await self.within(found.position, "as_of", "moment-beyond-head")
        return found

    async def ready(self, tables: Iterable[str], asked: Asked, moment: Moment) -> int:
        """Wait until views can answer; how far the one furthest behind has read. Raises NotYet."""
        tables = list(tables)
        target = asked.after or 0
        if isinstance(moment, Recorded):
            head = await self.read(self._context.log.head)
            target = max(target, needed(moment, head.position))
        if target:
            await self._wait(tables, target)
        return min([await self._position(table) for table in tables], default=0)

    async def within(self, position: int, name: str, key: str = "beyond-head") -> None:
        """Wait until the log's head has come to a position. Raises NotYet where the head is late,
        Invalid naming the parameter where the log has no such position."""
        log, begun = self._context.log, monotonic()
        while position > (head := (await self.read(log.head)).position):
            if position > head + _FAR or monotonic() - begun > HEAD_SECONDS:
                if await self.read(log.each, [position]):
                    raise NotYet(1)
                raise Invalid(FieldError(name, key, head=head))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def published(self, position: int) -> None:
        """Wait until the log's head has come to a position. Raises NotYet."""
        begun = monotonic()
        while not await self._is_known(position):
            if monotonic() - begun > HEAD_SECONDS:
                raise NotYet(1)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _wait(self, tables: Iterable[str], target: int) -> None:
        begun = monotonic()
        is_known = False
        for table in tables:
            while await self._position(table) < target:
                waited = monotonic() - begun
                if not is_known:
                    is_known = await self._is_known(target)
                if waited > (WAIT_SECONDS if is_known else HEAD_SECONDS):
                    raise NotYet(1)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _is_known(self, target: int) -> bool:
        head = await self.read(self._context.log.head)
        if target > head.position + _FAR:
            raise NotYet(1)
        return target <= head.position

    async def _position(self, table: str) -> int:
        """How far a view has read; all who ask at the same time are told the same answer."""
        task = self._asking.get(table)
        if task is None or task.done():
            task = asyncio.ensure_future(self.read(self._context.tracked, table))
            self._asking[table] = task
        return await asyncio.shield(task)
