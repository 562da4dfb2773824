"""The streams that an import began or changed, in a table of one session: any number of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from adapters.meanings import meanings
from aggregates.base import derived, having
from aggregates.values import Ref
from aggregates.withdraw import Withdrawable
from projections.base import Projection

PAGE = 500
_MINE = "correlation_id = %(id)s AND origin IN ('import', 'policy') AND kind <> 'Import'"
_COLLECT = f"""
    CREATE TEMP TABLE made AS
    SELECT found.*, last.version, first.occurred_at AS began_at, first.command_id,
        false AS is_kept, CASE WHEN found.is_new THEN coalesce(ended.is_withdrawn, false)
            ELSE coalesce(mine.is_end, false) END AS is_gone
    FROM (SELECT stream_id AS id, kind, min(position) AS position, bool_or(version = 1) AS is_new
          FROM backstory.events WHERE {_MINE} GROUP BY stream_id, kind
          HAVING bool_or(version = 1 OR origin = 'import')) AS found
    JOIN backstory.events first ON first.stream_id = found.id AND first.version = 1
    CROSS JOIN LATERAL (SELECT e.version FROM backstory.events e WHERE e.stream_id = found.id
                        ORDER BY e.version DESC LIMIT 1) AS last
    LEFT JOIN LATERAL (SELECT e.topic ~ '\\.(Reverted|Restored|PartWithdrawn)$' AS is_end
                       FROM backstory.events e WHERE e.stream_id = found.id AND {_MINE}
                       AND e.origin = 'import' ORDER BY e.version DESC LIMIT 1) AS mine ON true
    LEFT JOIN LATERAL (SELECT e.topic LIKE '%%.Withdrawn' AS is_withdrawn FROM backstory.events e
                       WHERE e.stream_id = found.id AND e.topic ~ '\\.(Withdrawn|Reinstated)$'
                       ORDER BY e.version DESC LIMIT 1) AS ended ON true
"""
"""``is_gone``: it was withdrawn, or taken back, by an earlier revert."""
_OF_OTHERS = """
    FROM backstory.events e WHERE e.stream_id = made.id AND e.origin <> 'policy'
    AND e.correlation_id <> %(id)s AND NOT (e.origin = 'import' AND EXISTS (
        SELECT FROM views.imports i WHERE i.id = e.correlation_id AND i.status = 'reverted'))
"""
"""What other imports did that were reverted counts for nothing."""
_OTHERS = f"""
    UPDATE made SET is_kept = true WHERE is_new AND NOT is_gone AND EXISTS (SELECT {_OF_OTHERS})
"""
_KEPT = f"""
    SELECT made.id, kind, position, is_new, version, began_at, who.by_kind, who.by_id FROM made
    LEFT JOIN LATERAL (
        SELECT CASE e.origin WHEN 'import' THEN 'import' ELSE 'user' END AS by_kind,
            CASE e.origin WHEN 'import' THEN e.correlation_id
                ELSE coalesce(e.on_behalf_of, e.actor) END AS by_id
        {_OF_OTHERS} ORDER BY e.version DESC LIMIT 1) AS who ON true
    WHERE is_kept ORDER BY position
"""
_DONE = """
    SELECT count(DISTINCT stream_id) FILTER (WHERE topic LIKE '%%.Withdrawn' AND NOT EXISTS (
            SELECT FROM backstory.events back WHERE back.stream_id = m.id
            AND back.version > events.version AND back.topic LIKE '%%.Reinstated')),
        count(DISTINCT stream_id) FILTER (
            WHERE topic LIKE '%%.Reverted' OR topic LIKE '%%.Restored'
               OR topic LIKE '%%.PartWithdrawn' AND NOT m.is_new)
    FROM backstory.events JOIN made m ON m.id = stream_id
    WHERE correlation_id = %(id)s AND origin = 'import'
"""
_PAGE = """
    SELECT id, kind, position, is_new, version, began_at FROM made
    WHERE (position, id) < (%(position)s, %(last)s) AND NOT is_kept AND NOT is_gone
    ORDER BY position DESC, id DESC LIMIT %(limit)s
"""


_TOGETHER = """
    SELECT DISTINCT ON (m.id) m.id, m.kind, m.position, m.is_new, m.version, m.began_at,
        k.kind AS by_kind, k.id AS by_id
    FROM unnest(%(ids)s::uuid[], %(contacts)s::uuid[]) AS kept (id, contact_id)
    JOIN made k ON k.id = kept.id
    CROSS JOIN LATERAL (SELECT * FROM made WHERE command_id = k.command_id
                        UNION ALL SELECT * FROM made WHERE id = kept.contact_id) AS m
    WHERE m.is_new AND NOT m.is_kept AND NOT m.is_gone
    ORDER BY m.id, k.position
"""


@dataclass(frozen=True, slots=True)
class Made:
    """A stream that an import began (``is_new``) or changed."""

    id: UUID
    kind: str
    position: int
    """Of the first that the import did with it."""
    is_new: bool
    version: int
    """Its newest when it was looked at."""
    began_at: datetime
    by_kind: str | None = None
    """Of what is kept: the kind of record that keeps it, ``import`` or ``user``."""
    by_id: UUID | None = None


class Streams:
    """What an import made, as it stands now. For one session and one thread."""

    def __init__(self, connection: psycopg.Connection, import_id: UUID) -> None:
        self._connection, self._named = connection, {"id": import_id}
        self.kept_ids: set[UUID] = set()
        connection.execute("DROP TABLE IF EXISTS pg_temp.made")
        connection.execute(_COLLECT, self._named)
        connection.execute("CREATE UNIQUE INDEX ON made (id)")
        connection.execute("CREATE INDEX ON made (position, id)")
        connection.execute("CREATE INDEX ON made (command_id)")
        connection.execute("ANALYZE made")
        end = "SELECT count(*), (SELECT max(position) FROM backstory.events) FROM made"
        [(self.count, self.position)] = connection.execute(end)

    def keep_what_others_changed(self) -> None:
        """Mark what others than the import had a hand in."""
        self._connection.execute(_OTHERS, self._named)

    def kept(self) -> Iterator[Made]:
        """What is marked as to be left as it is, and who had a hand in it last."""
        with self._connection.cursor(row_factory=class_row(Made)) as cursor:
            for made in cursor.execute(_KEPT, self._named):
                self.kept_ids.add(made.id)
                yield made

    def newest_first(self) -> Iterator[list[Made]]:
        """Pages of what is not marked, what was made last first."""
        at = {"position": 2**62, "last": UUID(int=2**128 - 1), "limit": PAGE}
        while True:
            with self._connection.cursor(row_factory=class_row(Made)) as cursor:
                page = cursor.execute(_PAGE, at).fetchall()
            if not page:
                return
            yield page
            at |= {"position": page[-1].position, "last": page[-1].id}

    def keep(self, made: Sequence[Made]) -> None:
        """Mark these."""
        ids = [one.id for one in made]
        self.kept_ids.update(ids)
        self._connection.execute("UPDATE made SET is_kept = true WHERE id = ANY (%s)", (ids,))

    def keep_what_is_named(self, made: Sequence[Made]) -> list[Made]:
        """Mark, and answer, those that something names which is not to go itself."""
        found: list[Made] = []
        left = {one.id: one for one in made}
        while named := self._named_among(list(left)):
            by = ((left.pop(id), *who) for id, who in named.items())
            more = [replace(one, by_kind=kind, by_id=id) for one, kind, id in by]
            self.keep(more)
            found += more
        return found

    def keep_together(self, kept: Sequence[Made]) -> list[Made]:
        """Mark, and answer, what was created by the command that created one of these, and the
        first contacts of these."""
        ids = [one.id for one in kept if one.is_new]
        if not ids:
            return []
        contacts = [derived(id, "primary-contact") for id in ids]
        with self._connection.cursor(row_factory=class_row(Made)) as cursor:
            found = cursor.execute(_TOGETHER, {"ids": ids, "contacts": contacts}).fetchall()
        self.keep(found)
        return found

    def _named_among(self, ids: list[UUID]) -> dict[UUID, tuple[str, UUID]]:
        """Those that are named, and kind and id of a row that names each."""
        found: dict[UUID, tuple[str, UUID]] = {}
        if not ids:
            return found
        for table, field, is_list in _naming():
            kind = Projection.registry[table].kind
            for id, by in self._connection.execute(
                names(table, field, is_list=is_list), {"ids": ids}
            ):
                found.setdefault(id, (kind, by))
        return found

    def done(self) -> tuple[int, int]:
        """How many records are withdrawn, and how many are what they were before."""
        [(withdrawn, taken_back)] = self._connection.execute(_DONE, self._named)
        return withdrawn, taken_back


def _naming() -> Iterator[tuple[str, str, bool]]:
    """Table, field and whether it is a list, of the fields that can name what may be withdrawn."""
    kinds = {kind.KIND for kind in having(Withdrawable)}
    for projection in Projection.registry.values():
        known = meanings(projection.kind)
        for field, annotation in projection.row.fields.items():
            of = known.get(field)
            if isinstance(of, Ref) and not kinds.isdisjoint(of.kinds) and field != "id":
                yield projection.table, field, "tuple" in str(annotation)


_STAYS = """
    AND r.withdrawn_at IS NULL AND NOT EXISTS (
        SELECT FROM made m WHERE m.id = r.{whole} AND m.is_new AND NOT m.is_kept)
    ORDER BY 1, 2
"""
_NAMES = """
    SELECT DISTINCT ON (r.{field}) r.{field}, r.id FROM {table} r
    WHERE r.{field} = ANY (%(ids)s) AND r.{whole} IS DISTINCT FROM r.{field}
"""
_LISTS = (
    "SELECT DISTINCT ON (named) named, r.id FROM {table} r, unnest(r.{field}) AS named"
    " WHERE r.{field} && %(ids)s AND r.{field} <> '{{}}' AND named = ANY (%(ids)s)"
    " AND r.{whole} <> named"
)


def names(table: str, field: str, *, is_list: bool) -> sql.Composed:
    """Which of some ids are named by rows that stay, and by which. Rows of what the import made,
    and is not kept, go, and a part goes with its record."""
    row = Projection.registry[table].row
    return sql.SQL((_LISTS if is_list else _NAMES) + _STAYS).format(
        table=sql.Identifier("views", table),
        field=sql.Identifier(field),
        whole=sql.Identifier("about_id" if "about_id" in row.fields else "id"),
    )
