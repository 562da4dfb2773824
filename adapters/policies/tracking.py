"""Tracking: how far each policy has read the log, and who alone may move it on."""

from collections.abc import Iterable
from pathlib import Path

import psycopg

from adapters.postgres.views.tracking import Superseded

SCRIPT = Path(__file__).with_name("tables.sql")
_INSTALLING = "SELECT pg_advisory_xact_lock(16979, 18)"
_INSTALLED = (
    "SELECT to_regclass('backstory.policy_parked') IS NOT NULL AND EXISTS (SELECT FROM"
    " pg_attribute WHERE attrelid = to_regclass('backstory.policies') AND attname = 'fired')"
)
_LEAD = "SELECT pg_try_advisory_lock(16979, 17)"
_EPOCH = "SELECT nextval('backstory.policy_epochs')"
_BEGIN = (
    "INSERT INTO backstory.policies (policy, position, incarnation)"
    " SELECT name, h.position, m.incarnation"
    " FROM unnest(%s::text[]) name, backstory.head h, backstory.meta m"
    " ON CONFLICT (policy) DO NOTHING"
)
_BEGIN_ANEW = (
    "UPDATE backstory.policies p SET position = h.position, incarnation = m.incarnation,"
    " since = clock_timestamp() FROM backstory.head h, backstory.meta m"
)
_FORGET_CAUSELESS = (
    "DELETE FROM backstory.{} r WHERE NOT EXISTS (SELECT FROM backstory.events e"
    " WHERE e.stream_id = r.stream_id AND e.version = r.version AND e.position = r.position)"
)
_ADOPT = (
    "UPDATE backstory.policies SET epoch = %s WHERE policy = ANY (%s) AND epoch < %s"
    " RETURNING policy, position"
)
_ADVANCE = (
    "UPDATE backstory.policies SET position = %s"
    " WHERE policy = ANY (%s) AND epoch = %s AND position = %s"
)
_HOLD = "SELECT policy FROM backstory.policies WHERE policy = ANY (%s) AND epoch = %s FOR SHARE"
_OTHER_LOG = (
    "SELECT p.policy FROM backstory.policies p, backstory.meta m, backstory.head h"
    " WHERE p.policy = ANY (%s) AND (p.incarnation <> m.incarnation OR p.position >"
    " greatest(h.position, (SELECT max(e.position) FROM backstory.events e)))"
)


class OtherLog(Exception):
    """Policies have read another log than the one that is here; a person must decide."""


def install(connection: psycopg.Connection) -> None:
    """Make the tables where they are missing."""
    if connection.execute(_INSTALLED).fetchone() == (True,):
        return
    with connection.transaction():
        connection.execute(_INSTALLING)
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(SCRIPT.read_text(encoding="utf-8").encode())


def begin(connection: psycopg.Connection, policies: Iterable[str]) -> None:
    """Have policies that are new begin at the head of now: they are asked of nothing before.

    Must be durable before anything is recorded that they are to be asked of.
    """
    install(connection)
    connection.execute(_BEGIN, (list(policies),))


def begin_anew(connection: psycopg.Connection) -> None:
    """Go on at the head of now, in whatever log is here; requests whose event is not in it go."""
    with connection.transaction():
        connection.execute(_BEGIN_ANEW)
        for table in ("policy_requests", "policy_parked"):
            connection.execute(_FORGET_CAUSELESS.format(table).encode())


def try_to_lead(connection: psycopg.Connection) -> int | None:
    """Become the one leader for as long as this session lives; the epoch, or None: another is."""
    if connection.execute(_LEAD).fetchone() != (True,):
        return None
    row = connection.execute(_EPOCH).fetchone()
    assert row is not None
    return int(row[0])


def adopt(connection: psycopg.Connection, policies: Iterable[str], epoch: int) -> dict[str, int]:
    """Take over from earlier epochs; where each policy stands. Raises OtherLog, Superseded."""
    names = list(policies)
    strange = connection.execute(_OTHER_LOG, (names,)).fetchall()
    if strange:
        raise OtherLog(
            f"{', '.join(sorted(name for (name,) in strange))} read a log that is not, or no"
            " longer, the one that is here: it was restored from a copy. If that is as it should"
            " be, run `backstory policies --from-now`; else restore the right copy."
        )
    found: dict[str, int] = dict(connection.execute(_ADOPT, (epoch, names, epoch)).fetchall())
    if found.keys() != set(names):
        raise Superseded(f"epoch {epoch} is over")
    return found


def advance(
    connection: psycopg.Connection, policies: Iterable[str], epoch: int, start: int, end: int
) -> None:
    """Move on, first thing in the transaction that writes what they answered. Raises Superseded."""
    names = list(policies)
    moved = connection.execute(_ADVANCE, (end, names, epoch, start), prepare=True)
    if moved.rowcount != len(names):
        raise Superseded(f"epoch {epoch} is over, or somebody has moved {names} from {start}")


def hold(connection: psycopg.Connection, policies: Iterable[str], epoch: int) -> None:
    """Keep the lead until the transaction ends. Raises Superseded."""
    names = sorted(set(policies))
    held = connection.execute(_HOLD, (names, epoch), prepare=True)
    if held.rowcount != len(names):
        raise Superseded(f"epoch {epoch} is over")
