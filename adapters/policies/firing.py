"""Firing: requests whose moment has come are made from their events anew, and dispatched."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from adapters.policies.deciding import told
from adapters.policies.requests import Made, Outcome, Planned, Postponed, Settled
from adapters.postgres.views.decoding import EventReader, is_passing
from adapters.seeds import LOCAL
from aggregates.errors import DomainError, Invalid
from commands.application import Application
from commands.policies import Policy, caller
from commands.ports import EventLog, OutcomeUnknown, Overloaded
from commands.requests import IdempotencyKeyReused

THREADS = 4
"""Requests of different streams are made side by side: they are then stored together."""
LONGEST_PAUSE = timedelta(minutes=1)
FAILED, NOT_WANTED = "policy-failed", "no-longer-wanted"
_PUBLIC = ("existing_id", "into_id", "kind", "id", "current_version")
"""Details of refusals that are ids or numbers; others may quote the request, and are not kept."""


class Firing:
    """Makes requests of policies. Calls block."""

    def __init__(
        self,
        application: Application,
        log: EventLog,
        reader: EventReader,
        policies: Mapping[str, Policy],
        now: Callable[[], datetime],
    ) -> None:
        self._application, self._log, self._reader = application, log, reader
        self._policies, self._now = policies, now
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="backstory-policies")

    def close(self) -> None:
        self._threads.shutdown()

    def fire(self, planned: Sequence[Planned]) -> dict[UUID, Outcome]:
        """What came of each; those that one stream gave rise to are made in their order."""
        by_stream = sorted(planned, key=lambda p: p.stream_id)
        streams = [list(of) for _, of in groupby(by_stream, lambda p: p.stream_id)]
        found: dict[UUID, Outcome] = {}
        for outcomes in self._threads.map(self._fire_in_order, streams):
            found |= outcomes
        return found

    def _fire_in_order(self, planned: Sequence[Planned]) -> dict[UUID, Outcome]:
        return {one.id: self._fire(one) for one in planned}

    def _fire(self, planned: Planned) -> Outcome:
        try:
            return self._made(planned)
        except IdempotencyKeyReused:
            return Made()  # by another release, which worded it otherwise
        except DomainError as refusal:
            return Settled("refused", problem(refusal))
        except Exception as error:
            if is_passing(error) or isinstance(error, (OutcomeUnknown, Overloaded)):
                return self._postponed(planned, error)
            return Settled("refused", {"code": FAILED, "error": told(error)})

    def _made(self, planned: Planned) -> Outcome:
        policy = self._policies[planned.policy]
        stored = self._log.stream(planned.stream_id, after=planned.version - 1, limit=1)
        if not stored:
            return Settled("dropped", {"code": NOT_WANTED, "error": "its event is not in the log"})
        [event] = self._reader.read_all(stored)
        wanted = policy.decided(event).get(planned.key)
        if wanted is None:
            said = "the policy does not ask for it any more"
            return Settled("dropped", {"code": NOT_WANTED, "error": said})
        request = policy.request(event, planned.key, wanted)
        self._application.dispatch(request, caller(event, LOCAL))
        return Made()

    def _postponed(self, planned: Planned, error: Exception) -> Postponed:
        seconds = 0.5 * 2 ** min(planned.attempts, 10)
        pause = min(timedelta(seconds=seconds), LONGEST_PAUSE)
        return Postponed(self._now() + pause, {"code": "overloaded", "error": told(error)})


def problem(refusal: DomainError) -> dict[str, Any]:
    """A refusal as it is kept: its name, ids, and which fields are wrong and why."""
    kept: dict[str, Any] = {"code": refusal.code}
    kept |= {n: v for n, v in refusal.details.items() if n in _PUBLIC}
    if isinstance(refusal, Invalid):
        kept["errors"] = [{"field": e.field, "message": e.message} for e in refusal.errors]
    return kept
