"""Deciding: policies are shown events; what they want, and where they failed."""

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from adapters.policies.requests import Planned
from adapters.postgres.views.decoding import is_passing
from adapters.postgres.views.versions import Item, Undecodable
from adapters.seeds import LOCAL
from aggregates.events import Event
from commands.policies import Policy, caller
from commands.ports import StoredEvent

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that a policy could not answer."""

    policy: str
    stream_id: UUID
    version: int
    position: int
    error: str


@dataclass(slots=True)
class Decision:
    """What came of showing events to policies."""

    changes: dict[tuple[str, str], Planned | int] = field(default_factory=dict)
    """(policy, key) → what is wanted, or the position of the event that cancelled it."""
    failures: dict[tuple[str, UUID], Failure] = field(default_factory=dict)
    """By policy and stream: the first."""


def decide(
    policies: Iterable[Policy],
    stored: Sequence[StoredEvent],
    items: Sequence[Item],
    parked: Iterable[tuple[str, UUID]],
) -> Decision:
    """Show each policy its events in order, those of parked streams (policy, stream) left out.

    ``items`` are the stored events typed.
    """
    decision, aside = Decision(), set(parked)
    for policy in policies:
        topics = policy.topics
        for event, item in zip(stored, items, strict=True):
            where = (policy.name, event.stream_id)
            if event.topic not in topics or where in aside:
                continue
            try:
                _ask(policy, event, item, decision)
            except Exception as error:
                if is_passing(error):
                    raise
                aside.add(where)
                decision.failures[where] = Failure(
                    *where, event.version, event.position, told(error)
                )
    return decision


def _ask(policy: Policy, stored: StoredEvent, item: Item, decision: Decision) -> None:
    if isinstance(item, Undecodable):
        raise item.error
    for key, wanted in policy.decided(item).items():
        before = decision.changes.get((policy.name, key))
        if wanted is None:
            decision.changes[policy.name, key] = stored.position
            continue
        planned = Planned(
            command_id(policy, item, key),
            *(policy.name, key, stored.stream_id, stored.version, stored.position),
            *(wanted.ordinal, wanted.due_at),
            only_later=wanted.only_later and _leaves_what_waits(before),
        )
        if not (wanted.only_later and _is_later(before, planned)):
            decision.changes[policy.name, key] = planned


def _leaves_what_waits(before: Planned | int | None) -> bool:
    """Whether nothing earlier in the batch has done away with what waited before it."""
    return before is None or (isinstance(before, Planned) and before.only_later)


def _is_later(before: Planned | int | None, planned: Planned) -> bool:
    """Whether what is planned already, in the same batch, is due after what is planned now."""
    if not isinstance(before, Planned) or before.due_at is None or planned.due_at is None:
        return False
    return before.due_at > planned.due_at


def command_id(policy: Policy, event: Event, key: str) -> UUID:
    """The id of the command that the event and the key give rise to."""
    return caller(event, LOCAL).command_id(policy.named(event, key))


def told(error: Exception) -> str:
    """What went wrong and where. Not the error's own words: they may quote personal data."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" at {_shown(f.filename)}:{f.lineno} in {f.name}" for f in last)
    return f"{type(error).__name__}{where}"


def _shown(path: str) -> str:
    found = Path(path)
    return str(found.relative_to(ROOT)) if found.is_relative_to(ROOT) else found.name
