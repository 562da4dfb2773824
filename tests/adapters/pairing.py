"""What looks the same, brought up to the head step by step, and what it must come to."""

from typing import Any
from uuid import UUID

import psycopg

from adapters.postgres.pairing.runner import PairingRunner
from adapters.postgres.pairing.subjects import SUBJECTS
from adapters.postgres.views.leading import connect
from projections.matching import pairs
from tests.adapters.leading import take_lead
from tests.adapters.serving import Served

Pair = tuple[str, UUID, UUID, float]
_PAIRS = "SELECT kind, one_id, other_id, score FROM matching.pairs"
_KEYS = "SELECT key, id FROM matching.keys"
_TRACKED = "SELECT position FROM backstory.tracking WHERE projection = 'possible_duplicates'"


def settle(parts: Served) -> None:
    """Compare all that is recorded, in a session of its own."""
    head = parts.caught_up()
    runner = PairingRunner(parts.settings.database_url or "")
    with connect(parts.settings.database_url or "") as connection:
        lead = take_lead(runner, connection)
        while runner.step(lead):
            pass
        assert connection.execute(_TRACKED).fetchone() == (head,)


def found(connection: psycopg.Connection) -> tuple[set[Pair], set[tuple[str, UUID]]]:
    """The pairs, and the keys, as the tables have them."""
    kept: list[Any] = connection.execute(_PAIRS).fetchall()
    keys: list[Any] = connection.execute(_KEYS).fetchall()
    assert len(kept) == len(set(kept))
    return set(kept), set(keys)


def expected(connection: psycopg.Connection) -> tuple[set[Pair], set[tuple[str, UUID]]]:
    """The same, from nothing but the rows of now, in memory."""
    those: set[Pair] = set()
    keys: set[tuple[str, UUID]] = set()
    for subject in SUBJECTS:
        query = f"SELECT id FROM views.{subject.tables[0]}"
        ids = [row[0] for row in connection.execute(query.encode())]
        lines = {line.id: line for line in subject.lines(connection, ids)}
        keys |= {(key, id) for id, line in lines.items() for key in subject.keys(line)}
        for pair, score in pairs.pairs({id: line.profile for id, line in lines.items()}):
            one, other = sorted(pair)
            if other not in lines[one].distinct_from and one not in lines[other].distinct_from:
                those.add((subject.kind, one, other, score.value))
    return those, keys
