"""Given events, when a command, then events: the pure core in a test's words.

Nothing here knows a database. Codes that a command names are those of the default dictionaries;
references are taken as good, because whether a record exists is dispatch's business.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from adapters.seeds import dictionaries
from aggregates.base import Aggregate, Vacant
from aggregates.errors import DomainError, FieldError, Invalid, NotFound
from aggregates.events import Created, Envelope, Event
from aggregates.merge import Made
from aggregates.values import Code, CodeEntry, Money, Ref, Referred
from commands.base import Command
from commands.preparation import handled

A = TypeVar("A", bound=Aggregate)
BEGINNING = datetime(2026, 3, 1, 9, tzinfo=UTC)
"""When everything in examples happened."""
RECORD = UUID("00000000-0000-7000-8000-000000000001")
"""The id of the record that examples are about."""


@cache
def default_codes() -> Mapping[tuple[str, str], CodeEntry]:
    """(dictionary, code) → entry, of the dictionaries that every organisation begins with."""
    return {
        (dictionary, code): CodeEntry(
            code=code, pipeline=entry.get("pipeline"), type=entry.get("type")
        )
        for dictionary, entries in dictionaries().items()
        for code, entry in entries.items()
    }


def resolve(command: Command[Any], codes: Mapping[tuple[str, str], CodeEntry]) -> None:
    """Do for the pure core what dispatch does: fill what the command's names stand for.

    Raises Invalid for codes. A reference is taken as one to the first of its kinds, and to a
    record of the customer of the same id.
    """
    resolved, referred, errors = {}, {}, []
    for marked in type(command).marked():
        value = getattr(command, marked.name)
        if isinstance(marked.marker, Ref) and isinstance(value, UUID):
            referred[marked.name] = Referred(marked.marker.kinds[0], value, value)
        if not isinstance(marked.marker, Code) or value is None:
            continue
        entry = codes.get((marked.marker.dictionary, value))
        if entry is None:
            errors.append(FieldError(marked.name, "code-unknown", code=value))
        else:
            resolved[marked.name] = entry
    if errors:
        raise Invalid(*errors)
    object.__setattr__(command, "resolved", resolved)
    object.__setattr__(command, "referred", referred)


def cny(amount: str) -> Money:
    """An amount in the currency of the examples."""
    return Money.model_validate({"amount": amount, "currency": "CNY"})


def happened(
    event: Event,
    version: int = 2,
    at: datetime = BEGINNING,
    *,
    recorded_at: datetime | None = None,
    origin: str = "api",
) -> Event:
    """The event of the record, its customer's, as a policy is shown it."""
    version = 1 if isinstance(event, Created) else version
    envelope = Envelope(
        *(RECORD, version, version, recorded_at or at, at, RECORD, None, origin, None),
        *(RECORD, RECORD, None, RECORD),
    )
    return event.model_copy().stored_as(envelope)


class Neighbours:
    """What a command can find out of other records: those given, else one without a history."""

    is_import = False

    def __init__(self, own: Sequence[Event], *others: Aggregate) -> None:
        self._own, self._others = own, {other.id: other for other in others}
        self.made: tuple[Made, ...] = ()
        self.retired: frozenset[tuple[str, str]] = frozenset()

    def get(self, kind: type[A], id: UUID) -> A:
        other = self._others.get(id) or kind(id)
        if not isinstance(other, kind):
            raise NotFound(kind.KIND, id)
        return other.copy()

    def new(self, kind: type[A], id: UUID) -> A:
        return kind(id)

    def at(self, kind: type[A], id: UUID, version: int) -> A:
        return kind.replay(id, self._own[:version])

    def is_retired(self, dictionary: str, code: str) -> bool:
        return (dictionary, code) in self.retired

    def events(self, id: UUID) -> Sequence[Event]:
        return [happened(event, version) for version, event in enumerate(self._own, start=1)]

    def newest(self, customer_ids: Sequence[UUID], topics: Sequence[str]) -> Iterator[Event]:
        return (e for e in reversed(self.events(RECORD)) if e.TOPIC in topics)

    def made_since(self, customer_ids: Sequence[UUID], id: UUID, topic: str) -> Sequence[Made]:
        return self.made


class Given:
    """A record to which these events have happened."""

    def __init__(
        self,
        events: Iterable[Event],
        codes: Mapping[tuple[str, str], CodeEntry],
        others: tuple[Aggregate, ...] = (),
    ) -> None:
        self._events, self._codes = tuple(events), codes
        self._known = Neighbours(self._events, *others)

    def beside(self, *others: Aggregate, made: tuple[Made, ...] = ()) -> "Given":
        """Also these records, and what was made since a merge."""
        twin = Given(self._events, self._codes, others)
        twin._known.made = made
        return twin

    def and_code(self, dictionary: str, code: str, **known: str) -> "Given":
        """Also an entry that the organisation has added to a dictionary."""
        entry = CodeEntry(code=code, **known)
        return Given(self._events, {**self._codes, (dictionary, code): entry})

    def when(self, command: Command[Any]) -> "Outcome":
        """Carry the command out on the record; a new one where the command creates."""
        aggregate = command.AGGREGATE.replay(RECORD, self._events)
        before = aggregate.state()
        try:
            resolve(command, self._codes)
            children = handled(command, aggregate, self._known)
        except DomainError as refusal:
            assert not aggregate.pending, f"refused, but recorded {aggregate.pending}"
            assert aggregate.state() == before, "refused, but changed the record"
            return Outcome(aggregate, [], refusal)
        return Outcome(aggregate, children, None)


class Outcome:
    """What came of a command. Each claim checks one thing and answers itself."""

    def __init__(
        self, aggregate: Aggregate, children: list[Aggregate], refusal: DomainError | None
    ) -> None:
        self.aggregate, self.children, self.refusal = aggregate, children, refusal

    def then(self, *events: Event) -> "Outcome":
        """Exactly these events were recorded; which fields are set is part of an event."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        recorded = self.aggregate.pending
        assert recorded == list(events)
        assert [e.model_fields_set for e in recorded] == [e.model_fields_set for e in events]
        return self

    def changes_nothing(self) -> "Outcome":
        return self.then().and_creates()

    def rejects(self, rejection: type[DomainError], **details: Any) -> "Outcome":
        """Refused for this reason, with at least these details."""
        assert type(self.refusal) is rejection, f"expected {rejection.__name__}: {self.refusal!r}"
        assert details.items() <= self.refusal.details.items()
        return self

    def invalid(self, *fields: str) -> "Outcome":
        """Refused because exactly these fields are wrong."""
        assert isinstance(self.refusal, Invalid), f"expected Invalid: {self.refusal!r}"
        assert [error.field for error in self.refusal.errors] == list(fields)
        return self

    def and_creates(self, *events: Event) -> "Outcome":
        """These are the first events of the children, one each, in order."""
        assert [child.pending for child in self.children] == [[event] for event in events]
        return self

    def if_vacant(self, *vacant: Vacant) -> "Outcome":
        """Accepted provided nobody else carries these marks."""
        assert self.aggregate.vacant == list(vacant)
        return self

    def leaves(self, **state: Any) -> "Outcome":
        """Fields of the record afterwards."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert {name: getattr(self.aggregate, name) for name in state} == state
        return self


def given(*events: Event) -> Given:
    """A record with this history; with none, a record that is about to begin."""
    return Given(events, default_codes())
