"""Making tables of which there is one form only: once, whoever comes first."""

from pathlib import Path

import psycopg


def install(url: str, script: Path, last: str, lock: int) -> None:
    """Run the script, unless its last table is there; several processes may do so at once.

    ``lock``: of the advisory locks (16979, n), the one that is nobody else's.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass(%s) IS NOT NULL", (last,)).fetchone() == (True,):
            return
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(16979, %s::integer)", (lock,))
            connection.execute("SET LOCAL client_min_messages = warning")
            connection.execute(script.read_text(encoding="utf-8").encode())
