"""Projections: tables folded from events.

A row is declared by its fields, a fold is a pure function ``(row, event) -> row | None``. What is
the same in every fold needs no code: a field of an event that the row has too is copied.
"""

import dataclasses
import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, Generic, Self, TypeVar, dataclass_transform
from uuid import UUID

from pydantic import BaseModel

from aggregates.base import Aggregate, Trait, having, traits
from aggregates.events import Created, Event, PartEvent
from aggregates.values import with_changes
from projections.searching.lines import HIDDEN, Searched

R = TypeVar("R", bound="Row")
E = TypeVar("E", bound=Event)
Fold = Callable[[Any, Any], Any]
BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass_transform(kw_only_default=True)
@dataclasses.dataclass(kw_only=True)
class Row:
    """One record as people see it. Subclasses add fields; ``details`` adds a model's fields.

    ``version`` and ``position`` are those of the newest event folded in; ``created_at`` and
    ``updated_at`` are when the first and the last thing that happened to it happened.
    """

    table: ClassVar[str]
    fields: ClassVar[dict[str, Any]]
    """Field → annotation, in the order of the table's columns."""
    hidden: ClassVar[dict[str, Any]] = {}
    """Fields that lie in the table behind the others and that nobody sees."""
    searched: ClassVar[tuple[str, ...]] = ()
    """Fields by which search finds the row, those that name it first; none: it is not searched."""
    searching: ClassVar[Searched | None] = None
    totals_by: ClassVar[tuple[str, ...]] = ()
    """Fields for whose combinations of values the listed rows are counted, and their amounts summed
    by currency, as they change; none: no totals are kept."""
    owner: ClassVar[str | None] = None
    """The field that names who owns the row; None: rows have no owner of their own."""

    id: UUID
    version: int = 0
    position: int = 0
    created_at: datetime = BEGINNING
    updated_at: datetime = BEGINNING
    number: str | None = None
    incomplete: tuple[str, ...] = ()
    archived_at: datetime | None = None
    """Since when it is out of use; lists hide it."""
    withdrawn_at: datetime | None = None
    """Since when it is taken back, as if it had never been entered; lists hide it."""

    def __init_subclass__(cls, table: str, details: type[BaseModel] | None = None) -> None:
        cls.table = table
        if details is not None:
            _add_fields(cls, details)
        cls.__doc__ = cls.__doc__ or f"One of the {table.replace('_', ' ')}."
        cls.hidden = HIDDEN if cls.searched else {}
        for name, annotation in cls.hidden.items():
            cls.__annotations__[name] = annotation
            setattr(cls, name, dataclasses.field(default=None, compare=False, repr=False))
        dataclasses.dataclass(kw_only=True)(cls)
        names = [f.name for f in dataclasses.fields(cls)]
        hints = _annotations(cls)
        cls.fields = {n: hints[n] for n in names if n not in cls.hidden}
        cls.searching = Searched(cls.searched, cls.fields) if cls.searched else None

    def updated(self, **changes: Any) -> Self:
        """A copy with these fields changed; a field filled in is no longer incomplete."""
        row = object.__new__(type(self))
        vars(row).update(vars(self), **changes)
        if self.incomplete:
            kept = (n for n in self.incomplete if changes.get(n) is None)
            vars(row)["incomplete"] = tuple(kept)
        return row


def _add_fields(cls: type[Row], details: type[BaseModel]) -> None:
    for name, field in details.model_fields.items():
        if name not in cls.__annotations__:
            cls.__annotations__[name] = field.rebuild_annotation()
            setattr(cls, name, None)


def _annotations(cls: type[Row]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        merged |= inspect.get_annotations(base)
    return merged


class Projection(Generic[R]):
    """A table, the aggregate whose events it folds, and the folds that are not mere copying.

    A projection of a trait has a row for each *part* of the streams of every kind that has the
    trait, such as each interaction with a customer, an opportunity or a ticket.
    """

    registry: ClassVar[dict[str, "Projection[Any]"]] = {}
    """Table → projection."""
    everywhere: ClassVar[dict[type[Event], Fold]] = {}
    """Folds of traits' events that are the same in the rows of every kind with the trait."""
    uncopied: ClassVar[set[type[Event]]] = set()
    """Those of them before which nothing is copied."""

    def __init__(
        self, row: type[R], of: type[Aggregate], *, revision: int = 1, kind: str | None = None
    ) -> None:
        """``revision``: raise it when folds or fields change, and the table is rebuilt.

        ``kind``: what one part is called, ``Interaction``, where ``of`` is a trait.
        """
        self.row, self.of, self.revision = row, of, revision
        self.is_of_parts = of in Trait.TRAITS
        self.kind = kind or of.KIND
        self.folds: dict[type[Event], Fold] = {}
        self._uncopied: set[type[Event]] = set()
        self._known: dict[type[Event], tuple[tuple[str, ...], Fold | None]] = {}
        Projection.registry[row.table] = self

    @property
    def table(self) -> str:
        return self.row.table

    @property
    def aggregates(self) -> tuple[type[Aggregate], ...]:
        """The kinds whose events it folds."""
        return having(self.of) if self.is_of_parts else (self.of,)

    @property
    def kinds(self) -> frozenset[str]:
        """Stored kinds of the streams that it folds."""
        return frozenset(a.KIND for a in self.aggregates)

    @property
    def plural(self) -> str:
        """Its name in routes."""
        return self.table if self.is_of_parts else self.of.PLURAL

    @cached_property
    def topics(self) -> frozenset[str]:
        """Topics of the events it folds; known once every aggregate is."""
        events = ((t, e) for a in self.aggregates for t, e in a.EVENTS.items())
        return frozenset(t for t, e in events if not self.is_of_parts or self._is_of_part(e))

    def _is_of_part(self, event: type[Event]) -> bool:
        nested = [e for trait in traits(self.of) for e in vars(trait).values()]
        return any(base in nested for base in event.__mro__)

    def part_of(self, event: Event) -> UUID:
        """The id of the row that an event is folded into."""
        if self.is_of_parts and isinstance(event, PartEvent):
            return event.part_id
        return event.envelope.stream_id

    def begins(self, event: Event) -> bool:
        """Whether the event is the first of its row, whenever it happened."""
        if self.is_of_parts:
            return isinstance(event, PartEvent) and event.BEGINS
        return isinstance(event, Created)

    def on(
        self, event: type[E], *, copies: bool = True
    ) -> Callable[[Callable[[R, E], R | None]], Fold]:
        """Declare the fold of an event; it gets the row after same-named fields were copied,
        unless ``copies`` is false."""

        def declare(fold: Callable[[R, E], R | None]) -> Fold:
            self.folds[event] = fold
            self._known.clear()
            if not copies:
                self._uncopied.add(event)
            return fold

        return declare

    def how(self, event: type[Event]) -> tuple[tuple[str, ...], Fold | None]:
        """Fields that are copied from an event into the row, and the fold that follows."""
        known = self._known.get(event)
        if known is None:
            known = self._known[event] = self._found(event)
        return known

    def _found(self, event: type[Event]) -> tuple[tuple[str, ...], Fold | None]:
        """An event of a trait is folded as the trait's own is, unless the kind's own is named."""
        family = event.__mro__
        fold = next((f for e in family for f in [self.folds.get(e)] if f is not None), None)
        if fold is None and self.is_of_parts == issubclass(event, PartEvent):
            fold = next((self.everywhere[e] for e in family if e in self.everywhere), None)
        leaves_alone = issubclass(event, PartEvent) and not self.is_of_parts
        if leaves_alone or not (self._uncopied | self.uncopied).isdisjoint(family):
            return (), fold
        return tuple(n for n in event.model_fields if n in self.row.fields), fold

    def fold(self, row: R | None, event: Event) -> R | None:
        """The row after the event; None: there is none (yet, or any more)."""
        envelope = event.envelope
        if self.begins(event):
            row = self.row(id=self.part_of(event), created_at=envelope.occurred_at)
        elif row is None:
            return None
        copied, fold = self.how(type(event))
        said = event.model_fields_set
        changes = {n: getattr(event, n) for n in copied if n in said}
        if changes.get("custom") is not None:
            changes["custom"] = with_changes(vars(row)["custom"], changes["custom"])
        after: R | None = row.updated(**changes)
        if fold is not None and after is not None:
            after = fold(after, event)
        if after is not None:
            after.version = max(row.version, envelope.version)
            after.position = max(row.position, envelope.position)
            after.updated_at = max(row.updated_at, envelope.occurred_at)
            if after.searching is not None:
                after.searching.follow(row, after)
        return after


def everywhere(event: type[Event], *, copies: bool = True) -> Callable[[Fold], Fold]:
    """Declare how the rows of every kind with a trait take one of its events, after same-named
    fields were copied, unless ``copies`` is false."""

    def declare(fold: Fold) -> Fold:
        Projection.everywhere[event] = fold
        if not copies:
            Projection.uncopied.add(event)
        return fold

    return declare
