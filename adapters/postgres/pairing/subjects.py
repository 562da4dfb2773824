"""Subjects: the kinds of records that are compared, and how their rows become profiles."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from adapters.postgres.reads.relations import hiding, table
from projections.base import Projection
from projections.matching.keys import keys
from projections.matching.profiles import Profile, company_of, person

DISTINCT = "distinct_from"
"""The column of records that somebody has judged to be others."""
_PERSON = ("name", "phone", "email", "address", "birthday")
_COMPANY = ("name", "short_name", "website", "address", "postcode", "founded_on", "phone")
_CUSTOMERS = """
    WITH RECURSIVE mine AS (
        SELECT today.id, {distinct}, {columns} FROM {customers} AS today
        WHERE today.id = ANY (%s) AND {in_use}),
    family AS (
        SELECT mine.id AS root, mine.id FROM mine
        UNION SELECT family.root, unnest(c.absorbed) FROM family JOIN {customers} c USING (id)),
    people AS (
        SELECT family.root, array_agg(today.phone ORDER BY today.id) AS phones,
            array_agg(today.email ORDER BY today.id) AS emails,
            array_agg(today.name ORDER BY today.id) AS people
        FROM family JOIN {contacts} AS today ON today.customer_id = family.id
        WHERE {contacts_in_use} GROUP BY family.root),
    merged AS (
        SELECT family.root, array_agg(c.name ORDER BY c.id) AS former_names,
            array_agg(c.phone ORDER BY c.id) AS former_phones
        FROM family JOIN {customers} c USING (id) WHERE family.id <> family.root
        GROUP BY family.root)
    SELECT mine.*, phones, emails, people, former_names, former_phones
    FROM mine LEFT JOIN people ON people.root = mine.id LEFT JOIN merged ON merged.root = mine.id
"""
_CONTACTS = """
    SELECT today.id, {distinct}, {columns} FROM {contacts} AS today
    WHERE today.id = ANY (%s) AND {in_use} AND NOT today.retired
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A record that is in use, as it is compared."""

    id: UUID
    profile: Profile
    distinct_from: frozenset[UUID]
    digest: bytes
    """Changes whenever any of the others does."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind of records that are compared with each other."""

    kind: str
    letter: str
    """With which its keys begin, so that they meet no other kind's."""
    tables: tuple[str, ...]
    """Views that its lines are read from, its own first."""
    statement: Callable[[], sql.Composed]
    profile: Callable[[dict[str, Any]], Profile]

    def lines(self, connection: psycopg.Connection, ids: Iterable[UUID]) -> Iterator[Line]:
        """The records among these that are in use."""
        with connection.cursor(row_factory=dict_row) as cursor:
            for found in cursor.execute(self.statement(), (list(ids),)):
                id, distinct = found.pop("id"), found.pop(DISTINCT)
                said = orjson.dumps([sorted(map(str, distinct or ())), found])
                digest = blake2b(said, digest_size=16).digest()
                yield Line(id, self.profile(found), frozenset(distinct or ()), digest)

    def keys(self, line: Line) -> frozenset[str]:
        return frozenset(self.letter + key for key in keys(line.profile))


def _select(table_name: str, wanted: Sequence[str]) -> dict[str, sql.Composable]:
    """Columns of a view, null where its rows have none, and what is out of use left out."""
    row = Projection.registry[table_name].row
    has = row.fields.keys()
    columns = [
        sql.SQL("today.{}" if name in has else "NULL AS {}").format(sql.Identifier(name))
        for name in wanted
    ]
    distinct = "today.distinct_from" if DISTINCT in has else "NULL::uuid[] AS distinct_from"
    return {
        "columns": sql.SQL(", ").join(columns),
        "distinct": sql.SQL(distinct),
        "in_use": sql.SQL(" AND ").join([sql.SQL("true"), *hiding(row)]),
        table_name: table(row),
    }


def _customers() -> sql.Composed:
    contacts = _select("contacts", ())
    return sql.SQL(_CUSTOMERS).format(
        **_select("customers", _COMPANY),
        contacts=contacts["contacts"],
        contacts_in_use=contacts["in_use"],
    )


def _contacts() -> sql.Composed:
    return sql.SQL(_CONTACTS).format(**_select("contacts", _PERSON))


SUBJECTS = (
    Subject("customer", "c", ("customers", "contacts"), _customers, company_of),
    Subject("contact", "k", ("contacts",), _contacts, lambda line: person(**line)),
)
