"""What is shown of policies: where each stands, and the requests that are not yet or never made."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

import psycopg

State = Literal["waiting", "refused", "dropped", "parked"]
STATES: tuple[str, ...] = get_args(State)

_STATUS = """
    SELECT p.policy, p.position, greatest(h.position - p.position, 0),
        (SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)
         FROM backstory.events e WHERE e.position > p.position ORDER BY e.position LIMIT 1),
        (SELECT count(*) FROM backstory.policy_requests r
         WHERE r.policy = p.policy AND r.state = 'waiting'),
        (SELECT count(*) FROM backstory.policy_requests r
         WHERE r.policy = p.policy AND r.state = 'refused'),
        (SELECT count(*) FROM backstory.policy_requests r
         WHERE r.policy = p.policy AND r.state = 'dropped'),
        (SELECT count(*) FROM backstory.policy_parked k WHERE k.policy = p.policy),
        (SELECT count(*) FROM backstory.policy_requests r WHERE r.policy = p.policy
         AND r.state = 'waiting' AND r.fires_at <= clock_timestamp()),
        p.fired
    FROM backstory.policies p, backstory.head h ORDER BY p.policy
"""
_REQUESTS = """
    SELECT id, policy, state, key, stream_id, version, position, due_at, since, attempts, problem
    FROM backstory.policy_requests
    WHERE state = %(state)s AND (position, id) > (%(position)s, %(id)s)
    ORDER BY position, id LIMIT %(limit)s
"""
_PARKED = """
    SELECT id, policy, 'parked', NULL, stream_id, version, position, NULL, since, attempts,
        jsonb_build_object('code', 'policy-failed', 'error', error)
    FROM backstory.policy_parked
    WHERE (position, id) > (%(position)s, %(id)s) ORDER BY position, id LIMIT %(limit)s
"""
_BEFORE_ALL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """How far one policy is, and how much it has open."""

    name: str
    position: int
    lag_events: int
    """Positions between it and the published head."""
    lag_seconds: float
    """Age of the oldest event it has not read; 0.0 where there is none."""
    waiting: int
    refused: int
    dropped: int
    parked: int
    due: int
    """Of those that wait, requests whose moment has come."""
    fired: int
    """Requests that were carried out, ever."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A request that waits or came to nothing, or a stream that is parked."""

    id: UUID
    """Of a request: the id of its command."""
    policy: str
    state: str
    key: str | None
    """None for a parked stream."""
    stream_id: UUID
    version: int
    position: int
    """Of the event that caused it."""
    due_at: datetime | None
    """When it is to be made; None: at once."""
    since: datetime
    attempts: int
    problem: dict[str, Any] | None

    @property
    def event_id(self) -> str:
        return f"{self.stream_id}:{self.version}"


def status(connection: psycopg.Connection) -> list[PolicyStatus]:
    """Of every policy that has ever begun, also of those that another release knows."""
    return [
        PolicyStatus(name, position, lag, max(0.0, float(seconds or 0)), *counts)
        for name, position, lag, seconds, *counts in connection.execute(_STATUS)
    ]


def listed(
    connection: psycopg.Connection, state: str, limit: int, after: tuple[int, UUID] | None = None
) -> list[Listed]:
    """Those in a state, in the order of the events that caused them, after a (position, id)."""
    position, id = after or (-1, _BEFORE_ALL)
    values = {"state": state, "position": position, "id": id, "limit": limit}
    query = _PARKED if state == "parked" else _REQUESTS
    return [Listed(*row) for row in connection.execute(query, values)]
