"""Notices, before anything is written, that a database belongs to another master key."""

import psycopg

from adapters.keys import Keyring

_TABLE = (
    "CREATE TABLE IF NOT EXISTS backstory.secret_check"
    " (only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), master bytea NOT NULL)"
)
_CLAIM = "INSERT INTO backstory.secret_check (master) VALUES (%s) ON CONFLICT DO NOTHING"


class WrongSecret(RuntimeError):
    """The database was written with another master key, or what was given is none."""


def is_claimed(url: str) -> bool:
    """Whether the database has a master key already."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT to_regclass('backstory.secret_check')").fetchone()
        if found is None or found[0] is None:
            return False
        return connection.execute("SELECT FROM backstory.secret_check").fetchone() is not None


def claim(url: str, keyring: Keyring) -> None:
    """Make this master key the database's, or raise WrongSecret where it has another."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(16979, 4)")
        connection.execute(_TABLE)
        connection.execute(_CLAIM, (keyring.check,))
        found = connection.execute("SELECT master FROM backstory.secret_check").fetchone()
    if found is None or not keyring.matches(found[0]):
        raise WrongSecret(
            "this database was written with another master key: put the secret.key that belongs "
            "to it into the data folder, or set BACKSTORY_SECRET"
        )
