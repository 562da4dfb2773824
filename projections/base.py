"""Projections: tables folded from events.

A row is declared by its fields, a fold is a pure function ``(row, event) -> row | None``. What is
the same in every fold needs no code: a field of an event that the row has too is copied.
"""

import dataclasses
import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, Self, TypeVar, dataclass_transform
from uuid import UUID

from pydantic import BaseModel

from aggregates.base import Aggregate
from aggregates.events import Created, Event
from aggregates.values import with_changes

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
    owner: ClassVar[str | None] = None
    """The field that names who owns the row; None: rows have no owner of their own."""

    id: UUID
    version: int = 0
    position: int = 0
    created_at: datetime = BEGINNING
    updated_at: datetime = BEGINNING
    number: str | None = None
    incomplete: tuple[str, ...] = ()

    def __init_subclass__(cls, table: str, details: type[BaseModel] | None = None) -> None:
        cls.table = table
        if details is not None:
            _add_fields(cls, details)
        dataclasses.dataclass(kw_only=True)(cls)
        names = [f.name for f in dataclasses.fields(cls)]
        hints = _annotations(cls)
        cls.fields = {n: hints[n] for n in names}

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
    """A table, the aggregate whose events it folds, and the folds that are not mere copying."""

    registry: ClassVar[dict[str, "Projection[Any]"]] = {}
    """Table → projection."""

    def __init__(self, row: type[R], of: type[Aggregate], *, revision: int = 1) -> None:
        """``revision``: raise it when folds or fields change, and the table is rebuilt."""
        self.row, self.aggregate, self.revision = row, of, revision
        self.folds: dict[type[Event], Fold] = {}
        self.copied: dict[type[Event], tuple[str, ...]] = {
            e: tuple(n for n in e.model_fields if n in row.fields) for e in of.EVENTS.values()
        }
        Projection.registry[row.table] = self

    @property
    def table(self) -> str:
        return self.row.table

    @property
    def topics(self) -> frozenset[str]:
        """Topics of the events it folds."""
        return frozenset(self.aggregate.EVENTS)

    def on(
        self, event: type[E], *, copies: bool = True
    ) -> Callable[[Callable[[R, E], R | None]], Fold]:
        """Declare the fold of an event; it gets the row after same-named fields were copied,
        unless ``copies`` is false."""

        def declare(fold: Callable[[R, E], R | None]) -> Fold:
            self.folds[event] = fold
            if not copies:
                self.copied[event] = ()
            return fold

        return declare

    def fold(self, row: R | None, event: Event) -> R | None:
        """The row after the event; None: there is none (yet, or any more)."""
        envelope = event.envelope
        if isinstance(event, Created):
            row = self.row(id=envelope.stream_id, created_at=envelope.occurred_at)
        elif row is None:
            return None
        said = event.model_fields_set
        changes = {n: getattr(event, n) for n in self.copied[type(event)] if n in said}
        if changes.get("custom") is not None:
            changes["custom"] = with_changes(vars(row)["custom"], changes["custom"])
        fold = self.folds.get(type(event))
        after: R | None = row.updated(**changes)
        if fold is not None and after is not None:
            after = fold(after, event)
        if after is not None:
            after.version = max(row.version, envelope.version)
            after.position = max(row.position, envelope.position)
            after.updated_at = max(row.updated_at, envelope.occurred_at)
        return after
