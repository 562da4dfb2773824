"""Finding: the SQL by which search looks for rows, over what the asker may see."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql
from psycopg.abc import AdaptContext

from adapters.postgres.reads.asof import Moment, Now, Occurred
from adapters.postgres.reads.relations import Bindings, relation, table
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views.searching import pieces
from projections.base import Row
from projections.searching.asked import Asked, Part, Term
from projections.searching.pieces import Pieces

FIRST, ANY = ("exact", "beginning", "newest"), ("any",)
"""Ways of finding."""
NEWEST = 8_000
MOST = {"exact": 200, "beginning": 1_000, "any": 5_000}
"""So many matches of a kind are ranked, whatever more there are. A term with more matches than that
in all has filled the list from the newest rows before."""

_INDEXED = """(SELECT {kind} AS kind, id, {rank} AS rank FROM (
    SELECT id, found_by FROM {rows} AS rows WHERE {found} LIMIT {most}) AS candidates
    ORDER BY rank, id DESC LIMIT {limit})"""
_LOOK = """(SELECT {kind} AS kind, id, {rank} AS rank FROM {rows} AS rows
    WHERE id >= {since} AND {found} ORDER BY id DESC LIMIT {limit})"""
_SINCE = (
    "coalesce((SELECT id FROM {} ORDER BY id DESC OFFSET {} LIMIT 1),"
    " '00000000-0000-0000-0000-000000000000')"
)
_AMONG = "SELECT id FROM {} AS rows WHERE {} @@ {} AND {} LIMIT {}"
_NOT_YET = 4
"""So many times as many are looked at where those that were not there yet are found only then."""
_COLUMNS = sql.SQL("today.id, today.found_by, today.was_found_by")
_PIECES = pieces(sql.Identifier("rows"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A search: for what, among which kinds of rows, by whom, and as of when."""

    asked: Asked
    kinds: Sequence[type[Row]]
    scope: Scope
    moment: Moment
    limit: int
    all: bool = False
    """Whether rows out of use are found too."""
    newest: int = NEWEST
    """So many rows of a kind are looked through."""


class _Once(sql.Composable):
    """A part of a statement that stands in it many times, and is written out once."""

    def __init__(self, part: sql.Composable) -> None:
        self._written = part.as_bytes(None)

    def as_bytes(self, context: AdaptContext | None = None) -> bytes:
        return self._written


class Finding:
    """Makes one statement for a search, and binds its values."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted, self.bindings = wanted, Bindings()
        asked = wanted.asked
        self._matches = _Once(self._all(asked.terms))
        self._limit = self.bindings.bind(wanted.limit, "bigint")
        better = [_Once(self._any(t)) for t in (asked.exact, asked.beginning, asked.together)]
        self._rank = _Once(_rank(better))
        self._terms: dict[str, tuple[Sequence[Term], sql.Composable]] = {
            "exact": ((asked.exact,), better[0]),
            "beginning": ((asked.beginning,), better[1]),
            "any": (asked.terms, self._matches),
        }
        self._queries: dict[str, sql.Composable] = {}

    def statement(self, kinds: Iterable[int], ways: Sequence[str]) -> sql.Composed:
        """Selects of (kind, id, rank); a row can come several times."""
        return sql.SQL(" UNION ALL ").join(s for kind in kinds for s in self._of(kind, ways))

    def _of(self, kind: int, ways: Sequence[str]) -> Iterator[sql.Composable]:
        row = self._wanted.kinds[kind]
        is_now = isinstance(self._wanted.moment, Now)
        now = _Once(self._rows(row)) if is_now else None
        for way in ways:
            is_known = all(self._terms[way][0]) if way != "newest" else True
            if not is_known or (way in FIRST[:2] and self._wanted.asked.is_common):
                continue  # Nearly every line that ends so would have to be looked at.
            if way != "newest":
                yield self._indexed(kind, row, way, now)
            elif is_now or self._wanted.asked.is_common or self._wanted.asked.is_of_single_signs:
                # Those of today say nothing of another day, but legal forms have no other way.
                yield self._look(kind, row, now)

    def _indexed(
        self, kind: int, row: type[Row], way: str, now: sql.Composable | None
    ) -> sql.Composable:
        """By the index: of the rows, or as of another moment of all that ever had the pieces."""
        terms, found = self._terms[way]
        if way not in self._queries:
            self._queries[way] = self.bindings.bind(_query(terms), "tsquery")
        query = self._queries[way]
        if now is not None:
            rows = now
            found = sql.SQL("{} @@ {} AND {}").format(_PIECES, query, found)
        else:
            rows = self._rows(row, self._ever(row, query, MOST[way]))
        return sql.SQL(_INDEXED).format(
            kind=sql.Literal(kind),
            rank=self._rank,
            rows=rows,
            found=found,
            most=sql.Literal(MOST[way]),
            limit=self._limit,
        )

    def _ever(self, row: type[Row], query: sql.Composable, most: int) -> sql.Composable:
        """Of the rows that ever had the pieces, some: those of them that were there by then."""
        moment = self._wanted.moment
        if isinstance(moment, Occurred):
            instant = self.bindings.bind(moment.instant, "timestamptz")
            there, enough = sql.SQL("created_at <= ") + instant, most
        else:
            there, enough = sql.Composed([sql.SQL("true")]), most * _NOT_YET
        return sql.SQL(_AMONG).format(table(row), _PIECES, query, there, sql.Literal(enough))

    def _look(self, kind: int, row: type[Row], now: sql.Composable | None) -> sql.Composable:
        """Through the newest rows."""
        since = sql.SQL(_SINCE).format(table(row), sql.Literal(self._wanted.newest))
        among = sql.SQL("SELECT id FROM {} WHERE id >= {}").format(table(row), since)
        return sql.SQL(_LOOK).format(
            kind=sql.Literal(kind),
            rank=self._rank,
            rows=now or self._rows(row, among),
            since=since,
            found=self._matches,
            limit=self._limit,
        )

    def _rows(self, row: type[Row], among: sql.Composable | None = None) -> sql.Composable:
        wanted = self._wanted
        return relation(
            row,
            wanted.scope,
            wanted.moment,
            self.bindings,
            all=wanted.all,
            merged=True,
            among=among,
            only=_COLUMNS,
        )

    # Conditions on a row's text

    def _all(self, terms: Iterable[Term]) -> sql.Composable:
        return sql.SQL(" AND ").join(self._any(term) for term in terms)

    def _any(self, term: Term) -> sql.Composable:
        if not term:
            return sql.SQL("false")
        return sql.SQL("({})").format(sql.SQL(" OR ").join(self._has(part) for part in term))

    def _has(self, part: Part) -> sql.Composable:
        text = self.bindings.bind(part.text, "text")
        if part.expression is None:
            return sql.SQL("strpos(found_by, {}) > 0").format(text)
        expression = self.bindings.bind(part.expression, "text")
        both = sql.SQL("(strpos(found_by, {}) > 0 AND found_by ~ {})")
        return both.format(text, expression)


def _rank(better: Sequence[sql.Composable]) -> sql.Composable:
    """0: a whole line; 1: the beginning of one; 2: the words as they stand; 3: any other way."""
    cases = (sql.SQL("WHEN {} THEN {}").format(c, sql.Literal(n)) for n, c in enumerate(better))
    return sql.SQL("CASE {} ELSE {} END").format(sql.SQL(" ").join(cases), sql.Literal(len(better)))


def _query(terms: Sequence[Term]) -> str:
    """What the index is asked for: terms with whole pieces, or where there are none the longest."""
    whole = [t for t in terms if all(part.pieces.whole for part in t)]
    chosen = whole or [max(terms, key=lambda t: len(t[0].text))]
    either = (dict.fromkeys(_lexemes(part.pieces) for part in t) for t in chosen)
    return " & ".join(f"({' | '.join(some)})" for some in either)


def _lexemes(pieces: Pieces) -> str:
    if pieces.whole:
        either = (f"({' | '.join(map(_quoted, some))})" for some in pieces.either)
        return f"({' & '.join((*map(_quoted, pieces.whole), *either))})"
    return f"({' | '.join(f'{_quoted(b)}:*' for b in pieces.beginnings)})"


def _quoted(lexeme: str) -> str:
    doubled = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
