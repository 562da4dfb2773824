"""Policies: when this has happened, ask for that, now or at an instant.

A policy is a pure function of an event. It reads no clock and looks nothing up: what it answers
today it answers when it is asked again, and that is how a request is made anew from its event when
its moment has come. A policy that needs to remember is an aggregate.

    @whenever(Task.Planned, Task.Rescheduled, Task.Completed)
    def remind(event: Event) -> Iterable[Answer]: ...
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from aggregates.base import Aggregate, derived
from aggregates.events import Event
from commands.base import Command, Meta
from commands.requests import POLICY, Caller, Request

LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to be made at once."""

    command: Command[Any]
    id: UUID | None = None
    """The aggregate; for a command that creates, one is derived where none is given."""
    occurred_at: datetime | None = None
    """When it happened that the command records, if not when the request is made."""


@dataclass(frozen=True, slots=True)
class At:
    """A request to be made when an instant has come, in place of an earlier one of its key."""

    due_at: datetime | None
    """None: at once; of several that follow each other closely, the last one is made."""
    ask: Ask
    key: str
    """Unique in the policy; stored in the clear, so it is made of ids and codes."""
    only_later: bool = False
    """Whether it takes the place of an earlier request only to put it off."""

    def __post_init__(self) -> None:
        if self.due_at is not None and self.due_at.tzinfo is None:
            raise ValueError("an instant needs an offset")
        _require_key(self.key)


@dataclass(frozen=True, slots=True)
class Cancel:
    """No request of this key is to be made any more."""

    key: str

    def __post_init__(self) -> None:
        _require_key(self.key)


Answer = Ask | At | Cancel
Decide = Callable[[Any], Iterable[Answer]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request that an event gives rise to."""

    ask: Ask
    due_at: datetime | None
    """None: at once."""
    ordinal: int
    """Its place among what the event gives rise to."""
    only_later: bool = False


class Policy:
    """A named reaction to events of some kinds."""

    def __init__(self, decide: Decide, events: tuple[type[Event], ...]) -> None:
        self.decide, self._events = decide, events
        self.name = decide.__name__.replace("_", "-")

    @property
    def topics(self) -> frozenset[str]:
        """Topics of its events; of an event class that several aggregates have made their own,
        those of all of them."""
        return frozenset(
            topic
            for aggregate in Aggregate.registry.values()
            for topic, event in aggregate.EVENTS.items()
            if issubclass(event, self._events)
        )

    def decided(self, event: Event) -> dict[str, Wanted | None]:
        """What is wanted by key, None where a key is cancelled; of one key the last answer counts.

        Requests to be made at once have keys of their own.
        """
        found: dict[str, Wanted | None] = {}
        for ordinal, answer in enumerate(self.decide(event)):
            match answer:
                case Ask():
                    found[f"{event.envelope.event_id}#{ordinal}"] = Wanted(answer, None, ordinal)
                case At():
                    wanted = Wanted(answer.ask, answer.due_at, ordinal, answer.only_later)
                    found[answer.key] = wanted
                case Cancel():
                    found[answer.key] = None
        return found

    def named(self, event: Event, key: str) -> str:
        """The idempotency key of what an event and a key give rise to."""
        return f"policy/{self.name}/{event.envelope.event_id}/{key}"

    def request(self, event: Event, key: str, wanted: Wanted) -> Request:
        """The request as it is dispatched: however often it is made, it is carried out once."""
        envelope, ask, named = event.envelope, wanted.ask, self.named(event, key)
        id = ask.id
        if id is None and ask.command.CREATES:
            id = derived(envelope.stream_id, named)
        meta = Meta(occurred_at=ask.occurred_at, correlation_id=envelope.correlation_id)
        return Request(ask.command, id, meta, idempotency_key=named, causation_id=envelope.event_id)


def caller(event: Event, actor: UUID) -> Caller:
    """Who asks: policies' own user, on behalf of whoever caused the event."""
    cause = event.envelope.on_behalf_of or event.envelope.actor
    return Caller(actor, POLICY, None if cause == actor else cause)


def whenever(*events: type[Event]) -> Callable[[Decide], Decide]:
    """Declare a policy, named by its function, for events of these classes."""

    def declare(decide: Decide) -> Decide:
        policy = Policy(decide, events)
        if policy.name in POLICIES:
            raise TypeError(f"two policies are called {policy.name}")
        POLICIES[policy.name] = policy
        return decide

    return declare


def _require_key(key: str) -> None:
    if not 0 < len(key) <= LONGEST_KEY or "\x00" in key:
        raise ValueError(f"a key has 1 to {LONGEST_KEY} characters, none of them NUL")


POLICIES: dict[str, Policy] = {}
"""The registry: ``remind-of-task`` → policy."""
