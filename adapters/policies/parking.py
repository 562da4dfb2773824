"""Parked streams of policies: left aside at an event, tried again, or helped past it."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import psycopg

from adapters.policies import requests
from adapters.policies.deciding import Failure, decide
from adapters.postgres.views.decoding import EventReader, decode
from commands.policies import Policy
from commands.ports import EventLog

_PARKED = (
    "SELECT policy, stream_id FROM backstory.policy_parked"
    " WHERE policy = ANY (%s) AND stream_id = ANY (%s)"
)
_PARK = """
    INSERT INTO backstory.policy_parked AS p (policy, stream_id, version, position, error)
    VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (policy, stream_id) DO UPDATE SET version = excluded.version,
        position = excluded.position, error = excluded.error, attempts = p.attempts + 1
"""
_UNPARK = "DELETE FROM backstory.policy_parked WHERE policy = %s AND stream_id = %s"
_FIND = "SELECT policy, stream_id, version FROM backstory.policy_parked WHERE id = %s"
_LOCK = "SELECT position FROM backstory.policies WHERE policy = %s FOR UPDATE"


@dataclass(frozen=True, slots=True)
class Parked:
    """A stream that a policy has left aside, from an event on."""

    policy: str
    stream_id: UUID
    version: int


def parked(
    connection: psycopg.Connection, policies: Iterable[str], streams: Iterable[UUID]
) -> set[tuple[str, UUID]]:
    """Which of the streams are parked, by policy."""
    found = connection.execute(_PARKED, (list(policies), list(streams)), prepare=True)
    return {(policy, stream_id) for policy, stream_id in found}


def park(connection: psycopg.Connection, failures: Iterable[Failure]) -> None:
    """Leave the streams aside, from the events on that failed."""
    for f in failures:
        connection.execute(_PARK, (f.policy, f.stream_id, f.version, f.position, f.error))


def find(connection: psycopg.Connection, id: UUID) -> Parked | None:
    """The parked stream that is listed under the id."""
    row = connection.execute(_FIND, (id,)).fetchone()
    return None if row is None else Parked(*row)


def retry(
    connection: psycopg.Connection,
    log: EventLog,
    reader: EventReader,
    policy: Policy,
    parked: Parked,
    *,
    skip: bool = False,
) -> bool:
    """Show the policy the stream's events again, up to where the policy is; ``skip`` leaves the
    one out that failed. False where one fails still, or another now: it is parked there.

    The lock on the policy's row keeps the runner out for that moment.
    """
    with connection.transaction():
        row = connection.execute(_LOCK, (policy.name,)).fetchone()
        position = 0 if row is None else int(row[0])
        since = parked.version if skip else parked.version - 1
        stored = [e for e in log.stream(parked.stream_id, after=since) if e.position <= position]
        decision = decide([policy], stored, decode(reader, stored), ())
        requests.plan(connection, decision.changes)
        connection.execute(_UNPARK, (policy.name, parked.stream_id))
        park(connection, decision.failures.values())
    return not decision.failures
