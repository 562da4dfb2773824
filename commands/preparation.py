"""From a request to the unit that stores it: rules run here, nothing is written."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from aggregates.base import Aggregate, Mark, Reservation
from aggregates.errors import AlreadyExists, FieldError, Invalid, Rejected
from aggregates.events import Event
from aggregates.merge import CustomerMerged
from commands.base import Command, Known, Meta
from commands.conflicts import require_match
from commands.directory import Directory
from commands.holdings import Held, Holdings, held_by
from commands.identifiers import Numbers, uuid7
from commands.known import Knowledge, survivor
from commands.occurrence import Occurrence
from commands.ports import (
    Append,
    Codec,
    CommandRow,
    EventLog,
    EventRow,
    Keys,
    Lookups,
    SealingSession,
)
from commands.repository import Repository
from commands.requests import IMPORT, POLICY, Caller, Request
from commands.steps import require_in_order


@dataclass(slots=True)
class Prepared:
    """A decided request: what to store, and what is true once it is stored."""

    request: Request
    unit: Append
    aggregates: list[Aggregate]
    """As they are after the unit: the request's own first, then its children."""
    before: int
    """The request's aggregate's version before."""
    sealing: SealingSession
    rejections: dict[bytes, type[Rejected]]
    """What to say where a reserved key turns out to be taken."""
    guarded: frozenset[bytes] = frozenset()
    """Marks, set or taken off, whose vacancy another request may require."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store: no event, and no key to repeat the request by."""
        return not self.unit.events and self.unit.commands[0].fingerprint is None


class Preparation:
    """Decides requests. Holds no state of its own; safe to use from several threads."""

    def __init__(
        self,
        log: EventLog,
        codec: Codec,
        keys: Keys,
        repository: Repository,
        timezone: ZoneInfo,
        now: Callable[[], datetime],
    ) -> None:
        self._log, self._codec, self._keys, self._repository = log, codec, keys, repository
        self._occurrence = Occurrence(log, timezone, now)
        self._numbers = Numbers(log)
        self._shared: SealingSession | None = None
        self.directory = Directory(log, keys, repository)

    def over(self, repository: Repository, lookups: Lookups) -> "Preparation":
        """The same for requests that are stored together, each seeing what those before change."""
        twin = copy(self)
        twin._repository = repository
        twin._shared = self._codec.sealing(offline=False)
        twin.directory = Directory(lookups, self._keys, repository)
        return twin

    def prepare(
        self, request: Request, caller: Caller, *, offline: bool = False, fresh: bool = False
    ) -> Prepared:
        """Run the rules. Raises DomainError, or NeedsIO where ``offline`` is not enough.

        ``fresh``: believe no cached aggregate.
        """
        command, meta = request.command, request.meta
        self._check_meta(request, caller)
        aggregate = self._aggregate(request, offline, fresh)
        before, held = aggregate.version, held_by(aggregate)
        if command.CREATES and meta.incomplete:
            aggregate.incomplete = meta.incomplete
        uses = self.directory.resolve(command, caller, offline=offline, fresh=fresh)
        is_import = caller.origin == IMPORT
        knows = {"fresh": fresh, "offline": offline, "is_import": is_import}
        known = Knowledge(self._repository, self._number, self.directory, **knows)
        try:
            children = handled(command, aggregate, known)
        except CustomerMerged as refusal:
            survivor = self.survivor(type(aggregate), UUID(refusal.details["into_id"]))
            raise CustomerMerged(into_id=str(survivor)) from None
        touched = [aggregate, *children]
        self._check_reasons(touched, request, caller)
        if not is_import:
            require_in_order(touched, meta.occurred_at, self._repository, offline=offline)
        self._check_vacant(touched, offline)
        return self._unit(request, caller, touched, before, held, uses, offline)

    # What the request names

    def _aggregate(self, request: Request, offline: bool, fresh: bool) -> Aggregate:
        kind = request.command.AGGREGATE
        if request.command.CREATES:
            require_match(request, None, self._log, self._codec)
            return kind(request.id or uuid7(), number=self._number(kind, offline))
        if request.id is None:
            raise Invalid(FieldError("id", "missing"))
        max_age = 0.0 if fresh else None
        aggregate = self._repository.get(kind, request.id, max_age=max_age, offline=offline)
        require_match(request, aggregate, self._log, self._codec, offline=offline)
        return aggregate

    def _number(self, kind: type[Aggregate], offline: bool) -> str | None:
        """The next of its series; None for records without numbers."""
        if kind.SERIES is None:
            return None
        return self._numbers.next(kind.SERIES, self._occurrence.today(), offline=offline)

    def _check_meta(self, request: Request, caller: Caller) -> None:
        meta = request.meta
        if caller.origin != IMPORT:
            if meta.incomplete:
                raise Invalid(FieldError("meta.incomplete", "import-only"))
            if request.command.IMPORT_ONLY:
                raise Invalid(FieldError("command", "import-only"))
        if request.command.POLICY_ONLY and caller.origin != POLICY:
            raise Invalid(FieldError("command", "policy-only"))
        if request.command.NOW_ONLY and meta.occurred_at is not None:
            raise Invalid(FieldError("meta.occurred_at", "now-only"))
        self._occurrence.check(meta)

    def _check_reasons(
        self, touched: Iterable[Aggregate], request: Request, caller: Caller
    ) -> None:
        if request.meta.reason is not None or caller.origin == IMPORT:
            return
        for event in _pending(touched):
            if event.REASON_FOR & event.model_fields_set:
                raise Invalid(FieldError("meta.reason", "reason-required"))

    def _check_vacant(self, touched: Iterable[Aggregate], offline: bool) -> None:
        for aggregate in touched:
            for vacant in aggregate.vacant:
                key = self._key(vacant.mark)
                marked = self.directory.marked(key, offline=offline)
                others = [id for id in marked if id != aggregate.id]
                if others:
                    self._check_reserved(aggregate)
                    existing = self.survivor(type(aggregate), others[0])
                    raise vacant.rejection(existing_id=str(existing))

    def _check_reserved(self, aggregate: Aggregate) -> None:
        """Where a value is taken as it is, that is the better answer."""
        for claim in aggregate.reservations():
            holder = self.directory.holder(claim.scope, claim.value)
            if holder is not None and holder != aggregate.id:
                raise claim.rejection(existing_id=str(self.survivor(type(aggregate), holder)))

    def survivor(self, kind: type[Aggregate], id: UUID) -> UUID:
        """Who goes on for a record: itself, or whoever it was merged into in the end."""
        return survivor(Knowledge(self._repository, self._number, self.directory), kind, id)

    # The unit

    def _unit(
        self,
        request: Request,
        caller: Caller,
        touched: list[Aggregate],
        before: int,
        held: Held,
        uses: set[Reservation],
        offline: bool,
    ) -> Prepared:
        own = touched[0]
        sealing = self._shared or self._codec.sealing(offline=offline)
        sealing.begin([a.id for a in touched if a.version == len(a.pending)])
        row = self._command_row(request, caller, own, sealing)
        events = self._event_rows(touched, request.meta, sealing, offline)
        holds = Holdings(own, _begun(touched[1:]), held, uses, self._key)
        unit = Append(
            commands=(row,),
            events=events,
            reserve=holds.reserve,
            release=holds.release,
            mark=holds.mark,
            unmark=holds.unmark,
            subject_keys=sealing.created(),
        )
        for aggregate in touched:
            aggregate.collect_events()
            aggregate.vacant = []
        return Prepared(request, unit, touched, before, sealing, holds.rejections, holds.guarded)

    def _command_row(
        self, request: Request, caller: Caller, own: Aggregate, sealing: SealingSession
    ) -> CommandRow:
        command_id = request.command_id(caller)
        fingerprint = None
        if command_id is not None:
            fingerprint = self._keys.fingerprint(request.body())
        command_id = command_id or uuid7()
        reason = request.meta.reason
        subject = own.root_customer_id or own.id
        return CommandRow(
            command_id=command_id,
            name=request.command.NAME,
            status=201 if request.command.CREATES else 200,
            stream_id=own.id,
            version=own.version,
            actor=caller.actor,
            origin=caller.origin,
            correlation_id=request.meta.correlation_id or caller.correlation_id or command_id,
            fingerprint=fingerprint,
            on_behalf_of=caller.on_behalf_of,
            causation_id=request.causation_id,
            reason=None if reason is None else sealing.seal_reason(reason, command_id, subject),
        )

    def _event_rows(
        self, touched: Iterable[Aggregate], meta: Meta, sealing: SealingSession, offline: bool
    ) -> tuple[EventRow, ...]:
        rows = []
        for aggregate in touched:
            version = aggregate.version - len(aggregate.pending)
            root = aggregate.root_customer_id
            for event in aggregate.pending:
                version += 1
                row = EventRow(
                    command=0,
                    stream_id=aggregate.id,
                    version=version,
                    kind=aggregate.KIND,
                    topic=event.TOPIC,
                    schema_version=event.SCHEMA_VERSION,
                    payload=sealing.seal_event(event, aggregate.id, version, root),
                    occurred_at=self._occurrence.of(
                        event, version, aggregate, meta, offline=offline
                    ),
                    customer_id=root,
                )
                rows.append(row)
        return tuple(rows)

    def _key(self, claim: Reservation | Mark) -> bytes:
        return self._keys.lookup(claim.scope, claim.value)


def handled(command: Command[Any], aggregate: Aggregate, known: Known) -> list[Aggregate]:
    """The others that the command makes or changes beside the aggregate.

    A value that no event may hold is the request's fault.
    """
    if not (command.CREATES or command.POLICY_ONLY):  # Policies ask what may be so no more.
        aggregate.require_usable(command.VERB)
    object.__setattr__(command, "gathered", command.gather(aggregate, known))
    try:
        return list(command.handle(aggregate) or ())
    except ValidationError as error:
        raise Invalid(*map(_field_error, error.errors())) from error


def _field_error(error: Mapping[str, Any]) -> FieldError:
    bounds = {n: v for n, v in error.get("ctx", {}).items() if isinstance(v, str | int | float)}
    return FieldError(".".join(map(str, error["loc"])), str(error["type"]), **bounds)


def already_exists(request: Request) -> Rejected:
    """What to say to a creation under an id that is taken."""
    return AlreadyExists(existing_id=str(request.id))


def _pending(aggregates: Iterable[Aggregate]) -> Iterator[Event]:
    for aggregate in aggregates:
        yield from aggregate.pending


def _begun(aggregates: Iterable[Aggregate]) -> Iterator[Aggregate]:
    """Those that begin here: what a command changes beside them holds what it held before."""
    return (a for a in aggregates if a.version == len(a.pending))
