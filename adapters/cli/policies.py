"""``backstory policies``: the requests of policies, and what an operator does with them."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

import psycopg
import typer

from adapters.bootstrap import Backstory
from adapters.cli.failures import REFUSED, Failure
from adapters.cli.opening import Data, opened
from adapters.policies import parking, requests, tracking
from adapters.policies.listing import STATES, Listed, PolicyStatus, listed
from commands.policies import POLICIES

SHOWN = 100


def register(app: typer.Typer) -> None:
    app.command("policies")(policies)


def policies(
    state: Annotated[
        str | None, typer.Option(metavar="|".join(STATES), help="List only these.")
    ] = None,
    retry: Annotated[
        UUID | None, typer.Option(metavar="ID", help="Make it again, or show a parked stream anew.")
    ] = None,
    skip: Annotated[
        UUID | None,
        typer.Option(metavar="ID", help="Take a request off the list, or a parked event out."),
    ] = None,
    from_now: Annotated[
        bool,
        typer.Option("--from-now", help="After a restored copy: go on at the end of the log."),
    ] = False,
    data: Data = None,
) -> None:
    """List requests of policies that wait, were refused or dropped, and streams that are parked."""
    if sum((retry is not None, skip is not None, from_now)) > 1:
        raise Failure("give one of --retry, --skip and --from-now")
    if state not in (None, *STATES):
        raise Failure(f"there is no state {state!r}; there are: {', '.join(STATES)}")
    with (
        opened(data, existing=True) as backstory,
        psycopg.connect(backstory.url, autocommit=True) as connection,
    ):
        if from_now:
            tracking.begin_anew(connection)
        if retry is not None or skip is not None:
            _help_past(backstory, connection, retry, skip)
        found = [(s, listed(connection, s, SHOWN)) for s in STATES if state in (None, s)]
    print("\n".join(line for s, of in found for line in _shown(s, of)) or "nothing is open")


def _help_past(
    backstory: Backstory, connection: psycopg.Connection, again: UUID | None, out: UUID | None
) -> None:
    id = again or out
    assert id is not None
    parked = parking.find(connection, id)
    if parked is None:
        done = requests.forget(connection, id) if again is None else requests.retry(connection, id)
        if not done:
            raise Failure(f"{id} is nothing that was refused, dropped or parked", REFUSED)
        return
    if parked.policy not in POLICIES:
        raise Failure(f"this release knows no policy {parked.policy}", REFUSED)
    policy, log, reader = POLICIES[parked.policy], backstory.log, backstory.mapper
    parking.retry(connection, log, reader, policy, parked, skip=again is None)


def _shown(state: str, found: Iterable[Listed]) -> Iterable[str]:
    shown = list(found)
    for one in shown:
        key = "" if one.key is None else f" {one.key}"
        due = "" if one.due_at is None else f", due {one.due_at.isoformat(timespec='seconds')}"
        said = "" if one.problem is None else f": {_problem(one.problem)}"
        tried = f", tried {one.attempts} times" if one.attempts else ""
        yield f"{state} {one.id} {one.policy}{key}, because of {one.event_id}{due}{tried}{said}"
    if len(shown) == SHOWN:
        yield f"{state}: only the oldest {SHOWN} are shown"


def _problem(problem: dict[str, object]) -> str:
    rest = ", ".join(f"{n} {v}" for n, v in problem.items() if n != "code")
    return f"{problem.get('code')}{f' ({rest})' if rest else ''}"


def status_lines(found: Iterable[PolicyStatus]) -> Iterable[str]:
    """What `backstory status` says of policies."""
    policies = list(found)
    width = max((len(p.name) for p in policies), default=0)
    for one in policies:
        lag = f"{one.lag_events:,} events, {one.lag_seconds:.1f} s behind"
        at = "up to date" if one.lag_events == 0 else lag
        open = (("waiting", one.waiting), ("refused", one.refused), ("dropped", one.dropped))
        aside = "".join(f", {count:,} {state}" for state, count in open if count)
        parked = f", {one.parked:,} streams parked" if one.parked else ""
        yield f"policy {one.name:{width}}  position {one.position:,}, {at}{aside}{parked}"
