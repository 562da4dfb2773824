"""Dispatch: a request in, a receipt or a refusal out.

Deciding (``Preparation``) and storing (``EventLog``) are apart. A decision made on state that has
moved meanwhile is made again; a refusal made on cached state is only believed after a second look
at the log; a repeated request finds its first receipt.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from aggregates.errors import DomainError
from commands.claims import Claims
from commands.ports import (
    Answer,
    Codec,
    Committed,
    EventLog,
    Keys,
    Known,
    Moved,
    NeedsIO,
    Outcome,
    Overloaded,
    StoredReceipt,
    SubjectTaken,
    Taken,
)
from commands.preparation import Preparation, Prepared, already_exists
from commands.repository import REFERENCE_SECONDS, Repository
from commands.requests import Caller, IdempotencyKeyReused, Receipt, Request

ATTEMPTS = 20
"""How often a command is decided again because its record moved; then the store is overloaded."""
LONGEST_PAUSE = 0.2


def pause(attempt: int) -> float:
    """Seconds to wait before deciding again: random, so that rivals do not meet again, and longer
    each time (full jitter); the first repetition does not wait."""
    return 0.0 if attempt < 2 else random.uniform(0, min(LONGEST_PAUSE, 0.001 * 2**attempt))


class Application:
    """The write side. Thread-safe."""

    def __init__(
        self,
        log: EventLog,
        codec: Codec,
        keys: Keys,
        timezone: ZoneInfo,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        reference_seconds: float = REFERENCE_SECONDS,
    ) -> None:
        """``reference_seconds``: how old what is known of a record may be that a request names."""
        self._log, self._codec, self._keys = log, codec, keys
        self.repository = Repository(log, codec, reference_seconds=reference_seconds)
        self._background = ThreadPoolExecutor(1, thread_name_prefix="snapshots")
        self.preparation = Preparation(log, codec, keys, self.repository, timezone, now)

    def dispatch(self, request: Request, caller: Caller) -> Receipt:
        """Carry out one request and wait until it is durable.

        Raises DomainError where it is refused, OutcomeUnknown where the database cannot say, and
        Overloaded where it should be tried later.
        """
        for attempt in range(ATTEMPTS):
            time.sleep(pause(attempt))
            prepared = self.decided(request, caller, fresh=attempt > 0)
            if isinstance(prepared, Receipt):
                return prepared
            receipt = self.finished(prepared, self._outcome(prepared), caller)
            if receipt is not None:
                return receipt
        raise Overloaded("the record changes faster than this command can follow")

    async def dispatch_async(self, request: Request, caller: Caller) -> Receipt:
        """Like ``dispatch``, for an event loop: threads are used only where the log is read."""
        for attempt in range(ATTEMPTS):
            if attempt > 1:
                await asyncio.sleep(pause(attempt))
            prepared = self._decided_in_memory(request, caller, fresh=attempt > 0)
            if prepared is None:
                prepared = await asyncio.to_thread(self.decided, request, caller, fresh=attempt > 0)
            if isinstance(prepared, Receipt):
                return prepared
            receipt = await self._finished_async(prepared, caller)
            if receipt is not None:
                return receipt
        raise Overloaded("the record changes faster than this command can follow")

    def forget(self, ids: Iterable[UUID]) -> None:
        """Let go of what is cached of records that nobody will ask for soon."""
        known = list(ids)
        for id in known:
            self.repository.forget(id)
        self._codec.forget_subjects(known)

    def close(self) -> None:
        """Finish what is done beside the requests."""
        self._background.shutdown()

    def together(self, repository: Repository) -> tuple[Preparation, Claims]:
        """What decides requests that are stored together, over a repository that knows of them."""
        claims = Claims(self._log)
        return self.preparation.over(repository, claims), claims

    def find_external(self, aggregates: str, system: str, id: str) -> UUID | None:
        """The record that another system calls so."""
        return self.preparation.directory.holder(f"external/{aggregates}/{system}", id)

    def receipt(self, request: Request, caller: Caller) -> Receipt | None:
        """What the request answered when it was made before, if it was.

        Raises IdempotencyKeyReused where its key was used for another request.
        """
        command_id = request.command_id(caller)
        if command_id is None:
            return None
        stored = self._log.receipts([command_id]).get(command_id)
        return None if stored is None else self._repeated(request, stored)

    def refuse_reused(self, command_ids: Sequence[UUID], body: bytes) -> None:
        """Raise IdempotencyKeyReused where one of these commands came with another body."""
        fingerprint = self._keys.fingerprint(body)
        stored = self._log.receipts(command_ids).values()
        if any(receipt.fingerprint != fingerprint for receipt in stored):
            raise IdempotencyKeyReused

    def decided(
        self, request: Request, caller: Caller, *, fresh: bool = False
    ) -> Prepared | Receipt:
        """The decision; the first receipt where a refused request is a repeated one."""
        try:
            prepared = None if fresh else self._decided_on_cached(request, caller)
            return prepared or self.preparation.prepare(request, caller, fresh=True)
        except DomainError:
            repeated = self.receipt(request, caller)
            if repeated is not None:
                return repeated
            raise

    def _decided_on_cached(
        self, request: Request, caller: Caller, *, offline: bool = False
    ) -> Prepared | None:
        """The decision on what is cached; None where only the log may be believed: that the
        request is refused, or that it changes nothing."""
        try:
            prepared = self.preparation.prepare(request, caller, offline=offline)
        except DomainError:
            return None
        return prepared if prepared.unit.events else None

    def _decided_in_memory(
        self, request: Request, caller: Caller, *, fresh: bool
    ) -> Prepared | Receipt | None:
        """The decision if it can be made without asking the log."""
        try:
            return None if fresh else self._decided_on_cached(request, caller, offline=True)
        except NeedsIO:
            return None

    def submit(self, prepared: Prepared) -> "Future[Outcome]":
        """Hand the unit to the store."""
        return self._log.submit(prepared.unit)

    def submit_all(self, prepared: Sequence[Prepared]) -> "Future[Sequence[Answer]]":
        """Hand many units to the store, to be taken in one go where that can be."""
        return self._log.submit_all([one.unit for one in prepared])

    def _outcome(self, prepared: Prepared) -> Outcome:
        """Store the unit and wait; the outcome of one with nothing to keep is known."""
        if prepared.is_empty:
            return Committed((self._unchanged(prepared),))
        return self.submit(prepared).result()

    async def _finished_async(self, prepared: Prepared, caller: Caller) -> Receipt | None:
        if prepared.is_empty:
            outcome: Outcome = await asyncio.to_thread(self._outcome, prepared)
        else:
            outcome = await asyncio.wrap_future(self.submit(prepared))
        if isinstance(outcome, Committed):
            return self.finished(prepared, outcome, caller)
        return await asyncio.to_thread(self.finished, prepared, outcome, caller)

    def _unchanged(self, prepared: Prepared) -> StoredReceipt:
        """The receipt of a command that changed nothing."""
        row = prepared.unit.commands[0]
        event = self._log.stream(row.stream_id, after=row.version - 1, limit=1)[0]
        return StoredReceipt(row.command_id, row.stream_id, row.version, event.position, row.status)

    def finished(self, prepared: Prepared, outcome: Outcome, caller: Caller) -> Receipt | None:
        """The receipt; None where the request must be decided again. Raises DomainError."""
        match outcome:
            case Committed((stored, *_)):
                prepared.sealing.keep()
                for aggregate in prepared.aggregates:
                    self.repository.keep(aggregate)
                own = prepared.aggregates[0]
                if self.repository.is_snapshot_due(own, prepared.before):
                    self._background.submit(self.repository.snapshot, own.copy())
                return Receipt(stored.stream_id, stored.version, stored.position, stored.status)
            case Known((stored, *_)):
                return self._repeated(prepared.request, stored)
            case Moved(stream_id):
                self._moved(prepared, stream_id)
            case Taken(key, holder) if key in prepared.rejections:
                repeated = self.receipt(prepared.request, caller)
                if repeated is not None:
                    return repeated
                kind = prepared.request.command.AGGREGATE
                existing = self.preparation.survivor(kind, holder)
                raise prepared.rejections[key](existing_id=str(existing))
            case SubjectTaken(subject):
                self._codec.forget_subjects([subject])
        return None

    def _moved(self, prepared: Prepared, stream_id: UUID) -> None:
        """Whatever a creation would begin, children included, must not be there yet."""
        begun = {aggregate.id for aggregate in prepared.aggregates}
        if prepared.request.command.CREATES and stream_id in begun:
            raise already_exists(prepared.request)

    def _repeated(self, request: Request, stored: StoredReceipt) -> Receipt:
        if stored.fingerprint != self._keys.fingerprint(request.body()):
            raise IdempotencyKeyReused
        return Receipt(
            stored.stream_id, stored.version, stored.position, stored.status, is_repeated=True
        )
