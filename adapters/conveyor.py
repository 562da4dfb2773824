"""A conveyor: many requests on their way at once, for one thread that has many to make.

What touches the same record or reserves the same value is carried out in the order in which it
was put; everything else shares group commits.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple

from aggregates.errors import DomainError
from commands.application import Application
from commands.ports import Answer, Outcome, OutcomeUnknown, Overloaded, answered
from commands.preparation import Prepared
from commands.requests import Caller, Receipt, Request

IN_FLIGHT = 2_048
GROUPS = 4
"""Of a full conveyor's requests, so many are handed over at once: the store takes them in one go,
which costs it less than to take each as it comes. Fewer, where one is waited for."""
PATIENCE = 6
"""How often a request is made again while the store cannot answer, a little later each time."""


class Done(NamedTuple):
    """A request that was carried out."""

    receipt: Receipt
    events: int = 0
    """How many it recorded; a repeated request and one that changes nothing record none."""

    @property
    def is_change(self) -> bool:
        """Whether it recorded anything."""
        return self.events > 0


Callback = Callable[[Done | DomainError], None]
"""Told once; may put further requests."""
Claim = int | bytes
"""An id, as an integer, which is hashed much faster; or a key."""


@dataclass(slots=True)
class _Flying:
    request: Request
    caller: Caller
    done: Callback
    prepared: Prepared
    claims: set[Claim]
    answers: "Future[Sequence[Answer]] | None" = None
    """Those to all that were handed over with it; None: it was not yet."""
    place: int = 0
    """Which of them is its own."""

    @property
    def is_done(self) -> bool:
        return self.answers is not None and self.answers.done()

    def outcome(self) -> Outcome:
        """Raises OutcomeUnknown or Overloaded."""
        assert self.answers is not None
        return answered(self.answers.result()[self.place])


class Conveyor:
    """Carries requests out. For one thread."""

    def __init__(self, application: Application, limit: int = IN_FLIGHT) -> None:
        self._application, self._limit = application, limit
        self._together = max(1, limit // GROUPS)
        self._ready: deque[tuple[Request, Caller, Callback]] = deque()
        self._flying: deque[_Flying] = deque()
        self._gathered: list[_Flying] = []
        """The last of those, to be handed over."""
        self._claimed: set[Claim] = set()
        self._is_moving = False

    def put(self, request: Request, caller: Caller, done: Callback) -> None:
        """Carry the request out in its turn, and say so.

        Raises OutcomeUnknown or Overloaded where the store fails for long; then the conveyor is
        of no more use, and making the same requests again is safe.
        """
        self._ready.append((request, caller, done))
        if not self._is_moving:
            self._move()

    def finish(self) -> None:
        """Wait until nothing is on its way."""
        while self._flying or self._ready:
            self.land()

    def land(self) -> None:
        """Wait for the oldest of those that are on their way. IndexError where none is."""
        self._land()
        self._move()

    def land_done(self) -> None:
        """Finish what is done already, as far as nothing before it is on its way."""
        while self._flying and self._flying[0].is_done:
            self._land()

    def settle(self) -> None:
        """Wait for what is on its way, and tell nobody: for whoever gives up."""
        for flying in self._flying:
            if flying.answers is not None:
                flying.answers.exception()
        self._flying.clear()
        self._gathered = []

    def _move(self) -> None:
        self._is_moving = True
        try:
            while self._ready:
                self._start(*self._ready.popleft())
        finally:
            self._is_moving = False

    def _start(self, request: Request, caller: Caller, done: Callback) -> None:
        self._await({id.int for id in request.names(caller)})
        decided = self._decided(request, caller)
        claims = _claims(decided)
        if not self._claimed.isdisjoint(claims):
            self._await(claims)
            decided = self._decided(request, caller)
            claims = _claims(decided)
        if not isinstance(decided, Prepared):
            done(decided)
        elif decided.is_empty:
            done(self._dispatched(request, caller, 0))
        else:
            self._fly(_Flying(request, caller, done, decided, claims))

    def _fly(self, flying: _Flying) -> None:
        self._flying.append(flying)
        self._gathered.append(flying)
        self._claimed |= flying.claims
        if len(self._gathered) >= self._together:
            self._hand_over()
        while len(self._flying) > self._limit:
            self._land()

    def _await(self, claims: set[Claim]) -> None:
        """Let the oldest land until none of these is claimed."""
        while not claims.isdisjoint(self._claimed):
            self._land()

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        answers = self._application.submit_all([flying.prepared for flying in gathered])
        for place, flying in enumerate(gathered):
            flying.answers, flying.place = answers, place

    def _land(self) -> None:
        """Finish the oldest."""
        if self._flying[0].answers is None:
            self._hand_over()
        flying = self._flying.popleft()
        result = self._result(flying)
        self._claimed -= flying.claims
        flying.done(result)

    def _result(self, flying: _Flying) -> Done | DomainError:
        try:
            receipt = self._application.finished(flying.prepared, flying.outcome(), flying.caller)
        except DomainError as refusal:
            return refusal
        except (OutcomeUnknown, Overloaded):
            receipt = None
        events = len(flying.prepared.unit.events)
        if receipt is None:
            return self._dispatched(flying.request, flying.caller, events)
        return _done(receipt, events)

    def _decided(self, request: Request, caller: Caller) -> Prepared | Done | DomainError:
        try:
            decided = self._application.decided(request, caller)
        except DomainError as refusal:
            return refusal
        return decided if isinstance(decided, Prepared) else Done(decided)

    def _dispatched(self, request: Request, caller: Caller, events: int) -> Done | DomainError:
        for attempt in range(PATIENCE):
            try:
                receipt = self._application.dispatch(request, caller)
                return _done(receipt, events)
            except DomainError as refusal:
                return refusal
            except (OutcomeUnknown, Overloaded):
                if attempt == PATIENCE - 1:
                    raise
                time.sleep(0.2 * 2**attempt)
        raise AssertionError("unreachable")


def _done(receipt: Receipt, events: int) -> Done:
    return Done(receipt, 0 if receipt.is_repeated else events)


def _claims(decided: Prepared | Done | DomainError) -> set[Claim]:
    """What no other request may touch before this one is stored."""
    if not isinstance(decided, Prepared):
        return set()
    unit = decided.unit
    claims: set[Claim] = {row.command_id.int for row in unit.commands}
    claims.update([aggregate.id.int for aggregate in decided.aggregates])
    claims.update([key for key, _ in unit.reserve + unit.release])
    claims |= decided.guarded
    return claims
