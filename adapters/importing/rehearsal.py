"""A log for dry runs: what is submitted is kept in memory on top of the real log, and goes away.

The same rules run over it as over the log itself, so a rehearsal's verdicts are the real ones.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

from commands.ports import (
    Answer,
    Append,
    CommandRow,
    Committed,
    EventLog,
    EventRow,
    Known,
    Outcome,
    Snapshot,
    StoredEvent,
    StoredReceipt,
    Taken,
)


class Rehearsal:
    """Implements ``commands.ports.EventLog``. For one thread; memory grows with what it is given.

    Nobody else's writes since it began are checked against: those it would meet when run in
    earnest, as any command may.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._streams: dict[UUID, list[StoredEvent]] = defaultdict(list)
        self._receipts: dict[UUID, StoredReceipt] = {}
        self._holders: dict[bytes, UUID | None] = {}
        """None: released."""
        self._marks: dict[bytes, dict[UUID, bool]] = defaultdict(dict)
        """Key → stream → whether it is marked with it."""
        self._subject_keys: dict[UUID, bytes] = {}
        self._positions = count(1 << 62)
        self._numbers: dict[str, int] = {}

    def submit(self, unit: Append) -> "Future[Outcome]":
        future: Future[Outcome] = Future()
        future.set_result(self._outcome(unit))
        return future

    def submit_all(self, units: Sequence[Append]) -> "Future[Sequence[Answer]]":
        answers: Future[Sequence[Answer]] = Future()
        answers.set_result(self.append(units))
        return answers

    def append(self, units: Sequence[Append]) -> list[Outcome]:
        return [self._outcome(unit) for unit in units]

    def _outcome(self, unit: Append) -> Outcome:
        known = self.receipts([row.command_id for row in unit.commands])
        if known:
            return Known(tuple(known.values()))
        holders = self.holders([key for key, _ in unit.reserve])
        for key, holder in unit.reserve:
            if holders.get(key, holder) != holder:
                return Taken(key, holders[key])
        return Committed(tuple(self._keep(unit)))

    def _keep(self, unit: Append) -> Iterable[StoredReceipt]:
        self._holders |= dict.fromkeys((key for key, _ in unit.release), None)
        self._holders |= dict(unit.reserve)
        for pairs, is_marked in ((unit.unmark, False), (unit.mark, True)):
            for key, stream_id in pairs:
                self._marks[key][stream_id] = is_marked
        self._subject_keys |= dict(unit.subject_keys)
        for event in unit.events:
            stored = self._stored(event, unit.commands[event.command])
            self._streams[event.stream_id].append(stored)
        for row in unit.commands:
            receipt = StoredReceipt(
                row.command_id, row.stream_id, row.version, 0, row.status, row.fingerprint
            )
            self._receipts[row.command_id] = receipt
            yield receipt

    def _stored(self, event: EventRow, command: CommandRow) -> StoredEvent:
        now = datetime.now(UTC)
        return StoredEvent(
            position=next(self._positions),
            stream_id=event.stream_id,
            version=event.version,
            kind=event.kind,
            topic=event.topic,
            schema_version=event.schema_version,
            payload=event.payload,
            recorded_at=now,
            occurred_at=event.occurred_at or now,
            command_id=command.command_id,
            actor=command.actor,
            on_behalf_of=command.on_behalf_of,
            origin=command.origin,
            reason=command.reason,
            correlation_id=command.correlation_id,
            causation_id=command.causation_id,
            customer_id=event.customer_id,
            leaf=b"",
        )

    def stream(
        self, stream_id: UUID, *, after: int = 0, upto: int | None = None, limit: int | None = None
    ) -> list[StoredEvent]:
        rehearsed = self._streams.get(stream_id, [])
        is_new = bool(rehearsed) and rehearsed[0].version == 1
        real = [] if is_new else self._log.stream(stream_id, after=after, upto=upto, limit=limit)
        own = [e for e in rehearsed if e.version > after and (upto is None or e.version <= upto)]
        return [*real, *own][:limit]

    def streams(self, stream_ids: Iterable[UUID]) -> Mapping[UUID, list[StoredEvent]]:
        found = {stream_id: self.stream(stream_id) for stream_id in stream_ids}
        return {stream_id: events for stream_id, events in found.items() if events}

    def since(self, versions: Mapping[UUID, int], limit: int) -> Mapping[UUID, list[StoredEvent]]:
        rehearsed = {id: version for id, version in versions.items() if id in self._streams}
        real = {id: version for id, version in versions.items() if id not in rehearsed}
        own = {id: self.stream(id, after=v, limit=limit) for id, v in rehearsed.items()}
        found = self._log.since(real, limit) if real else {}
        return {**found, **{id: events for id, events in own.items() if events}}

    def holders(self, keys: Sequence[bytes]) -> Mapping[bytes, UUID]:
        unknown = [key for key in keys if key not in self._holders]
        found: dict[bytes, UUID | None] = dict(self._log.holders(unknown)) if unknown else {}
        found |= {key: self._holders[key] for key in keys if key in self._holders}
        return {key: holder for key, holder in found.items() if holder is not None}

    def marked(self, keys: Sequence[bytes]) -> Mapping[bytes, tuple[UUID, ...]]:
        real = self._log.marked(keys)
        both = {k: dict.fromkeys(real.get(k, ()), True) | self._marks.get(k, {}) for k in keys}
        found = {k: tuple(sorted(s for s in both[k] if both[k][s])) for k in keys}
        return {key: streams for key, streams in found.items() if streams}

    def begun(self, customer_ids: Sequence[UUID], after: int, limit: int) -> Sequence[StoredEvent]:
        first = (
            events[0] for events in self._streams.values() if events and events[0].version == 1
        )
        own = [e for e in first if e.customer_id in customer_ids and e.position > after]
        return [*self._log.begun(customer_ids, after, limit), *own][:limit]

    def latest(
        self,
        customer_ids: Sequence[UUID],
        topics: Sequence[str],
        before: tuple[datetime, int] | None,
        limit: int,
    ) -> Sequence[StoredEvent]:
        """Of what is there: no policy follows a rehearsal, and nobody else asks."""
        return self._log.latest(customer_ids, topics, before, limit)

    def receipts(self, command_ids: Sequence[UUID]) -> Mapping[UUID, StoredReceipt]:
        own = {id: self._receipts[id] for id in command_ids if id in self._receipts}
        return {**self._log.receipts([id for id in command_ids if id not in own]), **own}

    def snapshot(self, stream_id: UUID) -> Snapshot | None:
        return self._log.snapshot(stream_id)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Not kept: the events are."""

    def subject_keys(self, subjects: Sequence[UUID]) -> Mapping[UUID, bytes]:
        own = {s: self._subject_keys[s] for s in subjects if s in self._subject_keys}
        unknown = [subject for subject in subjects if subject not in own]
        return {**(self._log.subject_keys(unknown) if unknown else {}), **own}

    def next_numbers(self, series: str, count: int) -> range:
        """Numbers that nobody will see."""
        first = self._numbers.get(series, 1)
        self._numbers[series] = first + count
        return range(first, first + count)
