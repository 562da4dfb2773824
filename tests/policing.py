"""A write side with policies, and a clock that a test drives; runners go step by step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from adapters.policies import tracking
from adapters.policies.listing import Listed, PolicyStatus, listed, status
from adapters.policies.runner import Lead, PolicyRunner
from adapters.postgres.views.leading import connect
from commands.policies import POLICIES, Policy
from tests.adapters.leading import take_lead
from tests.write_side import WriteSide, write_side_on


@dataclass
class Clock:
    """By which requests are due."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


class Policed:
    """One process's write side, and runners of policies beside it."""

    def __init__(self, url: str, side: WriteSide, clock: Clock) -> None:
        self.url, self.side, self.clock = url, side, clock
        self.connection = psycopg.connect(url, autocommit=True)

    def begin(self, policies: Mapping[str, Policy] = POLICIES) -> None:
        """Let policies that are new begin now, at the end of the log."""
        self.published()
        tracking.begin(self.connection, policies)

    def published(self) -> int:
        """Wait until the log can be read to its end, and answer where that is."""
        [(last,)] = self.connection.execute("SELECT max(position) FROM backstory.events")
        assert self.side.log.wait_for_head(last - 1, 30) is not None
        return int(last)

    def runner(self, policies: Mapping[str, Policy] = POLICIES, **options: Any) -> PolicyRunner:
        side = self.side
        given = {"policies": policies, "now": self.clock, **options}
        return PolicyRunner(self.url, side.log, side.mapper, side.application, **given)

    def settle(self, policies: Mapping[str, Policy] = POLICIES, **options: Any) -> None:
        """Lead with a new session until the log is read, what followed from it as well, and what is
        due by now is made."""
        runner = self.runner(policies, **options)
        with connect(self.url) as connection:
            lead = take_lead(runner, connection)
            end, before = self.published(), 0
            while end != before:
                run(runner, lead)
                end, before = self.published(), end
        runner.stop()

    def listed(self, state: str) -> list[Listed]:
        return listed(self.connection, state, 1_000)

    def status(self) -> dict[str, PolicyStatus]:
        return {one.name: one for one in status(self.connection)}


def run(runner: PolicyRunner, lead: Lead, steps: int = 1_000) -> None:
    """Step until nothing is left to do now."""
    while runner.step(lead):
        steps -= 1
        assert steps, "policies find no end"


def named(*policies: Policy) -> dict[str, Policy]:
    return {policy.name: policy for policy in policies}


@contextmanager
def policed(url: str, clock: Clock | None = None) -> Iterator[Policed]:
    """On a database with the schema; the default dictionaries are entered."""
    clock = clock or Clock()
    with write_side_on(url, now=clock) as side:
        world = Policed(url, side, clock)
        world.begin()
        try:
            yield world
        finally:
            world.connection.close()
