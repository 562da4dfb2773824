"""What may be asked of every record that can be taken back."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field

from aggregates.base import Aggregate, same
from aggregates.customer import Customer
from aggregates.errors import FieldError, Invalid
from aggregates.events import Event, PartEvent
from aggregates.importing import Keeper
from aggregates.parts import Parted
from aggregates.revert import Revertible
from aggregates.withdraw import ChangedSince, NotRevertible, Withdrawable
from commands.base import Changes, Known
from commands.requests import IMPORT, POLICY
from commands.revert import keep_what_is_out_of_use

Version = Annotated[int, Field(ge=1, le=2**53)]

BY_TIME = frozenset({"latest_at", "to_version", "overdue_since", "reminded_for"}) | {
    *("follow_up_overdue_since", "follow_up_escalated_to")
}
"""State that follows from the order of events and the time that has passed."""


class Withdraw(Changes[Withdrawable]):
    """Take a record back as if it had never been entered; what it held is free again."""

    IMPORT_ONLY = True
    seen_version: Version | None = None
    """As of which it was found that nobody else had a hand in it."""

    def gather(self, record: Withdrawable, known: Known, /) -> list[UUID]:
        """What was recorded with it. Raises ChangedSince."""
        events = known.events(record.id)
        since = events[self.seen_version :] if self.seen_version else ()
        others = [event for event in since if event.envelope.origin != POLICY]
        if others:
            raise ChangedSince(by=_who(others[-1]))
        return [*_begun(events)]

    def handle(self, record: Withdrawable, /) -> None:
        record.withdraw(self.gathered)


class Reinstate(Changes[Withdrawable]):
    """Have a withdrawn record again, as it was."""

    NOW_ONLY = True

    def gather(self, record: Withdrawable, known: Known, /) -> list[UUID]:
        """What was withdrawn with it. Raises Invalid where its customer is withdrawn."""
        customer_id = record.root_customer_id
        if customer_id not in (None, record.id):
            wrong = known.get(Customer, customer_id).out_of_use()
            if wrong is not None:
                raise Invalid(FieldError("customer_id", wrong, id=str(customer_id)))
        return list(_withdrawn(record, known)) if record.is_withdrawn else []

    def handle(self, record: Withdrawable, /) -> None:
        record.reinstate(self.gathered)


class TakeBack(Changes[Withdrawable]):
    """Take back what an import has changed of a record."""

    IMPORT_ONLY = True
    NOW_ONLY = True
    import_id: UUID

    def gather(
        self, record: Withdrawable, known: Known, /
    ) -> tuple[Withdrawable, tuple[UUID, ...]]:
        """What it would be without the import, and what the import recorded with it.

        Raises ChangedSince, naming the fields that others have changed since, and NotRevertible.
        """
        events = known.events(record.id)
        mine = [event for event in events if self._is_mine(event)]
        if not mine:
            return record, ()
        gone_by = set(_undone(events)) - {self.import_id}
        events = [
            e for e in events if e.envelope.correlation_id not in gone_by or not _of_import(e)
        ]
        contested = dict(self._contested(events))
        if contested:
            *_, last = contested.values()
            raise ChangedSince(fields=sorted(contested), by=_who(last))
        left = [e for e in events if isinstance(e, PartEvent) or not self._is_mine(e)]
        then = type(record).replay(record.id, left)
        then.version = mine[0].envelope.version - 1
        keep_what_is_out_of_use(record, then, known)  # type: ignore[arg-type]
        gone = {e.part_id for e in events if isinstance(e, Parted.PartWithdrawn)}
        parts = tuple(id for id in _begun(mine) if id not in gone)
        _require_revertible(record, then, parts)
        return then, parts

    def _is_mine(self, event: Event) -> bool:
        envelope = event.envelope
        return envelope.origin == IMPORT and envelope.correlation_id == self.import_id

    def _contested(self, events: Iterable[Event]) -> Iterator[tuple[str, Event]]:
        """Fields that the import wrote, and somebody else after it: by which event."""
        written: set[str] = set()
        for event in (e for e in events if not isinstance(e, PartEvent)):
            if self._is_mine(event):
                written |= event.model_fields_set
            elif event.envelope.origin != POLICY:
                shared = written & event.model_fields_set - {"to_version"}
                yield from ((field, event) for field in shared)

    def handle(self, record: Withdrawable, /) -> None:
        record.take_back(*self.gathered)


def _who(event: Event) -> Keeper:
    """The user, or the import, by whom it happened."""
    of = event.envelope
    if of.origin == IMPORT:
        return Keeper(kind="import", id=of.correlation_id)
    return Keeper(kind="user", id=of.on_behalf_of or of.actor)


def _of_import(event: Event) -> bool:
    """Whether an import said it of the record itself; parts are taken back one by one."""
    return event.envelope.origin == IMPORT and not isinstance(event, PartEvent)


def _undone(events: Sequence[Event]) -> Iterator[UUID]:
    """The imports that did something here, and took it back: that counts for nothing."""
    last = {e.envelope.correlation_id: e for e in events if _of_import(e)}
    for import_id, event in last.items():
        if isinstance(event, Revertible.Reverted):
            yield import_id


def _require_revertible(record: Withdrawable, then: Aggregate, parts: tuple[UUID, ...]) -> None:
    """Refuse where the record would not be what it would be without the import: a course that a
    ticket has taken, say, is nothing that a revert gives back."""
    if then.version == 0:
        raise NotRevertible
    trial = record.copy()
    trial.take_back(then, parts)
    names = type(record).STATE.keys() - BY_TIME
    if not all(same(getattr(trial, n, None), getattr(then, n, None)) for n in names):
        raise NotRevertible


def _begun(events: Iterable[Event]) -> Iterator[UUID]:
    """The parts that began with these events."""
    return (e.part_id for e in events if isinstance(e, PartEvent) and e.BEGINS)


def _withdrawn(record: Withdrawable, known: Known) -> Iterator[UUID]:
    """The parts that went with the record when it was withdrawn last."""
    went: list[UUID] = []
    for event in known.events(record.id):
        if isinstance(event, Withdrawable.Withdrawn):
            went = []
        elif isinstance(event, Parted.PartWithdrawn):
            went.append(event.part_id)
    yield from went
