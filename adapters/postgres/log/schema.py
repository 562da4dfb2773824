"""Installs and upgrades the event store's schema; several processes may do so at once."""

from hashlib import sha256
from pathlib import Path
from uuid import UUID

import psycopg

SCRIPT = Path(__file__).with_name("schema.sql")

_INSTALLING = "SELECT pg_advisory_xact_lock(16979, 4)"
_INSTALLED = "SELECT to_regclass('backstory.meta') IS NOT NULL"


def install(url: str) -> UUID:
    """Bring the schema up to this build and answer the log's incarnation."""
    script = SCRIPT.read_text(encoding="utf-8")
    fingerprint = sha256(script.encode()).hexdigest()
    with psycopg.connect(url, autocommit=True) as connection:
        if _hash(connection) != fingerprint:
            _run(connection, script, fingerprint)
        found = connection.execute("SELECT incarnation FROM backstory.meta").fetchone()
    assert found is not None
    incarnation: UUID = found[0]
    return incarnation


def _run(connection: psycopg.Connection, script: str, fingerprint: str) -> None:
    with connection.transaction():
        connection.execute(_INSTALLING)
        if _hash(connection) == fingerprint:
            return
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(script.encode())
        connection.execute(
            "INSERT INTO backstory.meta (schema_hash) VALUES (%s)"
            " ON CONFLICT (only_one) DO UPDATE SET schema_hash = excluded.schema_hash",
            (fingerprint,),
        )


def _hash(connection: psycopg.Connection) -> str | None:
    installed = connection.execute(_INSTALLED).fetchone()
    if installed != (True,):
        return None
    found = connection.execute("SELECT schema_hash FROM backstory.meta").fetchone()
    return found[0] if found else None
