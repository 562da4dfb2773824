"""Every named question reads only what its asker may see, and binds what it is asked with."""

from typing import Any

import pytest
from pydantic import BaseModel

from adapters import registry
from adapters.postgres.pairing.tables import NAME as PAIRS
from adapters.postgres.reads.asof import NOW, Occurred, Recorded
from adapters.postgres.reads.questions import COMPARED, composed, types
from adapters.postgres.reads.relations import Bindings
from adapters.postgres.reads.scope import Scope
from projections.base import Projection
from queries.base import (
    QUERIES,
    Answer,
    Query,
    bare_tables,
    bound,
    check,
    parameters,
    relations,
    table_of,
)
from tests.adapters.serving import SCOPE, Served

registry.load()
every = pytest.mark.parametrize("name", sorted(QUERIES))
RESERVED = {"as_of", "clock", "after"}

BARE = {
    "SELECT * FROM opportunities": ["opportunities"],
    "SELECT * FROM views.opportunities o": ["views.opportunities"],
    'SELECT * FROM "opportunities"': ['"opportunities"'],
    "SELECT * FROM {customers} c JOIN opportunities o ON true": ["opportunities"],
    "SELECT * FROM {customers} c LEFT JOIN LATERAL opportunities ON true": ["opportunities"],
    "SELECT * FROM {customers}, opportunities": ["opportunities"],
    "SELECT (SELECT max(amount) FROM only opportunities)": ["opportunities"],
    "SELECT 1 FROM {customers} WHERE id IN (SELECT customer_id from opportunities)": [
        "opportunities"
    ],
    "WITH o AS (SELECT * FROM opportunities) SELECT * FROM o": ["opportunities"],
    "SELECT * FROM -- {x}\n opportunities": ["opportunities"],
    "SELECT * FROM {a} UNION SELECT * FROM opportunities": ["opportunities"],
}
FINE = (
    "SELECT count(*) AS opportunities FROM {opportunities}",
    "WITH o AS (SELECT * FROM {opportunities}), p AS (SELECT 1) SELECT * FROM o, p",
    "SELECT * FROM {a} a JOIN {b} b USING (id), unnest(a.tags) AS tag",
    "SELECT a IS DISTINCT FROM b FROM {c}",
    "SELECT 'taken from opportunities' FROM {c} -- not from opportunities",
    "SELECT * FROM (SELECT * FROM {c}) AS c, LATERAL jsonb_each(c.custom)",
    "SELECT * FROM generate_series(1, 3)",
)


@pytest.mark.parametrize("sql", BARE)
def test_a_table_without_braces_is_caught(sql: str) -> None:
    assert bare_tables(sql) == BARE[sql]
    with pytest.raises(TypeError, match="braces"):
        check(sql)


@pytest.mark.parametrize("sql", FINE)
def test_what_is_no_bare_table_is_let_through(sql: str) -> None:
    assert bare_tables(sql) == []
    check(sql)


def test_a_query_of_a_bare_table_cannot_even_be_declared() -> None:
    class Line(Answer):
        id: int

    with pytest.raises(TypeError, match="braces"):

        class Planted(Query[list[Line]]):
            """Planted."""

            sql = "SELECT id FROM opportunities"

    assert "planted" not in QUERIES
    with pytest.raises(TypeError, match="two queries"):

        class Pipeline(Query[list[Line]]):
            """Planted."""

            sql = "SELECT id FROM {opportunities}"


def test_parameters_are_bound_and_never_written_into_the_text() -> None:
    sql = "SELECT ':no'::text, x::int, :a, '%' FROM {t} WHERE y = :b_2 OR y ~ ':a' -- :c"
    assert parameters(sql) == ("a", "b_2")
    assert bound(sql, {"a": "uuid", "b_2": "text"}) == (
        "SELECT ':no'::text, x::int, %(a)s::uuid, '%%' FROM {t}"
        " WHERE y = %(b_2)s::text OR y ~ ':a' -- :c"
    )


@every
def test_every_query_is_as_it_should_be(name: str) -> None:
    query = QUERIES[name]
    text = query.statement()
    check(text)
    assert query.__doc__, "the docstring is the summary"
    assert set(parameters(text)) - query.DERIVED.keys() <= query.model_fields.keys()
    assert query.DERIVED or set(parameters(text)) == query.model_fields.keys()
    assert not query.model_fields.keys() & RESERVED
    assert query.tables() <= {*Projection.registry, PAIRS}
    assert relations(text), "a question is about something"
    assert types(query).keys() == query.model_fields.keys() | query.DERIVED.keys()
    assert issubclass(query.LINE, Answer)
    assert issubclass(query, BaseModel)


def test_every_query_can_be_asked_at_every_moment(database_url: str) -> None:
    with Served(database_url) as parts:
        parts.caught_up()
        instant = parts.log.head().at
        for query in QUERIES.values():
            for moment in (NOW,) if query.OF_TODAY else (NOW, Recorded(5), Occurred(instant)):
                assert isinstance(parts.rows.answer(query(), SCOPE, moment), list)


@every
def test_every_query_is_narrowed_by_the_scope(name: str) -> None:
    """Each relation of the statement asks the scope."""
    asked: list[str] = []

    class Watching(Scope):
        def visible(self, row: Any, alias: Any) -> None:
            asked.append(row.table)

    query = QUERIES[name]
    composed(query(), Watching(SCOPE.user_id), NOW, Bindings())
    named = (r for r in relations(query.statement()) if r not in COMPARED)
    assert asked == [table_of(r) for r in named]
    assert asked, "what holds ids only is joined with what the asker may see"
