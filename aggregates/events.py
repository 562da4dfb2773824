"""Events: what happened, as payload; and the envelope that says where, when and by whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from aggregates.revive import revive
from aggregates.values import with_changes


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything about a stored event that is not its payload."""

    stream_id: UUID
    version: int
    position: int
    recorded_at: datetime
    """When Backstory learned it."""
    occurred_at: datetime
    """When it happened."""
    actor: UUID
    on_behalf_of: UUID | None
    origin: str
    """api, console, import, policy or inbox."""
    reason: str | None
    command_id: UUID
    correlation_id: UUID
    causation_id: str | None
    customer_id: UUID | None
    """The customer the stream belonged to when the event was appended."""

    @property
    def event_id(self) -> str:
        return f"{self.stream_id}:{self.version}"


class Event(BaseModel):
    """A fact of the business: frozen, named in the past tense, payload only.

    Subclasses are nested in their aggregate. Which fields are *set* is part of the fact: a
    ``DetailsChanged`` with ``phone=None`` set says that the phone was removed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)
    __slots__ = ("envelope",)

    envelope: ClassVar[Envelope]
    """A slot, filled when the event is stored or read."""
    TOPIC: ClassVar[str] = ""
    """Stable stored name, ``Opportunity.Won``; keep the old one here when a class is renamed."""
    SCHEMA_VERSION: ClassVar[int] = 1
    OCCURRED_ON: ClassVar[str | None] = None
    """Name of the event's own date field that is the default for ``occurred_at``."""
    STEP: ClassVar[str | None] = None
    """Name of the state that it moves on, ``status``: a request (but an import's) cannot date it
    before what moved that state last."""
    REASON_FOR: ClassVar[frozenset[str]] = frozenset()
    """Fields whose change must carry ``meta.reason`` (except in an import)."""
    NOT_AHEAD: ClassVar[frozenset[str]] = frozenset()
    """Fields whose day, when it is recorded, must not lie in the future."""
    CARRIES_STATE: ClassVar[bool] = False
    """Whether a trait's event gets all of an aggregate's state as optional fields."""
    ADDS: ClassVar[frozenset[str]] = frozenset()
    """Fields that name members which are added to a list; the others stay."""
    REMOVES: ClassVar[frozenset[str]] = frozenset()
    """Fields that name members which are taken out of a list."""

    @property
    def is_stored(self) -> bool:
        """Whether it has its envelope."""
        try:
            _envelope_of(self)
        except AttributeError:
            return False
        return True

    def moves(self, step: str) -> bool:
        """Whether it moves the state of this name on, or back as a revert does."""
        return step == self.STEP or (self.CARRIES_STATE and step in self.model_fields_set)

    def apply(self, aggregate: Any) -> None:
        """Change the aggregate's state; by default every set field becomes state of its name.

        Of custom fields, an event holds those that it changes. Runs on every replay, for ever: it
        never raises and never reads a clock.
        """
        for name in self.model_fields_set:
            value = getattr(self, name)
            if name == "custom" and value is not None:
                value = with_changes(getattr(aggregate, name, None), value)
            setattr(aggregate, name, value)

    @classmethod
    def upcast(cls, payload: dict[str, Any], schema_version: int) -> dict[str, Any]:
        """The payload of an older schema version in today's shape; today's is left alone."""
        return payload

    @classmethod
    def revived(cls, payload: dict[str, Any], schema_version: int) -> Self:
        """A stored event; nothing is validated again."""
        if schema_version != cls.SCHEMA_VERSION:
            payload = cls.upcast(payload, schema_version)
        return revive(cls, payload)

    def stored_as(self, envelope: Envelope) -> Self:
        """This event with its envelope attached."""
        object.__setattr__(self, "envelope", envelope)
        return self


_envelope_of = vars(Event)["envelope"].__get__
"""The slot itself: for what is not there, pydantic looks in many other places, and slowly."""


def said(**given: Any) -> dict[str, Any]:
    """What was given; what was not is not part of an event."""
    return {name: value for name, value in given.items() if value is not None}


class PartEvent(Event):
    """Something that concerns one part of a stream, such as one interaction with a customer.

    It leaves the state and the row of the whole alone, unless ``apply`` is overridden; a projection
    of the parts folds it into the part's own row.
    """

    BEGINS: ClassVar[bool] = False
    """Whether it is the first event of its part."""

    @property
    def part_id(self) -> UUID:
        """The part's id, which follows from the stream's: no other stream has it."""
        raise NotImplementedError

    def apply(self, aggregate: Any) -> None:
        """The whole stays as it is."""


class Created(Event):
    """The first event of a stream."""

    number: str | None = None
    """What people call the record, such as ``KH-2026-000123``; None where the kind has none."""
    incomplete: tuple[str, ...] = ()
    """Required fields that an import had no value for."""

    def completed(self, said: Mapping[str, Any]) -> Self:
        """This event, not recorded yet, with what the aggregate says of it: a copy, which pydantic
        would make, takes as long as to check all of it."""
        vars(self).update(said)
        self.model_fields_set.update(said)
        return self
