"""The index that search finds rows by: pieces of their hidden texts, cut by the database.

The pieces lie in the index only. As a column they would take several times the room of the texts,
in every row and in every version of it.
"""

import json
from hashlib import sha256

import psycopg
from psycopg import sql

from projections.searching.characters import LEGAL_FORMS
from projections.searching.lines import FORMAT

_THERE = "SELECT to_regproc(%s) IS NOT NULL"
_INSTALLING = "SELECT pg_advisory_xact_lock(16979, 8)"
_HOLE = "\x01"
"""Stands for the inside of a legal form. No line has it: it is no letter."""

# The same as projections.searching.pieces says. Dear, so that a plan never cuts texts row by row
# where it can ask the index. Lexemes of more than 2,046 bytes cannot be.
_FUNCTION = """
CREATE FUNCTION {cut}(found_by text, was_found_by text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
DECLARE
    texts text := found_by || coalesce(was_found_by, '');
    signs text[] := string_to_array({without_legal_forms}, NULL);
BEGIN
    RETURN array_to_tsvector((
        SELECT array_agg(CASE
            WHEN ascii(a) > 127 OR b = E'\\n' OR c IS NULL OR c = {hole} THEN a || b
            ELSE a || b || c END)
        FROM unnest(signs, signs[2:], signs[3:]) AS sign (a, b, c)
        WHERE b IS NOT NULL AND a <> {hole} AND b <> {hole} AND NOT (a = E'\\n' AND b = E'\\n')
    ));
END $$
"""
DIGEST = sha256(json.dumps([FORMAT, _FUNCTION]).encode()).hexdigest()[:8]
"""Changes whenever the same values come to other lines or pieces."""
_CUT = sql.Identifier("backstory", f"pieces_{DIGEST}")
"""Each format has a function of its own: tables of an earlier release go on with theirs."""
# Few entries wait to be put in their places: a search reads through all that do.
_INDEX = "CREATE INDEX ON {} USING gin ({}) WITH (gin_pending_list_limit = 256)"


def pieces(alias: sql.Identifier | None = None) -> sql.Composable:
    """The pieces of a row, as they are indexed."""
    prefix = sql.SQL("") if alias is None else alias + sql.SQL(".")
    return sql.SQL("{cut}({of}found_by, {of}was_found_by)").format(cut=_CUT, of=prefix)


def create_index(connection: psycopg.Connection, table: sql.Identifier) -> None:
    """Make the index of a table, and what cuts texts where it is missing."""
    with connection.transaction():
        connection.execute(_INSTALLING)
        if connection.execute(_THERE, (_CUT.as_string(),)).fetchone() != (True,):
            connection.execute(_function())
    connection.execute(sql.SQL(_INDEX).format(table, pieces()))


def _function() -> sql.Composed:
    hole = sql.Literal(_HOLE)
    bare: sql.Composable = sql.SQL("texts")
    for form in LEGAL_FORMS:
        ends = sql.Literal(form[0] + _HOLE + form[-1])
        bare = sql.SQL("replace({}, {}, {})").format(bare, sql.Literal(form), ends)
    return sql.SQL(_FUNCTION).format(cut=_CUT, hole=hole, without_legal_forms=bare)
