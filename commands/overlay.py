"""The overlay: records as a batch will have left them, to decide its next request on."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from aggregates.base import Aggregate
from aggregates.events import Event
from aggregates.merge import Made
from commands.occurrence import DATED_LATER
from commands.ports import EventRow
from commands.preparation import Prepared
from commands.repository import Repository, moving_topics

A = TypeVar("A", bound=Aggregate)


class Overlay(Repository):
    """Aggregates as they will be once the requests before are stored."""

    def __init__(self, beneath: Repository) -> None:
        self._beneath = beneath
        self.reference_seconds = beneath.reference_seconds
        self._changed: dict[UUID, Aggregate] = {}
        self._passed: dict[tuple[UUID, int], Aggregate] = {}
        """Each record at each version that a request of the batch left it at."""
        self._events: list[EventRow] = []
        """What the requests before record, in order."""

    def look(
        self, kind: type[A], id: UUID, *, max_age: float | None = None, offline: bool = False
    ) -> A:
        changed = self._changed.get(id)
        if isinstance(changed, kind):
            return changed
        return self._beneath.look(kind, id, max_age=max_age, offline=offline)

    def has_changed(self, id: UUID) -> bool:
        return id in self._changed

    def at(self, kind: type[A], id: UUID, version: int) -> A:
        passed = self._passed.get((id, version))
        if isinstance(passed, kind):
            return passed.copy()
        stored = self._beneath.at(kind, id, version)
        is_between = self.has_changed(id) and stored.version < version
        return kind(id) if is_between else stored

    def events(self, id: UUID) -> list[Event]:
        """Of what is stored already; nobody asks for more in a batch."""
        return self._beneath.events(id)

    def stepped_at(self, aggregate: Aggregate, step: str) -> datetime | None:
        """What the requests before left undated happens when the batch is stored."""
        moving = moving_topics(type(aggregate), step)
        own = (e for e in self._events if e.stream_id == aggregate.id and e.topic in moving)
        moments = [event.occurred_at or DATED_LATER for event in own]
        stored = self._beneath.stepped_at(aggregate, step)
        return max((*moments, *(() if stored is None else (stored,))), default=None)

    def newest(self, customer_ids: Sequence[UUID], topics: Sequence[str]) -> Iterator[Event]:
        """Of what is stored already; nobody asks for more in a batch."""
        return self._beneath.newest(customer_ids, topics)

    def made_since(self, customer_ids: Sequence[UUID], id: UUID, topic: str) -> list[Made]:
        since = [n for n, e in enumerate(self._events) if (e.stream_id, e.topic) == (id, topic)]
        stored = [] if since else self._beneath.made_since(customer_ids, id, topic)
        own = self._events[since[-1] if since else 0 :]
        begun = (e for e in own if e.version == 1 and e.customer_id in customer_ids)
        return [*stored, *(Made(kind=e.kind, id=e.stream_id) for e in begun)]

    def change(self, prepared: Prepared) -> None:
        """See also what a request changes."""
        self._events += prepared.unit.events
        for aggregate in prepared.aggregates:
            self._changed[aggregate.id] = aggregate
            self._passed[aggregate.id, aggregate.version] = aggregate
