"""Requests of policies as rows: planned, replaced, cancelled, due, settled."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

_CANCEL = """
    DELETE FROM backstory.policy_requests r
    USING unnest(%s::text[], %s::text[], %s::bigint[]) c (policy, key, position)
    WHERE r.policy = c.policy AND r.key = c.key AND r.state = 'waiting' AND r.position <= c.position
"""
_PLAN = """
    INSERT INTO backstory.policy_requests AS r
        (id, policy, key, state, stream_id, version, position, ordinal, due_at, fires_at)
    SELECT id, policy, key, 'waiting', stream_id, version, position, ordinal, due_at,
        coalesce(due_at, '-infinity')
    FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::integer[], %s::bigint[],
        %s::integer[], %s::timestamptz[])
        n (id, policy, key, stream_id, version, position, ordinal, due_at)
    ON CONFLICT (policy, key) WHERE state = 'waiting' DO UPDATE
    SET id = excluded.id, stream_id = excluded.stream_id, version = excluded.version,
        position = excluded.position, ordinal = excluded.ordinal, due_at = excluded.due_at,
        fires_at = excluded.fires_at, attempts = 0, problem = NULL, since = excluded.since
    WHERE r.position <= excluded.position AND ({} OR r.due_at <= excluded.due_at)
"""
_DUE = """
    SELECT id, policy, key, stream_id, version, position, ordinal, due_at, attempts
    FROM backstory.policy_requests
    WHERE state = 'waiting' AND fires_at <= %s AND policy = ANY (%s)
    ORDER BY fires_at, position, ordinal LIMIT %s
"""
_MADE = """
    WITH made AS (
        DELETE FROM backstory.policy_requests WHERE id = ANY (%s) AND state = 'waiting'
        RETURNING policy
    )
    UPDATE backstory.policies p SET fired = p.fired + n.count
    FROM (SELECT policy, count(*) FROM made GROUP BY policy) n WHERE p.policy = n.policy
"""
_POSTPONE = """
    UPDATE backstory.policy_requests SET attempts = attempts + 1, fires_at = %s, problem = %s
    WHERE id = %s AND state = 'waiting'
"""
_SETTLE = """
    UPDATE backstory.policy_requests
    SET state = %s, problem = %s, attempts = attempts + 1, since = clock_timestamp()
    WHERE id = %s AND state = 'waiting'
"""
_RETRY = """
    UPDATE backstory.policy_requests r
    SET state = 'waiting', fires_at = '-infinity', since = clock_timestamp()
    WHERE id = %s AND state <> 'waiting' AND NOT EXISTS (
        SELECT FROM backstory.policy_requests o
        WHERE o.policy = r.policy AND o.key = r.key AND o.state = 'waiting')
"""
_FORGET = "DELETE FROM backstory.policy_requests WHERE id = %s AND state <> 'waiting'"


@dataclass(frozen=True, slots=True)
class Planned:
    """A request that is to be made: which event and key it comes from, and when."""

    id: UUID
    policy: str
    key: str
    stream_id: UUID
    version: int
    position: int
    ordinal: int
    due_at: datetime | None
    attempts: int = 0
    only_later: bool = False
    """Whether it takes the place of an earlier one only to put it off."""


@dataclass(frozen=True, slots=True)
class Made:
    """The request was carried out, now or before."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The request came to nothing."""

    state: str
    """``refused`` or ``dropped``."""
    problem: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Postponed:
    """The request could not be made now."""

    until: datetime
    problem: Mapping[str, Any]


Outcome = Made | Settled | Postponed


def plan(connection: psycopg.Connection, changes: Mapping[tuple[str, str], Planned | int]) -> None:
    """Write what is wanted by (policy, key); a position: what was wanted up to it is cancelled.

    What a later event has said of the key stays.
    """
    gone = [(*key, at) for key, at in changes.items() if isinstance(at, int)]
    if gone:
        connection.execute(_CANCEL, _columns(gone), prepare=True)
    for only_later in (False, True):
        wanted = [
            (p.id, p.policy, p.key, p.stream_id, p.version, p.position, p.ordinal, p.due_at)
            for p in changes.values()
            if isinstance(p, Planned) and p.only_later is only_later
        ]
        if wanted:
            statement = _PLAN.format("false" if only_later else "true").encode()
            connection.execute(statement, _columns(wanted), prepare=True)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def due(
    connection: psycopg.Connection, policies: Iterable[str], now: datetime, limit: int
) -> list[Planned]:
    """Requests whose moment has come, the oldest first."""
    found = connection.execute(_DUE, (now, list(policies), limit), prepare=True)
    return [Planned(*row) for row in found]


def settle(connection: psycopg.Connection, outcomes: Mapping[UUID, Outcome]) -> None:
    """Write what came of requests that waited."""
    made = [id for id, outcome in outcomes.items() if isinstance(outcome, Made)]
    connection.execute(_MADE, (made,), prepare=True)
    for id, outcome in outcomes.items():
        match outcome:
            case Settled(state, problem):
                connection.execute(_SETTLE, (state, Jsonb(problem), id), prepare=True)
            case Postponed(until, problem):
                connection.execute(_POSTPONE, (until, Jsonb(problem), id), prepare=True)


def retry(connection: psycopg.Connection, id: UUID) -> bool:
    """Have a request made again that came to nothing; False where there is none, or where another
    of its key waits by now."""
    return connection.execute(_RETRY, (id,)).rowcount == 1


def forget(connection: psycopg.Connection, id: UUID) -> bool:
    """Take a request that came to nothing off the list."""
    return connection.execute(_FORGET, (id,)).rowcount == 1
