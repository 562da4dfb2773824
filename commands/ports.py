"""What the write side needs of the outside world, as types and protocols.

The append takes *units*: the events of one command, or of one atomic batch of commands, that are
stored together or not at all. The store knows bytes, keys and versions only; what they mean is
decided before (rules) and after (folds).
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from aggregates.base import Aggregate
from aggregates.events import Event


class CommandRow(NamedTuple):
    """One accepted command, kept for ever: it makes a repeated request answer the same receipt."""

    command_id: UUID
    name: str
    """Registry name, such as ``customers/register``."""
    status: int
    """HTTP status of its receipt: 201 or 200."""
    stream_id: UUID
    version: int
    """The receipt: the command's stream and that stream's version after it."""
    actor: UUID
    origin: str
    """api, console, import, policy or inbox."""
    correlation_id: UUID
    fingerprint: bytes | None = None
    """Keyed hash of route and canonical body; None where the caller gave no idempotency key."""
    on_behalf_of: UUID | None = None
    causation_id: str | None = None
    """Event id (``stream_id:version``) of the event that caused the command."""
    reason: bytes | None = None
    """Sealed (encrypted) reason."""


class EventRow(NamedTuple):
    """One event to be stored. ``recorded_at``, position and leaf hash are the database's."""

    command: int
    """Index into the unit's ``commands``."""
    stream_id: UUID
    version: int
    kind: str
    topic: str
    schema_version: int
    payload: bytes
    """UTF-8 JSON, stored byte for byte."""
    occurred_at: datetime | None = None
    """None: the same instant as ``recorded_at``."""
    customer_id: UUID | None = None


class Append(NamedTuple):
    """One unit: everything in it is stored, or nothing."""

    commands: tuple[CommandRow, ...]
    events: tuple[EventRow, ...]
    """May be empty: a no-op whose command id is kept."""
    reserve: tuple[tuple[bytes, UUID], ...] = ()
    """(16-byte key, holder stream) that must be free; see ``Taken``."""
    release: tuple[tuple[bytes, UUID], ...] = ()
    mark: tuple[tuple[bytes, UUID], ...] = ()
    """(16-byte key, stream) look-up entries; several streams may share a key; never conflict."""
    unmark: tuple[tuple[bytes, UUID], ...] = ()
    subject_keys: tuple[tuple[UUID, bytes], ...] = ()
    """(data subject, wrapped key) of subjects that had none; see ``SubjectTaken``."""


class StoredReceipt(NamedTuple):
    """What a command left behind. ``position`` is that of the stream's event at ``version``."""

    command_id: UUID
    stream_id: UUID
    version: int
    position: int
    status: int
    fingerprint: bytes | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """The unit is durable."""

    receipts: tuple[StoredReceipt, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A command id of the unit was stored before; nothing was stored now."""

    receipts: tuple[StoredReceipt, ...]
    """Of those commands of the unit that are known."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Another command got a stream's next version first; nothing was stored."""

    stream_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A reservation is held by another stream; nothing was stored."""

    key: bytes
    holder: UUID


@dataclass(frozen=True, slots=True)
class SubjectTaken:
    """A subject's key was created by somebody else meanwhile; nothing was stored: seal again."""

    subject: UUID


Outcome = Committed | Known | Moved | Taken | SubjectTaken


class OutcomeUnknown(Exception):
    """The database could not be asked in time whether the unit was stored.

    Repeating the same unit (same command ids) later is always safe.
    """


class Overloaded(Exception):
    """Too many units wait already; try again later."""


Answer = Outcome | Exception
"""What became of a unit; or OutcomeUnknown, Overloaded, what else its submitter is to be raised."""


def answered(answer: Answer) -> Outcome:
    """The outcome. Raises what the answer is otherwise."""
    if isinstance(answer, Exception):
        raise answer
    return answer


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it lies in the log."""

    position: int
    stream_id: UUID
    version: int
    kind: str
    topic: str
    schema_version: int
    payload: bytes
    recorded_at: datetime
    occurred_at: datetime
    command_id: UUID
    actor: UUID
    on_behalf_of: UUID | None
    origin: str
    reason: bytes | None
    correlation_id: UUID
    causation_id: str | None
    customer_id: UUID | None
    leaf: bytes = field(repr=False)

    @property
    def event_id(self) -> str:
        return f"{self.stream_id}:{self.version}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An aggregate's state at a version, as sealed JSON; ignored where ``revision`` differs."""

    stream_id: UUID
    version: int
    revision: int
    state: bytes


class Lookups(Protocol):
    """Finds streams by what they hold or carry."""

    def holders(self, keys: Sequence[bytes]) -> Mapping[bytes, UUID]:
        """Which stream holds each reserved key; absent where free."""
        ...

    def marked(self, keys: Sequence[bytes]) -> Mapping[bytes, tuple[UUID, ...]]:
        """Which streams are marked with each key."""
        ...


class EventLog(Lookups, Protocol):
    """The event store, as the write side uses it. All methods may be called from any thread."""

    def submit(self, unit: Append) -> "Future[Outcome]":
        """Queue a unit for the next group commit.

        The future may raise OutcomeUnknown or Overloaded.
        """
        ...

    def submit_all(self, units: Sequence[Append]) -> "Future[Sequence[Answer]]":
        """Queue many units at once; each is stored, or not, for itself, and has an answer of its
        own, in their order."""
        ...

    def append(self, units: Sequence[Append]) -> list[Outcome]:
        """Submit all and wait for all."""
        ...

    def stream(
        self, stream_id: UUID, *, after: int = 0, upto: int | None = None, limit: int | None = None
    ) -> list[StoredEvent]:
        """Events of one stream with ``after < version <= upto``, in version order."""
        ...

    def streams(self, stream_ids: Iterable[UUID]) -> Mapping[UUID, list[StoredEvent]]:
        """All events of several streams, in version order, in one round trip."""
        ...

    def since(self, versions: Mapping[UUID, int], limit: int) -> Mapping[UUID, list[StoredEvent]]:
        """Of several streams, in one round trip, at most ``limit`` events each behind a version;
        streams that have none are left out."""
        ...

    def begun(self, customer_ids: Sequence[UUID], after: int, limit: int) -> Sequence[StoredEvent]:
        """First events of streams that belonged to these customers when they began, from a
        position on, in order."""
        ...

    def latest(
        self,
        customer_ids: Sequence[UUID],
        topics: Sequence[str],
        before: tuple[datetime, int] | None,
        limit: int,
    ) -> Sequence[StoredEvent]:
        """Events of these topics of streams that belonged to these customers when they were
        recorded, what happened last first; ``before`` an (instant, position)."""
        ...

    def receipts(self, command_ids: Sequence[UUID]) -> Mapping[UUID, StoredReceipt]:
        """Receipts of those commands that are stored."""
        ...

    def snapshot(self, stream_id: UUID) -> Snapshot | None: ...

    def save_snapshot(self, snapshot: Snapshot) -> None: ...

    def subject_keys(self, subjects: Sequence[UUID]) -> Mapping[UUID, bytes]:
        """Wrapped keys of those subjects that have one."""
        ...

    def next_numbers(self, series: str, count: int) -> range:
        """Draw ``count`` consecutive numbers of a series (gaps allowed)."""
        ...


class NeedsIO(Exception):
    """What was asked is not in memory, and the caller may not wait for the database."""


class Keys(Protocol):
    """Keyed hashes: how values are looked up without being stored."""

    def lookup(self, scope: str, value: str) -> bytes:
        """16-byte key of a reservation or mark."""
        ...

    def fingerprint(self, *parts: bytes) -> bytes:
        """What a repeated request is recognised by."""
        ...


class SealingSession(Protocol):
    """Seals the personal fields of one unit; remembers the keys it had to create."""

    def begin(self, streams: Iterable[UUID]) -> None:
        """Streams that begin in this unit: they cannot have a key yet."""
        ...

    def seal_event(self, event: Event, stream_id: UUID, version: int, root: UUID | None) -> bytes:
        """The event's payload as it is stored. ``root`` is the customer it belongs to."""
        ...

    def seal_reason(self, reason: str, command_id: UUID, subject: UUID) -> bytes: ...

    def created(self) -> tuple[tuple[UUID, bytes], ...]:
        """(subject, wrapped key) of subjects that had none."""
        ...

    def keep(self) -> None:
        """The unit is stored: the created keys are the subjects' keys."""
        ...


class Codec(Protocol):
    """Between typed events and stored bytes."""

    def sealing(self, *, offline: bool) -> SealingSession:
        """``offline``: raise NeedsIO instead of asking the database."""
        ...

    def read_all(self, stored: Sequence[StoredEvent]) -> list[Event]: ...

    def forget_subjects(self, subjects: Iterable[UUID]) -> None:
        """Drop cached keys: somebody else created them meanwhile."""
        ...

    def seal_state(self, aggregate: Aggregate) -> bytes | None:
        """None where a data subject has no key: then there is no snapshot."""
        ...

    def open_state(self, kind: type[Aggregate], snapshot: Snapshot) -> dict[str, Any]: ...
