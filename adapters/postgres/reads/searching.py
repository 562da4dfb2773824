"""Searching: rows of all kinds that have in them what somebody typed, the best matches first.

Whether a term is frequent is not known beforehand, so each kind is asked in this order: by the
index for whole matches and for beginnings; then a look through the newest rows, where frequent
terms fill the list at once; and only where that gave too few, by the index for all matches, of
which there cannot be many then. Decision 12 has the measurements.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

from adapters.postgres.reads.finding import ANY, FIRST, Finding, Wanted
from adapters.postgres.reads.relations import Bindings, relation
from adapters.postgres.views.columns import table_columns, to_row
from adapters.postgres.views.references import HIDING, MERGED
from projections.base import Row

_SETTINGS = (
    "SELECT set_config(name, value, true) FROM (VALUES ('enable_seqscan', 'off'), ('jit', 'off'),"
    " ('work_mem', '32MB'), ('max_parallel_workers_per_gather', '0')) AS s (name, value)"
)
_ROWS = "SELECT {} FROM {} AS rows WHERE id = ANY ({})"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a match stands: the better the match, the lower its rank; then the newest first."""

    kind: int
    id: UUID
    rank: int


@dataclass(frozen=True, slots=True)
class Found:
    """A row, and the one by which it was found: itself, or one that was merged into it."""

    row: Row
    by: Row


class Search:
    """Finds rows. Thread-safe; calls block."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def find(self, wanted: Wanted) -> list[Found]:
        """The best matches, of each kind in turn where they are equally good.

        What was merged stands for the record that it went into, unless all are wanted.
        """
        with self._pool.connection() as connection, connection.transaction():
            connection.execute(_SETTINGS)
            best = _in_turn(_places(connection, wanted))[: wanted.limit]
            rows = _rows(connection, wanted, best)
            found = [(place, rows[place.id]) for place in best if place.id in rows]
            survivors = {} if wanted.all else _survivors(connection, wanted, found)
        shown = [Found(survivors.get(row.id, row), row) for _, row in found]
        once = {one.row.id: one for one in reversed(shown)}
        return [one for one in shown if one is once[one.row.id] and _is_shown(one.row, wanted)]


def _survivors(
    connection: psycopg.Connection, wanted: Wanted, found: Sequence[tuple[_Place, Row]]
) -> dict[UUID, Row]:
    """Merged row → the one it went into, as far as the asker may see that."""
    merged = [(p, getattr(row, MERGED)) for p, row in found if getattr(row, MERGED, None)]
    rows = _rows(connection, wanted, [_Place(p.kind, into, p.rank) for p, into in merged])
    return {place.id: rows[into] for place, into in merged if into in rows}


def _is_shown(row: Row, wanted: Wanted) -> bool:
    return wanted.all or all(getattr(row, name, None) is None for name in HIDING)


def _places(connection: psycopg.Connection, wanted: Wanted) -> list[list[_Place]]:
    """The matches of each kind, the best first."""
    everyone = range(len(wanted.kinds))
    found = _found(connection, wanted, everyone, FIRST)
    short = [kind for kind in everyone if len(found[kind]) < wanted.limit]
    if short and not wanted.asked.is_of_legal_forms:
        for kind, more in _found(connection, wanted, short, ANY).items():
            found[kind] |= more
    return [sorted(found[k].values(), key=lambda p: (p.rank, -p.id.int)) for k in everyone]


def _found(
    connection: psycopg.Connection, wanted: Wanted, kinds: Iterable[int], ways: Sequence[str]
) -> dict[int, dict[UUID, _Place]]:
    """Kind → id → place, by each of some ways of finding."""
    finding = Finding(wanted)
    found: dict[int, dict[UUID, _Place]] = {kind: {} for kind in kinds}
    statement = finding.statement(found, ways)
    with connection.cursor(row_factory=tuple_row) as cursor:
        for kind, id, rank in cursor.execute(statement, finding.bindings.values):
            found[kind][id] = _Place(kind, id, rank)
    return found


def _in_turn(kinds: Sequence[Sequence[_Place]]) -> list[_Place]:
    """Best rank first; of one rank, the first of every kind, then the second of every kind …"""
    turns: list[tuple[int, int, int, _Place]] = []
    for number, places in enumerate(kinds):
        nth: dict[int, count[int]] = defaultdict(count)
        turns += [(p.rank, next(nth[p.rank]), number, p) for p in places]
    return [place for *_, place in sorted(turns, key=lambda t: t[:3])]


def _rows(
    connection: psycopg.Connection, wanted: Wanted, places: Iterable[_Place]
) -> dict[UUID, Row]:
    """The rows as they were at the moment."""
    ids: dict[int, list[UUID]] = defaultdict(list)
    for place in places:
        ids[place.kind].append(place.id)
    found: dict[UUID, Row] = {}
    for kind, wished in ids.items():
        row, bindings = wanted.kinds[kind], Bindings()
        array = bindings.bind(wished, "uuid[]")
        among = sql.SQL("SELECT unnest({})").format(array)
        rows = relation(row, wanted.scope, wanted.moment, bindings, all=True, among=among)
        names = sql.SQL(", ").join(sql.Identifier(c.name) for c in table_columns(row))
        statement = sql.SQL(_ROWS).format(names, rows, array)
        some = (to_row(row, values) for values in connection.execute(statement, bindings.values))
        found |= {one.id: one for one in some}
    return found
