"""The tables of a projection: what they are called, how they are made, what they were made by."""

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from adapters.postgres.views import searching, totals
from adapters.postgres.views.cells import RowEncoder
from adapters.postgres.views.columns import Column, table_columns
from adapters.postgres.views.references import MERGED, indexed
from projections.base import Projection

SCRIPT = Path(__file__).with_name("tracking.sql")
_INSTALLING = "SELECT pg_advisory_xact_lock(16979, 6)"
_INSTALLED = "SELECT to_regclass('backstory.skipped_stream') IS NOT NULL"
_FORMAT = 3
"""Raise it when the tables of every projection are laid out in another way."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a set of tables lies, and what is added to its name in tracking."""

    schema: str
    suffix: str


LIVE = Place("views", "")
NEXT = Place("views_next", "@next")
PREVIOUS = Place("views_previous", "@previous")

VERSION_COLUMNS = (
    Column("axis", "smallint"),
    Column("occurred_at", "timestamptz"),
    Column("gone", "boolean"),
    Column("at_position", "bigint"),
)
"""What a row version has beside the row's own columns; see ``adapters.postgres.views.versions``."""


@dataclass(frozen=True)
class View:
    """A projection's tables in one place: current rows, row versions, and totals if it has any."""

    projection: Projection[Any]
    place: Place = LIVE

    @property
    def name(self) -> str:
        return self.projection.table

    @property
    def key(self) -> str:
        """Its name in tracking."""
        return self.name + self.place.suffix

    @property
    def table(self) -> sql.Identifier:
        return sql.Identifier(self.place.schema, self.name)

    @property
    def versions(self) -> sql.Identifier:
        return sql.Identifier(self.place.schema, f"{self.name}_versions")

    @property
    def totals(self) -> sql.Identifier | None:
        """The table of its totals, if it keeps any."""
        if not self.projection.row.totals_by:
            return None
        return sql.Identifier(self.place.schema, f"{self.name}_totals")

    @property
    def tables(self) -> tuple[sql.Identifier, ...]:
        """All of them."""
        return (self.table, self.versions, *filter(None, [self.totals]))

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        columns = table_columns(self.projection.row, hidden=True)
        clash = {c.name for c in columns} & {c.name for c in VERSION_COLUMNS}
        if clash:
            raise TypeError(f"fields of {self.name} are named as columns of versions: {clash}")
        return columns

    @property
    def listing(self) -> tuple[str, ...]:
        """The columns that hold lists of ids, by which a row is found, too."""
        return tuple(c.name for c in self.columns if c.type == "uuid[]")

    @cached_property
    def encoder(self) -> RowEncoder:
        return RowEncoder(self.projection.row)

    @cached_property
    def fingerprint(self) -> str:
        """Changes whenever the tables must be made anew."""
        made_of = [
            _FORMAT,
            self.projection.kind,
            [(c.name, c.type) for c in self.columns],
            searching.DIGEST if self.projection.row.searched else None,
            self.projection.row.searched,
            *self.projection.row.totals_by,
            *self.listing,
        ]
        digest = sha256(json.dumps(made_of).encode()).hexdigest()[:16]
        return f"{self.name}:{self.projection.revision}:{digest}"

    def at(self, place: Place) -> "View":
        """The same projection in another place."""
        return View(self.projection, place)


def names(columns: tuple[Column, ...], prefix: str = "") -> sql.Composed:
    """``"id", "version", …`` for use in a statement."""
    parts = [sql.SQL(prefix) + sql.Identifier(c.name) for c in columns]
    return sql.SQL(", ").join(parts)


def install(connection: psycopg.Connection) -> None:
    """Make the tables that all projections share, where they are missing."""
    with connection.transaction():
        if connection.execute(_INSTALLED).fetchone() == (True,):
            return
        connection.execute(_INSTALLING)
        connection.execute("SET LOCAL client_min_messages = warning")
        connection.execute(SCRIPT.read_text(encoding="utf-8").encode())


def create(connection: psycopg.Connection, view: View) -> None:
    """Make the view's tables, empty and without indexes, in place of any that are there."""
    drop(connection, view)
    both = (view.table, view.columns), (view.versions, VERSION_COLUMNS + view.columns)
    for table, columns in both:
        defined = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.type)) for c in columns
        )
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, defined))
    if view.totals is not None:
        totals.create(connection, view.projection.row, view.totals)


def drop(connection: psycopg.Connection, view: View) -> None:
    tables = sql.SQL(", ").join(view.tables)
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(tables))


def exists(connection: psycopg.Connection, view: View) -> bool:
    name = f"{sql.Identifier(view.place.schema, view.name).as_string(connection)}"
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone()
    return found == (True,)


def complete(connection: psycopg.Connection, view: View) -> None:
    """Make the view's indexes and totals; after a bulk load, so that each is built once."""
    for statement in _indexes(view):
        connection.execute(statement)
    if view.totals is not None:
        connection.execute(totals.add(view.projection.row, view.table, view.totals))
    if view.projection.row.searched:
        searching.create_index(connection, view.table)


def _indexes(view: View) -> list[sql.Composed]:
    row = view.projection.row
    named = indexed(row)
    by = dict.fromkeys(["customer_id", "owner_id", row.owner or "owner_id", *named])
    statements = [sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(view.table)]
    statements += [_index(view.table, sql.Identifier(n)) for n in by if n in row.fields]
    if "external" in row.fields:
        key = sql.SQL("(external->>'system'), (external->>'id')")
        statements += [_index(view.table, key), _index(view.versions, key, "external")]
    for order in ("id, at_position", "id, occurred_at, at_position"):
        statements.append(_index(view.versions, sql.SQL(order)))
    statements += [_referring(view.versions, name) for name in named]
    if MERGED in row.fields:
        statements += [_referring(table, MERGED) for table in (view.table, view.versions)]
    statements += [_listing(view.table, name) for name in view.listing]
    if {MERGED, "name", "archived_at"} <= row.fields.keys():  # whose names stay taken
        statements.append(_index(view.table, sql.Identifier("name"), "archived_at"))
    return statements


def _listing(table: sql.Identifier, field: str) -> sql.Composed:
    """An index by which the rows are found that name a record in a list; few name any. A read has
    to say that the list is not empty."""
    statement = (
        "CREATE INDEX ON {} USING gin ({field}) WITH (gin_pending_list_limit = 256)"
        " WHERE {field} <> '{{}}'"
    )
    return sql.SQL(statement).format(table, field=sql.Identifier(field))


def _referring(table: sql.Identifier, field: str) -> sql.Composed:
    """An index by which the rows are found that name a record; costs little where few do."""
    statement = sql.SQL("CREATE INDEX ON {} ({field}, id) WHERE {field} IS NOT NULL")
    return statement.format(table, field=sql.Identifier(field))


def _index(table: sql.Identifier, key: sql.Composable, having: str | None = None) -> sql.Composed:
    """``having``: only rows in which this column says something."""
    statement = sql.SQL("CREATE INDEX ON {} ({})").format(table, key)
    if having is None:
        return statement
    return statement + sql.SQL(" WHERE {} IS NOT NULL").format(sql.Identifier(having))
