"""Aggregate: a stream's state and the rules that decide what may be recorded next.

It follows the event-sourcing library's protocols for aggregates (an id, a version, events that
mutate it, ``collect_events``), without its class rewriting: state is what the events say, fields
of the same name are copied by themselves, and there is nothing to construct.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from inspect import get_annotations
from typing import Any, ClassVar, NamedTuple, Self, get_args
from uuid import UUID, uuid5

from pydantic import create_model

from aggregates.errors import DuplicateExternalId, FieldError, Invalid, Rejected, kebab
from aggregates.events import Created, Event, PartEvent
from aggregates.values import MOST_CUSTOM, ExternalId, with_changes


class Reservation(NamedTuple):
    """A value that at most one stream may hold at a time, in a scope such as ``customer-name``."""

    scope: str
    value: str
    rejection: type[Rejected]
    """Raised with ``existing_id`` where another stream holds the value."""


class Mark(NamedTuple):
    """A value to find streams by, in a scope; any number of streams may share it."""

    scope: str
    value: str
    is_guarded: bool = False
    """Whether its vacancy may be required: then requests for it are carried out one by one."""


class Vacant(NamedTuple):
    """What must not be marked by another stream when the pending events are stored."""

    mark: Mark
    rejection: type[Rejected]


def derived(origin: UUID, name: str) -> UUID:
    """The id that follows from another id and a name: the same request makes the same id."""
    return uuid5(origin, name)


def plural(noun: str) -> str:
    """``opportunity`` → ``opportunities``, ``dictionary-entry`` → ``dictionary-entries``."""
    return re.sub(r"(?<![aeiou])y$", "ie", noun) + "s"


class Aggregate:
    """Base of all aggregates. Subclasses nest their events and declare state that rules need."""

    registry: ClassVar[dict[str, type["Aggregate"]]] = {}
    KIND: ClassVar[str]
    """Stored kind, ``DictionaryEntry``."""
    PLURAL: ClassVar[str]
    """Name in routes, ``dictionary-entries``; its table is the same with underscores."""
    SERIES: ClassVar[str | None] = None
    """Prefix of its numbers, such as ``KH``; None: records have no number."""
    REVISION: ClassVar[int] = 1
    """Raise it when the fold of stored events gives another state; old snapshots are ignored."""
    EVENTS: ClassVar[dict[str, type[Event]]]
    """Topic → event class."""
    STATE: ClassVar[dict[str, Any]]
    """Field → type, of every field that events put into state, and of declared state."""

    KEPT: ClassVar[frozenset[str]] = frozenset({"number", "incomplete", "latest_at", "to_version"})
    """State that is never reverted; subclasses name what they add."""

    number: str | None = None
    incomplete: tuple[str, ...] = ()
    external: ExternalId | None = None
    latest_at: datetime | None = None
    """When the latest thing that is known of it happened."""
    is_disordered: bool = False
    """Whether something that happened earlier was added last: then the state is not what the
    order of occurrence gives, and the aggregate must be replayed."""

    def __init_subclass__(cls, *, is_trait: bool = False) -> None:
        if is_trait or Aggregate not in cls.__bases__:
            return
        cls.KIND = cls.__dict__.get("KIND", cls.__name__)
        cls.PLURAL = cls.__dict__.get("PLURAL", plural(kebab(cls.__name__)))
        cls.EVENTS, cls.STATE = {}, {"latest_at": datetime | None}
        for declaring in (*traits(cls), cls):
            cls.STATE |= _declared(declaring)
        for event in _nested_events(cls):
            cls._declare(event)
        for event in sorted(_inherited_events(cls), key=lambda e: e.CARRIES_STATE):
            cls._declare(_own(cls, event))
        Aggregate.registry[cls.KIND] = cls

    @classmethod
    def _declare(cls, event: type[Event]) -> None:
        event.TOPIC = event.__dict__.get("TOPIC") or f"{cls.KIND}.{event.__name__}"
        cls.EVENTS[event.TOPIC] = event
        if not issubclass(event, PartEvent):
            fields = {n: f.rebuild_annotation() for n, f in event.model_fields.items()}
            cls.STATE |= {} if event.CARRIES_STATE else fields

    def __init__(self, id: UUID, *, number: str | None = None) -> None:
        """An aggregate to which nothing has happened yet."""
        self.id = id
        self.version = 0
        self.pending: list[Event] = []
        self.vacant: list[Vacant] = []
        if number is not None:
            self.number = number

    @property
    def root_customer_id(self) -> UUID | None:
        """The customer this stream belongs to now."""
        customer_id: UUID | None = getattr(self, "customer_id", None)
        return customer_id

    # Rules

    def require(self, claim: bool, rejection: type[Rejected], **details: Any) -> None:
        """Refuse unless the claim is true."""
        if not claim:
            raise rejection(**details)

    def require_vacant(self, mark: Mark, rejection: type[Rejected]) -> None:
        """Refuse, when stored, where another stream carries the mark."""
        assert mark.is_guarded, f"{mark.scope}: others that carry it may be on their way"
        self.vacant.append(Vacant(mark, rejection))

    def record(self, event: Event) -> None:
        """Take the event as happened: it changes the state and waits to be stored."""
        if isinstance(event, Created):
            given = {"number": self.number, "incomplete": self.incomplete}
            if said := {k: v for k, v in given.items() if v}:
                event = event.completed(said)
        self.mutate(event)
        self.pending.append(event)

    def record_changes(self, event: type[Event], **values: Any) -> None:
        """Record an event of those values that differ from the state; nothing where none does.

        Custom fields are changed one by one: those not named stay.
        """
        if values.get("custom") is not None:
            values["custom"] = self._changed_custom(values["custom"])
        changes = {k: v for k, v in values.items() if not same(v, getattr(self, k, None))}
        if changes:
            self.record(event(**changes))

    def _changed_custom(self, given: dict[str, Any]) -> dict[str, Any] | None:
        """Those of the given fields that differ; what there is where none does."""
        known: dict[str, Any] | None = getattr(self, "custom", None)
        changes = {k: v for k, v in given.items() if not same({k: v}, {k: (known or {}).get(k)})}
        self.require_at_most("custom", len(with_changes(known, changes) or ()), MOST_CUSTOM)
        return changes or known

    def require_usable(self, verb: str) -> None:
        """Refuse a command, by its verb, that the record as a whole does not take any more."""

    def out_of_use(self) -> str | None:
        """Why other records can refer to this one no more, as a text key; None: they can."""
        return None

    def require_at_most(self, field: str, count: int, most: int) -> None:
        """Refuse a list that would become too long."""
        if count > most:
            raise Invalid(FieldError(field, "too_long", max_length=most))

    def reservations(self) -> Iterable[Reservation]:
        """What this aggregate, as it is now, holds exclusively."""
        if self.external is not None:
            scope = f"external/{self.PLURAL}/{self.external.system}"
            yield Reservation(scope, self.external.id, DuplicateExternalId)

    def marks(self) -> Iterable[Mark]:
        """What this aggregate, as it is now, can be found by."""
        return ()

    # Replay

    def mutate(self, event: Event) -> None:
        """Fold one event into the state."""
        event.apply(self)
        self.version += 1
        if event.is_stored:
            self.happened_at(event.envelope.occurred_at)

    def happened_at(self, instant: datetime) -> None:
        """Know that something happened to it then."""
        if self.latest_at is None or instant >= self.latest_at:
            self.latest_at = instant
        else:
            self.is_disordered = True

    @classmethod
    def replay(cls, id: UUID, events: Iterable[Event]) -> Self:
        """The aggregate after these events: as rows are, folded in the order of occurrence."""
        recorded = list(events)
        aggregate = cls(id)
        for event in recorded:
            aggregate.mutate(event)
        if aggregate.is_disordered:
            aggregate = cls(id)
            for event in sorted(recorded, key=_occurrence):
                aggregate.mutate(event)
            aggregate.is_disordered = False
        return aggregate

    def copy(self) -> Self:
        """An independent aggregate in the same state (state values are immutable)."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self), pending=[], vacant=[])
        return twin

    def collect_events(self) -> list[Event]:
        """Hand over the pending events."""
        collected, self.pending = self.pending, []
        return collected

    def state(self) -> dict[str, Any]:
        """Everything the events have put into this aggregate."""
        return {n: vars(self)[n] for n in type(self).STATE if n in vars(self)}


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; 1, 1.0 and true are three values of a custom field."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one == other and all(type(v) is type(other[k]) for k, v in one.items())
    return bool(one == other)


def _occurrence(event: Event) -> tuple[bool, datetime, int]:
    """The order of occurrence: the creation first, then by time, then as recorded."""
    envelope = event.envelope
    return not isinstance(event, Created), envelope.occurred_at, envelope.version


class Trait(Aggregate, is_trait=True):
    """What several kinds of aggregates can do alike: events, state and rules, declared once.

    An aggregate that inherits a trait, ``class Customer(Archivable, Aggregate)``, has the events
    nested in it as events of its own: ``Archivable.Archived`` becomes ``Customer.Archived``, a
    subclass with that topic.
    """

    TRAITS: ClassVar[list[type["Trait"]]] = []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if Aggregate not in cls.__bases__:
            Trait.TRAITS.append(cls)


def traits(cls: type[Aggregate]) -> tuple[type[Trait], ...]:
    """The traits that a kind of aggregate has, in the order in which it names them."""
    return tuple(t for t in cls.__mro__ if t in Trait.TRAITS)


def having(trait: type[Aggregate]) -> tuple[type[Aggregate], ...]:
    """The kinds of aggregates that have a trait, in the order of their names."""
    found = (a for _, a in sorted(Aggregate.registry.items()) if issubclass(a, trait))
    return tuple(found)


def _inherited_events(cls: type[Aggregate]) -> Iterator[type[Event]]:
    for trait in traits(cls):
        yield from _nested_events(trait)


def _own(cls: type[Aggregate], event: type[Event]) -> type[Event]:
    """A trait's event as an event of this kind of aggregate."""
    state = cls.STATE.items() if event.CARRIES_STATE else ()
    kept = frozenset().union(*(vars(c).get("KEPT", ()) for c in cls.__mro__))
    left = {n: t for n, t in state if n not in kept}
    fields: dict[str, Any] = {
        n: (t | None if getattr(cls, n, None) is None else t, None) for n, t in left.items()
    }
    own = create_model(
        event.__name__,
        __base__=event,
        __module__=cls.__module__,
        __doc__=event.__doc__,
        **fields,
    )
    own.__qualname__ = f"{cls.__qualname__}.{event.__name__}"
    if event.CARRIES_STATE:
        own.REASON_FOR = frozenset().union(*(e.REASON_FOR for e in cls.EVENTS.values()))
    setattr(cls, event.__name__, own)
    return own


def _declared(cls: type) -> dict[str, Any]:
    """Field → type, of the state that a class declares."""
    annotations = get_annotations(cls)
    return {n: t for n, t in annotations.items() if "ClassVar" not in str(t)}


def _nested_events(cls: type) -> Iterator[type[Event]]:
    for value in list(vars(cls).values()):
        if isinstance(value, type) and issubclass(value, Event):
            yield value


def markers(annotation: Any, kind: type[Any]) -> Iterator[Any]:
    """Every marker object of a kind inside an annotation, however deeply nested."""
    for part in getattr(annotation, "__metadata__", ()):
        if isinstance(part, kind):
            yield part
    for part in get_args(annotation):
        yield from markers(part, kind)
