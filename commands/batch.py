"""Several requests at once: each for itself, waiting only where order asks, or all or nothing."""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from uuid import UUID

from aggregates.errors import DomainError
from commands.application import ATTEMPTS, Application, pause
from commands.claims import Claims
from commands.overlay import Overlay
from commands.ports import Append, Committed, Known, Outcome, OutcomeUnknown, Overloaded
from commands.preparation import Prepared, already_exists
from commands.requests import Caller, IdempotencyKeyReused, Receipt, Request

Result = Receipt | DomainError | OutcomeUnknown | Overloaded
IN_FLIGHT = 256
"""Units of one batch that may wait for the store at the same time."""


class NotAttempted(DomainError):
    """Another command of the atomic batch was refused, so nothing of it was stored."""


@dataclass(slots=True)
class _Flying:
    index: int
    prepared: Prepared
    outcome: "Future[Outcome]"


class _Flight:
    """Requests on their way: a request waits only for those whose records it names."""

    def __init__(self, application: Application, requests: Sequence[Request], caller: Caller):
        self._application, self._requests, self._caller = application, requests, caller
        self.results: dict[int, Result] = {}
        self._flying: list[_Flying] = []
        self._claimed: set[UUID] = set()
        self._guarded: set[bytes] = set()

    def run(self) -> None:
        for index, request in enumerate(self._requests):
            if (
                not self._claimed.isdisjoint(request.names(self._caller))
                or request.command.NOW_ONLY  # what it undoes or joins is as it is known now
                or len(self._flying) >= IN_FLIGHT
            ):
                self._land()
            self._start(index, request)
        self._land()

    def _start(self, index: int, request: Request) -> None:
        decided = self._decided(request)
        if self._flying and not (isinstance(decided, Prepared) and self._is_apart(decided)):
            self._land()  # it may be otherwise once what comes before is stored
            decided = self._decided(request)
        if not isinstance(decided, Prepared):
            self.results[index] = decided
        elif decided.is_empty:
            self._alone(index)
        else:
            outcome = self._application.submit(decided)
            self._flying.append(_Flying(index, decided, outcome))
            self._claimed |= {row.command_id for row in decided.unit.commands}
            self._claimed |= {aggregate.id for aggregate in decided.aggregates}
            self._guarded |= decided.guarded

    def _decided(self, request: Request) -> Prepared | Result:
        try:
            return self._application.decided(request, self._caller)
        except (DomainError, OutcomeUnknown, Overloaded) as refusal:
            return refusal

    def _is_apart(self, decided: Prepared) -> bool:
        """Whether it is called like nothing that is on its way, as far as that matters."""
        return self._guarded.isdisjoint(decided.guarded)

    def _land(self) -> None:
        for flying in self._flying:
            try:
                receipt = self._application.finished(
                    flying.prepared, flying.outcome.result(), self._caller
                )
            except (DomainError, OutcomeUnknown, Overloaded) as refusal:
                self.results[flying.index] = refusal
                continue
            if receipt is None:
                self._alone(flying.index)
            else:
                self.results[flying.index] = receipt
        self._flying, self._claimed, self._guarded = [], set(), set()

    def _alone(self, index: int) -> None:
        try:
            self.results[index] = self._application.dispatch(self._requests[index], self._caller)
        except (DomainError, OutcomeUnknown, Overloaded) as refusal:
            self.results[index] = refusal


def dispatch_many(
    application: Application, requests: Sequence[Request], caller: Caller
) -> list[Result]:
    """Carry out requests in order, each for itself; answers a result for each."""
    flight = _Flight(application, requests, caller)
    flight.run()
    return [flight.results[index] for index in range(len(requests))]


def dispatch_all(
    application: Application, requests: Sequence[Request], caller: Caller
) -> list[Result]:
    """Carry out all requests or none: where one is refused, the others are ``NotAttempted``.

    One that was carried out before, under its idempotency key, answers its first receipt.
    """
    for attempt in range(ATTEMPTS):
        time.sleep(pause(attempt))
        known, index, refusal = _known(application, requests, caller)
        if refusal is not None:
            return _refused(len(requests), index, refusal)
        left = [i for i in range(len(requests)) if i not in known]
        results = _carried_out(application, [requests[i] for i in left], caller, attempt)
        if results is not None:
            done = known | dict(zip(left, results, strict=True))
            return [done[i] for i in range(len(requests))]
    raise Overloaded("the records change faster than this batch can follow")


def _known(
    application: Application, requests: Sequence[Request], caller: Caller
) -> tuple[dict[int, Result], int, DomainError | None]:
    """Receipts of the requests made before; and the first that may not be made, if one is."""
    known: dict[int, Result] = {}
    keys: set[UUID] = set()
    for index, request in enumerate(requests):
        command_id = request.command_id(caller)
        if command_id is None:
            continue
        try:
            if command_id in keys:
                raise IdempotencyKeyReused
            receipt = application.receipt(request, caller)
        except DomainError as refusal:
            return known, index, refusal
        keys.add(command_id)
        if receipt is not None:
            known[index] = receipt
    return known, len(requests), None


def _carried_out(
    application: Application, requests: Sequence[Request], caller: Caller, attempt: int
) -> list[Result] | None:
    """Results of the requests, all new; None where they must be decided again."""
    if not requests:
        return []
    decided, claims, refusal = _decided(application, requests, caller, fresh=attempt > 0)
    if attempt == 0 and (refusal or not all(p.unit.events for p in decided)):
        return None  # a refusal, and that nothing changes, is believed of the log only
    if refusal is not None:
        return _refused(len(requests), len(decided), refusal)
    return _store(application, decided, claims, caller)


def _decided(
    application: Application, requests: Sequence[Request], caller: Caller, *, fresh: bool
) -> tuple[list[Prepared], Claims, DomainError | None]:
    """The decisions up to the first refusal, each on what those before it change."""
    decided: list[Prepared] = []
    overlay = Overlay(application.repository)
    preparation, claims = application.together(overlay)
    for request in requests:
        try:
            prepared = preparation.prepare(request, caller, fresh=fresh)
            if request.command.CREATES and overlay.has_changed(prepared.aggregates[0].id):
                raise already_exists(request)
            claims.take(prepared)
        except DomainError as refusal:
            return decided, claims, refusal
        overlay.change(prepared)
        decided.append(prepared)
    return decided, claims, None


def _store(
    application: Application, decided: list[Prepared], claims: Claims, caller: Caller
) -> list[Result] | None:
    """Results of the stored batch; None where it must be decided again."""
    unit = claims.put_on(_combined(decided))
    outcome = application.submit(replace(decided[0], unit=unit)).result()
    if isinstance(outcome, Committed):
        pairs = zip(decided, outcome.receipts, strict=True)
        done = [application.finished(p, Committed((stored,)), caller) for p, stored in pairs]
        return [receipt for receipt in done if receipt is not None]
    if isinstance(outcome, Known):
        return None
    for index, prepared in enumerate(decided):
        try:
            application.finished(prepared, outcome, caller)
        except DomainError as refusal:
            return _refused(len(decided), index, refusal)
    return None


def _refused(count: int, index: int, refusal: DomainError) -> list[Result]:
    return [refusal if i == index else NotAttempted() for i in range(count)]


def _combined(decided: Sequence[Prepared]) -> Append:
    """One unit of all, without their claims."""
    units = [prepared.unit for prepared in decided]
    return Append(
        commands=tuple(row for unit in units for row in unit.commands),
        events=tuple(
            event._replace(command=index)
            for index, unit in enumerate(units)
            for event in unit.events
        ),
        subject_keys=units[-1].subject_keys,
    )
