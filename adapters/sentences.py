"""Sentences: what an event says to people, with names in place of codes and ids."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from adapters.meanings import meanings
from adapters.phrases import Writing, said
from aggregates.errors import kebab
from aggregates.events import Event, PartEvent
from aggregates.values import Code, Ref
from commands.requests import IMPORT, POLICY
from projections.base import Projection, Row


class Names(Protocol):
    """What ids and codes are called."""

    def record(self, kind: str, id: UUID) -> str | None:
        """The name of a record; None where it is not known."""
        ...

    def code(self, dictionary: str, code: str, language: str) -> str | None:
        """The name of a dictionary entry; None where it is not known."""
        ...


class Phrasebook(Protocol):
    """The texts of one language, as far as sentences need them."""

    writing: Writing
    base: Mapping[str, Any]

    def aggregate(self, kind: str) -> Mapping[str, Any]: ...

    def label(self, kind: str, field: str | None) -> str: ...

    def value(self, kind: str, field: str, value: Any) -> str | None: ...

    def person(self, name: str | None) -> str | None: ...


class Speech:
    """Makes sentences in one language."""

    def __init__(self, book: Phrasebook, language: str) -> None:
        self._book, self._language = book, language

    def sentence(self, event: Event, before: Row | None, after: Row | None, names: Names) -> str:
        kind, _, name = event.TOPIC.partition(".")
        telling = _Telling(self, kind, names)
        phrases: Mapping[str, str] = self._book.aggregate(kind).get("events", {})
        phrase = phrases.get(type(event).__name__)
        if phrase is None:
            return name
        spoken = said(phrase, telling.filling(event, before, after), self._book.writing.none)
        return spoken[:1].upper() + spoken[1:]

    def imported(self, sentence: str, file_name: str) -> str:
        """A sentence of what came from a file."""
        phrase: str = self._book.base["sentences"]["imported"]
        return phrase.format(said=sentence, file_name=self._book.writing.value(file_name))

    def named(self, kind: str, field: str, value: Any, names: Names) -> str:
        """A value as people call it."""
        if isinstance(value, (tuple, list)):
            return self._book.writing.listed(self.named(kind, field, v, names) for v in value)
        if field.endswith("_seconds") and isinstance(value, int):
            return self._book.writing.duration(value)
        meaning = meanings(kind).get(field)
        found: str | None = self._book.value(kind, field, value)
        if isinstance(meaning, Code) and isinstance(value, str):
            found = names.code(meaning.dictionary, value, self._language)
        elif isinstance(value, UUID):
            kinds = meaning.kinds if isinstance(meaning, Ref) else ()
            found = next(filter(None, [names.record(kind, value) for kind in kinds]), None)
            found = self._book.person(found)
            found = found or (self._book.writing.unknown if kinds else str(value)[:8])
        return found or self._book.writing.value(value)

    def change(self, label: str, before: str | None, after: str | None) -> str:
        """One field's change."""
        how = "cleared" if after is None else "filled" if before is None else "changed"
        return self._said(how, label, before=before, after=after)

    def corrected(self, label: str, after: str | None) -> str:
        """One field's change, where it is not known what it was before."""
        return self._said("emptied" if after is None else "corrected", label, after=after)

    def _said(self, how: str, label: str, **values: str | None) -> str:
        said_as: str = self._book.base["sentences"][how]
        percent = self._book.writing.percent
        if label.endswith(percent):  # People write the sign with the number.
            label = label.removesuffix(percent)
            values = {name: v if v is None else f"{v}%" for name, v in values.items()}
        return said_as.format(label=label, **values)

    def told(self, changes: list[str]) -> str:
        """Several changes."""
        sentences = self._book.base["sentences"]
        return str(sentences["then"].join(changes) if changes else sentences["unchanged"])

    def label(self, kind: str, field: str | None) -> str:
        return self._book.label(kind, field)


class _Telling:
    """One event on its way to a sentence."""

    def __init__(self, speech: Speech, kind: str, names: Names) -> None:
        self._speech, self._record, self._names = speech, kind, names
        self._kind = kind
        """The kind whose fields are spoken of: that of a part where the event is about one."""

    def filling(self, event: Event, before: Row | None, after: Row | None) -> Any:
        """What stands at each place of the phrase."""
        self._kind = _part(event) or self._record

        def fill(place: str) -> str | None:
            where, _, field = place.rpartition(".")
            match where, field:
                case "", "changes":
                    return self._speech.told(list(self._changes(event, before)))
                case "", "corrections":
                    return self._speech.told(list(self._corrections(event)))
                case "", "kind" if not hasattr(event, "kind"):
                    return self._speech.label(self._record, None)
                case "", "actor":
                    return self._names.record("User", event.envelope.actor)
                case "", _:
                    return self._named(field, getattr(event, field, None))
                case "before", _:
                    return self._named(field, getattr(before, field, None))
                case "after", _:
                    return self._named(field, getattr(after, field, None))
                case "added", _:
                    return self._named(field, _without(after, before, field))
                case "removed", _:
                    return self._named(field, _without(before, after, field))
            return None

        return fill

    def _named(self, field: str, value: Any) -> str | None:
        if value is None or value == ():
            return None
        return self._speech.named(self._kind, field, value, self._names)

    def _changes(self, event: Event, before: Row | None) -> Iterator[str]:
        for field in type(event).model_fields:
            if field in event.model_fields_set and hasattr(before, field):
                was, now = getattr(before, field, None), getattr(event, field)
                if isinstance(now, dict):
                    yield from self._pairs(was or {}, now)
                elif was != now:
                    label = self._speech.label(self._kind, field)
                    yield self._speech.change(
                        label, self._named(field, was), self._named(field, now)
                    )

    def _corrections(self, event: Event) -> Iterator[str]:
        """What an event about a part sets; the row of the whole does not tell what was before."""
        own = {f"{kebab(self._kind)}_id"}
        for field in type(event).model_fields:
            if field in event.model_fields_set - own:
                label = self._speech.label(self._kind, field)
                yield self._speech.corrected(label, self._named(field, getattr(event, field)))

    def _pairs(self, was: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
        for key in (*now, *(k for k in was if k not in now)):
            if was.get(key) != now.get(key):
                texts = (self._named(key, values.get(key)) for values in (was, now))
                yield self._speech.change(key, *texts)


def _without(row: Row | None, other: Row | None, field: str) -> tuple[Any, ...]:
    """Items of a field that the other row's does not have."""
    known = set(getattr(other, field, None) or ())
    return tuple(v for v in getattr(row, field, None) or () if v not in known)


def _part(event: Event) -> str | None:
    """The kind of the part that an event is about; None: it is about the whole."""
    if not isinstance(event, PartEvent):
        return None
    parts = (p for p in Projection.registry.values() if p.is_of_parts)
    return next((p.kind for p in parts if hasattr(p.of, type(event).__name__)), None)


class Source(NamedTuple):
    """The import by which, or because of which, something happened."""

    import_id: UUID
    file_name: str


def source(event: Event, names: Names) -> Source | None:
    """Where an event came from, as far as that is known; None of what an import says of itself."""
    id, origin = event.envelope.correlation_id, event.envelope.origin
    if origin not in (IMPORT, POLICY) or event.envelope.stream_id == id:
        return None
    file_name = names.record("Import", id)
    return None if file_name is None else Source(id, file_name)


TITLES = ("name", "title", "subject", "file_name", "login")
"""Fields by which a record may be called, best first."""


def title(row: Row) -> str | None:
    """What a record is called."""
    return next((v for n in TITLES if (v := getattr(row, n, None))), None)
