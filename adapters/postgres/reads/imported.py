"""Imported: which rows an import has entered or changed, as the log knows it.

No row says so itself: the log has it, by the import's id, for every kind of record alike, and a
record that several imports have changed belongs to each of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import sql
from psycopg.sql import Composable

from adapters.postgres.reads.asof import Moment
from adapters.postgres.reads.kinds import identity
from adapters.postgres.reads.relations import Bindings, history
from projections.base import Row

PARAMETER = "import_id"
WHOLE = "about_id"
"""The field of a part that names the record it is a part of."""
_MINE = sql.SQL("e.correlation_id {} AND e.origin IN ('import', 'policy')")
_STREAMS = sql.SQL("SELECT e.stream_id FROM backstory.events e WHERE {}")
_WHOLE = sql.SQL("id IN ({streams})")
_FROM = sql.SQL(" AND id >= ({streams} ORDER BY e.stream_id LIMIT 1)")
"""Nothing is lost by it; a page in the order of ids need not look at what was there before."""
_PARTS = sql.SQL(
    "{whole} IN ({streams}) AND EXISTS (SELECT FROM {versions} AS one"
    " JOIN backstory.events e ON e.position = one.at_position WHERE one.id = rows.id AND {mine})"
)


@dataclass(frozen=True, slots=True)
class Imported:
    """The condition that one of some imports, or a policy because of it, had a hand in a row."""

    row: type[Row]
    ids: tuple[UUID, ...]

    def sql(self, bindings: Bindings, moment: Moment) -> Composable:
        """The condition on a row of ``rows``, at whatever moment."""
        mine = self._mine(bindings)
        streams = _STREAMS.format(mine)
        if WHOLE in self.row.fields:
            whole, versions = sql.Identifier(WHOLE), history(self.row)
            return _PARTS.format(whole=whole, streams=streams, versions=versions, mine=mine)
        condition = _WHOLE.format(streams=streams)
        return condition + _FROM.format(streams=streams) if self._is_one else condition

    def ever(self, bindings: Bindings) -> Composable:
        """A select of the ids beyond which no row fulfils it."""
        streams = _STREAMS.format(self._mine(bindings))
        if WHOLE not in self.row.fields:
            return sql.SQL("SELECT DISTINCT stream_id FROM ({}) AS mine").format(streams)
        of = sql.SQL("SELECT DISTINCT id FROM {} WHERE {} IN ({})")
        return of.format(history(self.row), sql.Identifier(WHOLE), streams)

    @property
    def _is_one(self) -> bool:
        """Then the index gives the ids in their order, and a page is a few of them."""
        return len(self.ids) == 1

    def _mine(self, bindings: Bindings) -> Composable:
        if self._is_one:
            return _MINE.format(sql.SQL("= {}").format(bindings.bind(self.ids[0], "uuid")))
        among = bindings.bind(list(self.ids), "uuid[]")
        return _MINE.format(sql.SQL("= ANY ({})").format(among))


def imported(row: type[Row], values: Sequence[str]) -> Imported:
    """The condition that a parameter asks for. Raises Unreadable."""
    return Imported(row, tuple(map(identity, values)))
