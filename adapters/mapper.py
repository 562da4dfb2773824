"""Mapper: typed events to stored bytes and back, personal fields sealed on the way."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import to_jsonable_python

from adapters.keys import Keyring
from adapters.personal import SubjectKeys, binding, is_sealed, seal, subject_of, unseal
from adapters.thawing import maker
from aggregates.base import Aggregate, markers
from aggregates.events import Envelope, Event
from aggregates.revive import reader
from aggregates.values import Personal
from commands.ports import EventLog, Snapshot, StoredEvent

_envelope = maker(Envelope)


class UnknownTopic(LookupError):
    """The log holds an event that no aggregate declares."""


def personal_fields(annotations: dict[str, Any]) -> dict[str, str]:
    """Field → whose key seals it (``self`` or ``customer``)."""
    found = {n: next(markers(a, Personal), None) for n, a in annotations.items()}
    return {n: marker.subject for n, marker in found.items() if marker is not None}


class _Sealing:
    """See ``commands.ports.SealingSession``."""

    def __init__(self, mapper: "Mapper", offline: bool) -> None:
        self._mapper, self._offline = mapper, offline
        self._new: set[int] = set()
        self._ciphers: dict[int, AESGCM] = {}
        self._wrapped: list[tuple[UUID, bytes]] = []

    def begin(self, streams: Iterable[UUID]) -> None:
        self._new.update([stream.int for stream in streams])

    def _cipher(self, subject: UUID) -> AESGCM:
        cipher = self._ciphers.get(subject.int)
        if cipher is None and subject.int not in self._new:
            cipher = self._mapper.subjects.get(subject, offline=self._offline)
        if cipher is None:
            cipher, wrapped = self._mapper.subjects.create(subject)
            self._wrapped.append((subject, wrapped))
            self._ciphers[subject.int] = cipher
        return cipher

    def seal_event(self, event: Event, stream_id: UUID, version: int, root: UUID | None) -> bytes:
        payload = event.model_dump(mode="json", exclude_unset=True)
        place = binding(stream_id, version)
        by: dict[str, tuple[AESGCM, str]] = {}
        for name, whose in self._mapper.personal(type(event)).items():
            value = payload.get(name)
            if value is None:
                continue
            if whose not in by:
                subject = root if whose == "customer" and root is not None else stream_id
                by[whose] = self._cipher(subject), str(subject)
            payload[name] = seal(*by[whose], value, place + name.encode())
        return orjson.dumps(payload)

    def seal_reason(self, reason: str, command_id: UUID, subject: UUID) -> bytes:
        bound_to = binding(command_id, 0, "reason")
        return orjson.dumps(seal(self._cipher(subject), str(subject), reason, bound_to))

    def created(self) -> tuple[tuple[UUID, bytes], ...]:
        return tuple(self._wrapped)

    def keep(self) -> None:
        if self._ciphers:
            self._mapper.subjects.keep(self._ciphers)


class Mapper:
    """See ``commands.ports.Codec``; also what projections and reads decode events with."""

    def __init__(self, log: EventLog, keyring: Keyring) -> None:
        self.subjects = SubjectKeys(log, keyring)
        self._personal: dict[type[Event], dict[str, str]] = {}
        self._topics: dict[str, type[Event]] = {}

    def personal(self, event: type[Event]) -> dict[str, str]:
        """Personal fields of an event class, and whose key seals each."""
        if event not in self._personal:
            fields = {n: f.rebuild_annotation() for n, f in event.model_fields.items()}
            self._personal[event] = personal_fields(fields)
        return self._personal[event]

    def topic(self, topic: str) -> type[Event]:
        """The event class stored under this name."""
        if topic not in self._topics:
            for aggregate in Aggregate.registry.values():
                self._topics |= aggregate.EVENTS
        try:
            return self._topics[topic]
        except KeyError:
            raise UnknownTopic(topic) from None

    def sealing(self, *, offline: bool = False) -> _Sealing:
        return _Sealing(self, offline)

    def read(self, stored: StoredEvent) -> Event:
        """The typed event with its envelope; sealed values of erased subjects are None."""
        event = self.topic(stored.topic)
        payload = orjson.loads(stored.payload)
        for name in self.personal(event):
            value = payload.get(name)
            if is_sealed(value):
                bound_to = binding(stored.stream_id, stored.version, name)
                payload[name] = unseal(self.subjects, value, bound_to)
        return event.revived(payload, stored.schema_version).stored_as(self.envelope(stored))

    def read_all(self, stored: Sequence[StoredEvent]) -> list[Event]:
        """Typed events; the keys that are needed come in one round trip."""
        self.subjects.load(set(self._subjects(stored)))
        return [self.read(event) for event in stored]

    def _subjects(self, stored: Iterable[StoredEvent]) -> Iterable[UUID]:
        """Whose keys these events may need: a superset that costs no parsing."""
        for event in stored:
            if b'"$p"' in event.payload or event.reason is not None:
                yield event.stream_id
                if event.customer_id is not None:
                    yield event.customer_id

    def envelope(self, stored: StoredEvent) -> Envelope:
        return _envelope(
            stored.stream_id,
            stored.version,
            stored.position,
            stored.recorded_at,
            stored.occurred_at,
            stored.actor,
            stored.on_behalf_of,
            stored.origin,
            None if stored.reason is None else self._reason(stored),
            stored.command_id,
            stored.correlation_id,
            stored.causation_id,
            stored.customer_id,
        )

    def _reason(self, stored: StoredEvent) -> str | None:
        sealed = orjson.loads(stored.reason or b"null")
        reason: str | None = unseal(self.subjects, sealed, binding(stored.command_id, 0, "reason"))
        return reason

    def forget_subjects(self, subjects: Iterable[UUID]) -> None:
        self.subjects.forget(subjects)

    def seal_state(self, aggregate: Aggregate) -> bytes | None:
        """An aggregate's state as a snapshot holds it: personal fields stay sealed.

        None where a data subject has no key: erased, or nothing was sealed with one yet.
        """
        state = {n: to_jsonable_python(v) for n, v in aggregate.state().items()}
        for name, whose in personal_fields(type(aggregate).STATE).items():
            if state.get(name) is not None:
                root = aggregate.root_customer_id if whose == "customer" else None
                subject = root or aggregate.id
                cipher = self.subjects.get(subject)
                if cipher is None:
                    return None
                bound_to = binding(aggregate.id, -aggregate.version, name)
                state[name] = seal(cipher, str(subject), state[name], bound_to)
        return orjson.dumps(state)

    def open_state(self, kind: type[Aggregate], snapshot: Snapshot) -> dict[str, Any]:
        """The state of a snapshot, typed."""
        state: dict[str, Any] = orjson.loads(snapshot.state)
        self.subjects.load({subject_of(v) for v in state.values() if is_sealed(v)})
        for name, value in state.items():
            if is_sealed(value):
                bound_to = binding(snapshot.stream_id, -snapshot.version, name)
                state[name] = unseal(self.subjects, value, bound_to)
            read = reader(kind.STATE[name])
            if read is not None and state[name] is not None:
                state[name] = read(state[name])
        return state
