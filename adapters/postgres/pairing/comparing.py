"""Comparing: the keys of records that changed, and the pairs that follow from them.

A pair is a function of two records and of how many share each of their keys. So what changes with
a record are its own pairs, and the pairs of all in a block that became too large to count, or small
enough to.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from adapters.postgres.pairing.subjects import Line, Subject
from adapters.postgres.pairing.tables import LIVE
from projections.matching.keys import MOST_SHARED
from projections.matching.scoring import THRESHOLD, score

Keys = Mapping[UUID, frozenset[str]]
Pair = tuple[str, UUID, UUID, float, float, Jsonb]
"""A line of the table."""
CHUNK = 2_000
"""Records that are compared at a time."""
_DIGESTS = "SELECT id, digest FROM {}.profiles WHERE id = ANY (%s)"
_KEYS = "SELECT id, array_agg(key) FROM {}.keys WHERE id = ANY (%s) GROUP BY id"
_FORGET = "DELETE FROM {}.profiles WHERE id = ANY (%s)"
_REMEMBER = (
    "INSERT INTO {}.profiles SELECT * FROM unnest(%s::uuid[], %s::bytea[])"
    " ON CONFLICT (id) DO UPDATE SET digest = excluded.digest"
)
_TAKE = (
    "DELETE FROM {}.keys k USING unnest(%s::text[], %s::uuid[]) AS gone (key, id)"
    " WHERE k.key = gone.key AND k.id = gone.id"
)
_GIVE = "INSERT INTO {}.keys SELECT * FROM unnest(%s::text[], %s::uuid[]) ON CONFLICT DO NOTHING"
_MEMBERS = """
    SELECT wanted.key, ARRAY(SELECT k.id FROM {}.keys k WHERE k.key = wanted.key LIMIT %s)
    FROM unnest(%s::text[]) AS wanted (key)
"""
_CANDIDATES = """
    SELECT DISTINCT mine.id, other.id FROM {0}.keys mine
    CROSS JOIN LATERAL (
        SELECT ARRAY(SELECT k.id FROM {0}.keys k WHERE k.key = mine.key LIMIT %s) AS ids) AS block
    CROSS JOIN LATERAL unnest(block.ids) AS other (id)
    WHERE mine.id = ANY (%s) AND cardinality(block.ids) <= %s AND other.id <> mine.id
"""
_PART = "DELETE FROM {}.pairs WHERE one_id = ANY (%s) OR other_id = ANY (%s)"
_PAIR = "COPY {}.pairs (kind, one_id, other_id, score, bits, reasons) FROM STDIN"


class Comparing:
    """Compares the records of one kind, in the caller's transaction."""

    def __init__(
        self, connection: psycopg.Connection, subject: Subject, schema: str = LIVE
    ) -> None:
        self._connection, self._subject, self._schema = connection, subject, schema

    def renew(self, ids: Collection[UUID]) -> None:
        """Bring the keys and the pairs of these up to their rows as they are now."""
        touched = self.key(ids)
        if touched:
            self.pair(touched)

    # Keys

    def key(self, ids: Collection[UUID]) -> set[UUID]:
        """Bring the keys of these up to their rows; answers whose pairs may be others now."""
        lines = {line.id: line for line in self._subject.lines(self._connection, ids)}
        known = dict(self._run(_DIGESTS, list(ids)))
        changed = {i for i in ids if known.get(i) != (lines[i].digest if i in lines else None)}
        if not changed:
            return set()
        self._remember(lines, changed)
        before = {id: frozenset(keys) for id, keys in self._run(_KEYS, list(changed))}
        after = {i: self._subject.keys(lines[i]) if i in lines else frozenset() for i in changed}
        return changed | self._exchange(before, after)

    def _remember(self, lines: Mapping[UUID, Line], changed: set[UUID]) -> None:
        there = [i for i in changed if i in lines]
        self._run(_FORGET, [i for i in changed if i not in lines])
        self._run(_REMEMBER, there, [lines[i].digest for i in there])

    def _exchange(self, before: Keys, after: Keys) -> set[UUID]:
        """Take and give keys; answers the members of blocks that came to count or ceased to."""
        nothing: frozenset[str] = frozenset()
        gone = [(k, i) for i, keys in before.items() for k in keys - after.get(i, nothing)]
        made = [(k, i) for i, keys in after.items() for k in keys - before.get(i, nothing)]
        change = Counter(k for k, _ in made)
        change.subtract(Counter(k for k, _ in gone))
        members = self._members(change.keys(), MOST_SHARED + len(after) + 1)
        for statement, of in ((_TAKE, gone), (_GIVE, made)):
            self._run(statement, [k for k, _ in of], [i for _, i in of])
        crossing = {
            key
            for key, by in change.items()
            if (len(members[key]) > MOST_SHARED) != (len(members[key]) + by > MOST_SHARED)
        }
        return {id for key in crossing for id in members[key]}

    def _members(self, keys: Iterable[str], most: int) -> dict[str, list[UUID]]:
        return dict(self._run(_MEMBERS, most, list(keys)))

    # Pairs

    def pair(self, ids: Collection[UUID]) -> None:
        """Compare these with whatever shares a key with them, in place of what was found before."""
        wanted = sorted(ids)
        for start in range(0, len(wanted), CHUNK):
            some = wanted[start : start + CHUNK]
            self._run(_PART, some, some)
            self.write(self.found(some))

    def found(self, ids: Collection[UUID], *, upwards: bool = False) -> list[Pair]:
        """Pairs of these, each once; ``upwards``: only with what has a greater id."""
        candidates: dict[UUID, set[UUID]] = defaultdict(set)
        for id, other in self._run(_CANDIDATES, MOST_SHARED + 1, list(ids), MOST_SHARED):
            if id < other or not upwards:
                candidates[min(id, other)].add(max(id, other))
        wanted = {*candidates, *(other for others in candidates.values() for other in others)}
        lines = {line.id: line for line in self._subject.lines(self._connection, wanted)}
        pairs = ((id, other) for id, others in candidates.items() for other in others)
        both = ((lines[a], lines[b]) for a, b in pairs if a in lines and b in lines)
        return [pair for one, other in both for pair in self._compared(one, other)]

    def _compared(self, one: Line, other: Line) -> Iterator[Pair]:
        if other.id in one.distinct_from or one.id in other.distinct_from:
            return
        found = score(one.profile, other.profile)
        if found.value >= THRESHOLD:
            reasons = [{"field": r.field, "level": r.level, "bits": r.bits} for r in found.reasons]
            kind = self._subject.kind
            yield kind, one.id, other.id, found.value, found.bits, Jsonb(reasons)

    def write(self, pairs: Iterable[Pair]) -> None:
        statement = _PAIR.format(self._schema).encode()
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for pair in pairs:
                copy.write_row(pair)

    def _run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(statement.format(self._schema).encode(), values)
        return cursor.fetchall() if cursor.description else []
