"""Queries: questions with parameters, one SQL text and typed answers, as a registry.

A query knows no database. Its SQL names relations as ``{opportunities}`` and parameters as
``:owner_id``; whoever runs it puts there what the asker may see, as of the day asked for, and binds
the parameters. ``{now.dictionary_entries}`` is the relation as of today whatever day is asked for:
names and order of codes are how we call things, not what was so. ``{any.customers}`` also holds
what is archived, merged or withdrawn. ``{totals.opportunities}`` has a line for each combination of
the fields by which totals are kept, with ``count`` and ``total``. ``{possible_duplicates}`` and
``{match_keys}`` hold nothing but ids, of everybody's records: join them with relations that the
asker may see. ``:moment`` is the instant as of which the question is asked.

``o.customer_id = ANY ({customers:customer_id})`` chooses what belongs to the customer that the
parameter names, or to one that was merged into it.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from string import Formatter
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")

NOW = "now."
ANY = "any."
TOTALS = "totals."
MOMENT = "moment"
_TABLE = re.compile(r"^(now\.|any\.|totals\.)?[a-z][a-z0-9_]*$")
_QUOTED = re.compile(r"'(?:[^']|'')*'|--[^\n]*")
_PARAMETER = re.compile(_QUOTED.pattern + r"|(?<![:\w]):([a-z][a-z0-9_]*)")
_CLAUSE = re.compile(
    r"(?<!DISTINCT )\b(?:FROM|JOIN)\b(.*?)"
    r"(?=\b(?:FROM|JOIN|ON|USING|WHERE|GROUP|ORDER|HAVING|LIMIT|UNION|WINDOW|SELECT)\b|$)",
    re.IGNORECASE | re.DOTALL,
)
_NAMED = re.compile(r"(?:\bWITH\b|,)\s*(?:RECURSIVE\s+)?(\w+)\s+AS\s*\(", re.IGNORECASE)


class Answer(BaseModel):
    """One line of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Total(BaseModel):
    """A sum of money in one currency; totals of different currencies are never added up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Decimal
    currency: str


class Query(BaseModel, Generic[T]):
    """One question. Its fields are the parameters, its docstring is the summary everywhere; what
    stands below a field describes the parameter.

    ``T`` is ``list[…]`` of an ``Answer``, whose fields are the columns that the SQL selects.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    NAME: ClassVar[str]
    """Name in routes, ``stage-durations``; from the class's name unless given."""
    LINE: ClassVar[type[Answer]]
    """What one line of the answer looks like."""
    FOUND: ClassVar[type[Answer]]
    """What the SQL selects looks like, where ``answered`` makes other lines of it."""
    OF_TODAY: ClassVar[bool] = False
    """Whether it can be asked only as of now."""
    DERIVED: ClassVar[Mapping[str, str]] = {}
    """Parameters that follow from the fields, as properties → their SQL types."""
    sql: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        line = _line_of(cls)
        if line is None or "[" in cls.__name__:
            return
        cls.LINE = line
        cls.FOUND = cls.__dict__.get("FOUND", line)
        cls.NAME = cls.__dict__.get("NAME") or _kebab(cls.__name__)
        if cls.sql:
            check(cls.sql)
        if cls.NAME in QUERIES:
            raise TypeError(f"two queries are called {cls.NAME}")
        QUERIES[cls.NAME] = cls

    @classmethod
    def statement(cls) -> str:
        """The SQL; overridden where it follows from what is registered."""
        return cls.sql

    @classmethod
    def tables(cls) -> frozenset[str]:
        """Tables that the answer is folded from."""
        return frozenset(map(table_of, relations(cls.statement())))

    @classmethod
    def place(cls, line: Any) -> str:
        """Where a line stands in the order of the answer; of a query that has a ``cursor`` and a
        ``limit``. It is given such a place as its cursor, and answers what comes behind it, one
        line more than the limit if there is one."""
        raise NotImplementedError

    def answered(self, found: list[Any]) -> list[Any]:
        """The answer's lines, of the lines that the SQL selected; pure."""
        return found


def relations(sql: str) -> tuple[str, ...]:
    """The names in braces, in order of appearance."""
    return tuple(name for _, name, _, _ in Formatter().parse(sql) if name is not None)


def table_of(relation: str) -> str:
    """The table that a name in braces is about."""
    return relation.removeprefix(NOW).removeprefix(ANY).removeprefix(TOTALS)


def parameters(sql: str) -> tuple[str, ...]:
    """The names behind colons, in order of appearance; the moment is none of them."""
    return tuple(name for name in _PARAMETER.findall(sql) if name not in ("", MOMENT))


def bound(sql: str, types: dict[str, str]) -> str:
    """The SQL with each ``:name`` as a placeholder for a bound value of its type, and the moment as
    ``{moment}``."""

    def placeholder(match: re.Match[str]) -> str:
        if match[1] == MOMENT:
            return f"{{{MOMENT}}}"
        return match[0] if match[1] is None else f"%({match[1]})s::{types[match[1]]}"

    return _PARAMETER.sub(placeholder, sql.replace("%", "%%"))


def bare_tables(sql: str) -> list[str]:
    """Names that are read from without braces: they would go round what the asker may see."""
    text = _QUOTED.sub(lambda match: " " if match[0].startswith("-") else "''", sql)
    named = {name.lower() for name in _NAMED.findall(text)}
    found: list[str] = []
    for clause in _CLAUSE.findall(text):
        for item in _items(clause):
            source = re.match(r"\s*(?:LATERAL\s+|ONLY\s+)*([\w\".]+)(\s*\()?", item, re.IGNORECASE)
            if source and not source[2] and source[1].lower() not in named:
                found.append(source[1])
    return found


def _items(clause: str) -> list[str]:
    """What stands between the commas that are not an argument list's."""
    items, depth = [""], 0
    for character in clause:
        depth += (character == "(") - (character == ")")
        if character == "," and depth <= 0:
            items.append("")
        else:
            items[-1] += character
    return items


def check(sql: str) -> None:
    """Refuse SQL that names a table without braces, or something in braces that is no table."""
    bare = bare_tables(sql)
    if bare:
        raise TypeError(f"tables are written in braces: {', '.join(bare)}")
    strange = [name for name in relations(sql) if not _TABLE.match(name)]
    if strange:
        raise TypeError(f"not names of tables: {', '.join(strange)}")


def _line_of(cls: type[BaseModel]) -> type[Answer] | None:
    for base in cls.__mro__:
        arguments = getattr(base, "__pydantic_generic_metadata__", {}).get("args", ())
        if arguments and get_origin(arguments[0]) is list:
            line: type[Answer] = get_args(arguments[0])[0]
            return line
    return None


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


QUERIES: dict[str, type[Query[Any]]] = {}
"""The registry: ``pipeline`` → query class."""
