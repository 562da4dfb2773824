"""Names: what the ids and codes in some texts are called, looked up all together."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TypeVar
from uuid import UUID

from adapters.postgres.reads.asof import NOW
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.records import Records
from adapters.sentences import title
from projections.base import Projection, Row

T = TypeVar("T")
DICTIONARY = "dictionary_entries"
_MOST_CODES = 1_000


class Names:
    """Remembers what it was asked and did not know, until it is told to look all of it up.

    Implements ``adapters.sentences.Names``. Used by one request, in one thread.
    """

    def __init__(self, reader: RowReader, records: Records, scope: Scope) -> None:
        self._reader, self._records, self._scope = reader, records, scope
        self._records_known: dict[tuple[str, UUID], str | None] = {}
        self._codes_known: dict[tuple[str, str], dict[str, str]] = {}
        self._records_asked: set[tuple[str, UUID]] = set()
        self._codes_asked: set[tuple[str, str]] = set()

    def record(self, kind: str, id: UUID) -> str | None:
        self._records_asked.add((kind, id))
        return self._records_known.get((kind, id))

    def code(self, dictionary: str, code: str, language: str) -> str | None:
        self._codes_asked.add((dictionary, code))
        return self._codes_known.get((dictionary, code), {}).get(language)

    def said(self, speak: Callable[[], T]) -> T:
        """What ``speak`` says once every name that it asks for has been looked up."""
        speak()
        self._look_up()
        return speak()

    def _look_up(self) -> None:
        by_kind: dict[str, set[UUID]] = defaultdict(set)
        for kind, id in self._records_asked - self._records_known.keys():
            by_kind[kind].add(id)
        for kind, ids in by_kind.items():
            self._look_up_records(kind, ids)
        self._look_up_codes(sorted(self._codes_asked - self._codes_known.keys()))

    def _look_up_records(self, kind: str, ids: set[UUID]) -> None:
        projection = _projection(kind)
        if projection is None:
            return
        rows = {row.id: row for row in self._reader.some(projection.row, self._scope, list(ids))}
        unseen = ids - rows.keys()
        if unseen:
            rows |= self._unseen(projection, unseen)
        self._records_known |= {(kind, id): title(row) for id, row in rows.items()}

    def _unseen(self, projection: Projection[Row], ids: set[UUID]) -> dict[UUID, Row]:
        """Records that are so new that their view does not show them yet."""
        found = self._records.several(projection, ids)
        return {
            id: row
            for id, row in found.items()
            if self._reader.sees(projection.row, self._scope, id)
        }

    def _look_up_codes(self, asked: Iterable[tuple[str, str]]) -> None:
        pairs = [*asked][:_MOST_CODES]
        if not pairs:
            return
        row = Projection.registry[DICTIONARY].row
        parameters = [("dictionary", d) for d in {d for d, _ in pairs}]
        parameters += [("code", c) for c in {c for _, c in pairs}]
        wish = self._reader.wish(row, parameters, limit=_MOST_CODES)
        for entry in self._reader.page(row, self._scope, NOW, wish).rows:
            values = vars(entry)
            spoken = {language: values[language] for language in ("zh", "en")}
            self._codes_known[values["dictionary"], values["code"]] = spoken


def _projection(kind: str) -> Projection[Row] | None:
    found = (p for p in Projection.registry.values() if kind == p.kind)
    return next(found, None)
