"""Aggregates in memory: loaded by replay (from a snapshot on), kept, and never trusted alone.

What is cached may be behind the log when another process writes. That is safe: an append names
the versions it builds on, so a stale decision is refused by the store and made again; and a
rejection is only believed after the aggregate was brought up to date.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from math import inf
from threading import Lock
from time import monotonic
from typing import TypeVar
from uuid import UUID

from aggregates.base import Aggregate
from aggregates.errors import NotFound, kebab
from aggregates.events import Event
from aggregates.merge import MOST_LISTED, Made
from commands.ports import Codec, EventLog, NeedsIO, Snapshot

A = TypeVar("A", bound=Aggregate)
CACHED = 50_000
REFERENCE_SECONDS = 1.0
"""How long a cached aggregate may serve to check a reference without asking the log again."""
PAGE = 20
"""Events that are read at once where mostly the first will do."""
SNAPSHOT_EVERY = 100
"""Versions between snapshots of a stream."""


class Repository:
    """Finds aggregates. Thread-safe; hands out copies, but for ``look``."""

    def __init__(
        self,
        log: EventLog,
        codec: Codec,
        *,
        clock: Callable[[], float] = monotonic,
        reference_seconds: float = REFERENCE_SECONDS,
    ) -> None:
        self._log, self._codec, self._clock = log, codec, clock
        self.reference_seconds = reference_seconds
        self._cache: OrderedDict[int, tuple[Aggregate, float]] = OrderedDict()
        """By the integer of the id, which is hashed much faster."""
        self._lock = Lock()

    def get(
        self, kind: type[A], id: UUID, *, max_age: float | None = None, offline: bool = False
    ) -> A:
        """A copy of the aggregate, at most ``max_age`` seconds behind the log (None: any age).

        Raises NotFound where there is none of this kind; NeedsIO where ``offline`` and the log
        would have to be asked.
        """
        return self.look(kind, id, max_age=max_age, offline=offline).copy()

    def look(
        self, kind: type[A], id: UUID, *, max_age: float | None = None, offline: bool = False
    ) -> A:
        """Like ``get``, but what is kept itself: to be looked at, and never to be changed."""
        cached = self._cache.get(id.int)
        if cached is not None and (max_age is None or self._clock() - cached[1] <= max_age):
            return _of_kind(kind, cached[0])
        if offline:
            raise NeedsIO
        aggregate = self._refreshed(kind, id, None if cached is None else cached[0])
        self.keep(aggregate)
        return aggregate

    def load(self, ids: Iterable[UUID]) -> None:
        """Bring what is known of these records up to date, so that requests can name them without
        a look at the log for each: in one round trip, but for those with very much news."""
        now = self._clock()
        known = {id: self._cache.get(id.int, (None, -inf)) for id in ids}
        old = {
            id: aggregate
            for id, (aggregate, at) in known.items()
            if now - at > self.reference_seconds / 2
        }
        if not old:
            return
        versions = {id: 0 if of is None else of.version for id, of in old.items()}
        news = self._log.since(versions, SNAPSHOT_EVERY)
        few = {id: stored for id, stored in news.items() if len(stored) < SNAPSHOT_EVERY}
        told: dict[UUID, list[Event]] = defaultdict(list)
        for event in self._codec.read_all([one for stored in few.values() for one in stored]):
            told[event.envelope.stream_id].append(event)
        for id, of in old.items():
            if of is None and id in few:
                of = Aggregate.registry[few[id][0].kind](id)
            if of is not None and (id in few or id not in news):
                self.keep(_after(of, told[id]))

    def keep(self, aggregate: Aggregate) -> None:
        """Remember an aggregate as it stands in the log."""
        if aggregate.is_disordered:
            self.forget(aggregate.id)
            return
        with self._lock:
            known = self._cache.pop(aggregate.id.int, None)
            if known is not None and known[0].version > aggregate.version:
                aggregate = known[0]
            self._cache[aggregate.id.int] = (aggregate, self._clock())
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)

    def forget(self, id: UUID) -> None:
        with self._lock:
            self._cache.pop(id.int, None)

    def exists(self, id: UUID) -> bool:
        """Whether a stream of any kind has this id."""
        return id.int in self._cache or bool(self._log.stream(id, limit=1))

    def at(self, kind: type[A], id: UUID, version: int) -> A:
        """The aggregate as it was at an earlier version, from the log."""
        events = self._codec.read_all(self._log.stream(id, upto=version))
        return kind.replay(id, events)

    def events(self, id: UUID) -> list[Event]:
        """What has happened to the record, as it was recorded, from the log."""
        return self._codec.read_all(self._log.stream(id))

    def stepped_at(self, aggregate: Aggregate, step: str) -> datetime | None:
        """When what moved the record's state of this name last happened, from the log."""
        moving = moving_topics(type(aggregate), step)
        stored = [event for event in self._log.stream(aggregate.id) if event.topic in moving]
        events = (e for e in self._codec.read_all(stored) if e.moves(step))
        return max((event.envelope.occurred_at for event in events), default=None)

    def newest(self, customer_ids: Sequence[UUID], topics: Sequence[str]) -> Iterator[Event]:
        """Events of these topics that were recorded of these customers, from the log, what happened
        last first."""
        before: tuple[datetime, int] | None = None
        while stored := self._log.latest(customer_ids, topics, before, PAGE):
            yield from self._codec.read_all(stored)
            before = stored[-1].occurred_at, stored[-1].position

    def made_since(self, customer_ids: Sequence[UUID], id: UUID, topic: str) -> list[Made]:
        """Records that were created for these customers since the newest event of a topic in a
        stream, one more than is listed where there are more."""
        since = [event.position for event in self._log.stream(id) if event.topic == topic]
        begun = self._log.begun(customer_ids, since[-1], MOST_LISTED + 1) if since else ()
        return [Made(kind=event.kind, id=event.stream_id) for event in begun]

    def is_snapshot_due(self, aggregate: Aggregate, since: int) -> bool:
        """Whether the aggregate has passed a multiple of SNAPSHOT_EVERY since that version."""
        due = aggregate.version // SNAPSHOT_EVERY > since // SNAPSHOT_EVERY
        return due and not aggregate.is_disordered

    def snapshot(self, aggregate: Aggregate) -> None:
        """Save the aggregate's state, so that loading it need not replay its whole stream."""
        state = self._codec.seal_state(aggregate)
        if state is None:
            return
        revision = type(aggregate).REVISION
        self._log.save_snapshot(Snapshot(aggregate.id, aggregate.version, revision, state))

    def _refreshed(self, kind: type[A], id: UUID, known: Aggregate | None) -> A:
        """The aggregate at the end of its stream, replayed from what is known of it."""
        if known is not None:
            aggregate = _of_kind(kind, known).copy()
        else:
            aggregate = self._from_snapshot(kind, id)
        stored = self._log.stream(id, after=aggregate.version)
        if stored and stored[0].kind != kind.KIND:
            raise NotFound(kebab(kind.KIND), id)
        for event in self._codec.read_all(stored):
            aggregate.mutate(event)
        if aggregate.version == 0:
            raise NotFound(kebab(kind.KIND), id)
        if aggregate.is_disordered:
            return kind.replay(id, self._codec.read_all(self._log.stream(id)))
        return aggregate

    def _from_snapshot(self, kind: type[A], id: UUID) -> A:
        aggregate = kind(id)
        snapshot = self._log.snapshot(id)
        if snapshot is not None and snapshot.revision == kind.REVISION:
            self._require_kind(kind, id, snapshot.version)
            vars(aggregate).update(self._codec.open_state(kind, snapshot))
            aggregate.version = snapshot.version
        return aggregate

    def _require_kind(self, kind: type[A], id: UUID, version: int) -> None:
        """A snapshot does not say of what kind it is; its stream does. Raises NotFound."""
        if self._log.stream(id, after=version - 1, limit=1)[0].kind != kind.KIND:
            raise NotFound(kebab(kind.KIND), id)


def moving_topics(kind: type[Aggregate], step: str) -> set[str]:
    """Topics of events that move, or may move, the state of this name."""
    return {t for t, e in kind.EVENTS.items() if step == e.STEP or e.CARRIES_STATE}


def _of_kind(kind: type[A], aggregate: Aggregate) -> A:
    if not isinstance(aggregate, kind):
        raise NotFound(kebab(kind.KIND), aggregate.id)
    return aggregate


def _after(aggregate: A, events: Iterable[Event]) -> A:
    """The aggregate, with what has happened to it since."""
    then = aggregate.copy()
    for event in events:
        then.mutate(event)
    return then
