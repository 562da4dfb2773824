"""Names: what ids and codes in some texts were called at the time, looked up all together."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from adapters.postgres.reads.asof import NOW, Moment, Occurred, Recorded
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.titles import Asked, Then, titles
from adapters.records import Records
from adapters.sentences import TITLES, title
from aggregates.events import Envelope
from projections.base import Projection, Row

T = TypeVar("T")
DICTIONARY = "dictionary_entries"
_MOST_CODES = 1_000
_TODAY = Occurred(datetime.max.replace(tzinfo=UTC))


class Names:
    """Remembers what it was asked and did not know, until it is told to look all of it up.

    Records are called as they were called at the moment of an event, codes as they are called
    today: a label is how we say a thing, not what was so. Used by one request, in one thread.
    """

    def __init__(self, reader: RowReader, records: Records, scope: Scope) -> None:
        self._reader, self._records, self._scope = reader, records, scope
        self._known: dict[tuple[str, Asked], str | None] = {}
        self._codes_known: dict[tuple[str, str], dict[str, str]] = {}
        self._asked: dict[tuple[str, Asked], int] = {}
        self._codes_asked: set[tuple[str, str]] = set()

    def at(self, envelope: Envelope, moment: Moment) -> "NamesThen":
        """The names at an event, by the clock of the moment that its history is asked for."""
        if isinstance(moment, Recorded):
            return NamesThen(self, Recorded(envelope.position), envelope.position)
        return NamesThen(self, Occurred(envelope.occurred_at), envelope.position)

    def today(self) -> "NamesThen":
        """The names as the views know them now."""
        return NamesThen(self, _TODAY, 0)

    def record(self, kind: str, id: UUID, then: Then, position: int) -> str | None:
        """``position``: how far a view must have read to know the name."""
        asked = kind, (id, then)
        self._asked[asked] = max(position, self._asked.get(asked, 0))
        return self._known.get(asked)

    def code(self, dictionary: str, code: str, language: str) -> str | None:
        self._codes_asked.add((dictionary, code))
        return self._codes_known.get((dictionary, code), {}).get(language)

    def said(self, speak: Callable[[], T]) -> T:
        """What ``speak`` says once every name that it asks for has been looked up."""
        speak()
        self._look_up()
        return speak()

    def _look_up(self) -> None:
        by_kind: dict[str, dict[Asked, int]] = defaultdict(dict)
        for (kind, asked), position in self._asked.items():
            if (kind, asked) not in self._known:
                by_kind[kind][asked] = position
        for kind, positions in by_kind.items():
            self._look_up_records(kind, positions)
        self._look_up_codes(sorted(self._codes_asked - self._codes_known.keys()))

    def _look_up_records(self, kind: str, positions: dict[Asked, int]) -> None:
        projection = _projection(kind)
        fields = [n for n in TITLES if projection is not None and n in projection.row.fields]
        if projection is None or not fields:
            return
        read = self._reader.position([projection.table])
        found = titles(self._reader, projection.row, fields, self._scope, list(positions))
        late = [asked for asked, position in positions.items() if position > read]
        found |= self._late(projection, dict.fromkeys([*late, *(positions.keys() - found.keys())]))
        self._known |= {(kind, asked): name for asked, name in found.items()}

    def _late(self, projection: Projection[Row], asked: Iterable[Asked]) -> dict[Asked, str | None]:
        """From the log, what is so new that the view does not show it yet."""
        ids = {id for id, _ in asked}
        seen = {id for id in ids if self._reader.sees(projection.row, self._scope, id)}
        wanted = [one for one in asked if one[0] in seen]
        found = self._records.at_each(projection, wanted) if wanted else {}
        return {one: title(found[one]) for one in wanted if one in found}

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


@dataclass(frozen=True, slots=True)
class NamesThen:
    """Names at one event. Implements ``adapters.sentences.Names``."""

    names: Names
    then: Then
    position: int

    def record(self, kind: str, id: UUID) -> str | None:
        return self.names.record(kind, id, self.then, self.position)

    def code(self, dictionary: str, code: str, language: str) -> str | None:
        return self.names.code(dictionary, code, language)


def _projection(kind: str) -> Projection[Row] | None:
    found = (p for p in Projection.registry.values() if kind == p.kind)
    return next(found, None)
