"""Coding: which codes of a dictionary texts stand for, by the names of its entries."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg

from adapters.importing.headings import form, synonyms
from adapters.postgres.reads.asof import NOW
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.remarks import Remark
from adapters.seeds import LOCAL, dictionaries
from projections.base import Projection, Row

if TYPE_CHECKING:
    from adapters.bootstrap import Backstory

TABLE = "dictionary_entries"
MOST_SPOKEN = 30
"""Entries that are named where one is asked for."""
MOST_ENTRIES = 1_000
HEAD_SECONDS = 10.0
_AND = re.compile(r"[和与及、/,&]| and ", re.IGNORECASE)
_ENDINGS = ("行业", "产业", "业", "industry", "sector")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a dictionary, as far as texts may stand for it."""

    code: str
    zh: str
    en: str
    closes: bool = False
    """Whether it is a stage at which an opportunity is won or lost."""


Entries = Mapping[str, Sequence[Entry]]
"""Dictionary → its entries."""


def declared() -> Entries:
    """The entries that every organisation begins with."""
    return {
        name: [_entry({"code": code, **entry}) for code, entry in entries.items()]
        for name, entries in dictionaries().items()
    }


def entries(backstory: "Backstory") -> Entries:
    """Those in use now: what the view knows of them, and what the log has told since."""
    projection: Projection[Any] = Projection.registry[TABLE]
    rows: dict[UUID, Row | None] = {}
    try:
        position = backstory.tracked(TABLE)
        rows |= _viewed(backstory, projection) if position else {}
    except psycopg.errors.UndefinedTable:  # Nothing was ever projected here.
        position = 0
    for batch in backstory.log.scan(position, _settled(backstory)):
        told = [event for event in batch if event.topic in projection.topics]
        for event in backstory.mapper.read_all(told):
            id = event.envelope.stream_id
            rows[id] = projection.fold(rows.get(id), event)
    found: dict[str, list[Entry]] = defaultdict(list)
    for row in filter(None, rows.values()):
        values = vars(row)
        if not values["retired"]:
            found[values["dictionary"]].append(_entry(values))
    return found


def _settled(backstory: "Backstory") -> int:
    """The head, once it has come to what this process has just entered."""
    with backstory.pool.connection() as connection:
        [(last,)] = connection.execute("SELECT coalesce(max(position), 0) FROM backstory.events")
    backstory.log.wait_for_head(last - 1, HEAD_SECONDS)
    return backstory.log.head().position


def _viewed(backstory: "Backstory", projection: Projection[Any]) -> dict[UUID, Row]:
    reader = RowReader(backstory.pool, backstory.timezone)
    wish = reader.wish(projection.row, [], limit=MOST_ENTRIES)
    return {row.id: row for row in reader.page(projection.row, Scope(LOCAL), NOW, wish).rows}


def _entry(values: Mapping[str, Any]) -> Entry:
    closes = values.get("type") in ("won", "lost")
    return Entry(values["code"], values["zh"], values["en"], closes)


def spoken(known: Sequence[Entry]) -> Remark:
    """The codes that there are, with their names."""
    if not known:
        return Remark("suggestion.no-codes")
    first = known[:MOST_SPOKEN]
    codes = (Remark("suggestion.code", code=one.code, zh=one.zh, en=one.en) for one in first)
    more = f"{len(known) - MOST_SPOKEN:,}" if known[MOST_SPOKEN:] else None
    return Remark("suggestion.codes", codes=tuple(codes), more=more)


class Codes:
    """The entries of one dictionary, by everything that texts may call them."""

    def __init__(self, dictionary: str, known: Iterable[Entry]) -> None:
        self._entries = {entry.code: entry for entry in known}
        self._named: dict[str, set[str]] = defaultdict(set)
        for code, entry in self._entries.items():
            for name in (entry.zh, entry.en):
                for part in (name, *_AND.split(name)):
                    for said in _forms(part):
                        self._named[said].add(code)
        words = synonyms()["values"].get(dictionary, {})
        for code in words.keys() & self._entries.keys():
            for said in map(form, words[code]):
                self._named.setdefault(said, {code})  # What an entry is called goes before.

    def of(self, text: str) -> Entry | None:
        """The one entry that the text is the code, the name, a part of the name or a word of."""
        if text in self._entries:
            return self._entries[text]
        for said in _forms(text):
            codes = self._named.get(said, set())
            if len(codes) == 1:
                return self._entries[next(iter(codes))]
        return None


def _forms(text: str) -> Iterator[str]:
    """What is compared: the whole, and what is left without an ending such as 业."""
    whole = form(text)
    if whole:
        yield whole
    for ending in _ENDINGS:
        stem = whole.removesuffix(ending)
        if stem != whole and len(stem) > 1:
            yield stem
