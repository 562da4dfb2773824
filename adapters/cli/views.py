"""``backstory status``, ``rebuild`` and ``parked``."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import psycopg
import typer

from adapters.bootstrap import Backstory
from adapters.cli.failures import REFUSED, Failure
from adapters.cli.opening import Data, opened
from adapters.cli.policies import status_lines
from adapters.postgres.pairing.tables import NAME as PAIRS
from adapters.postgres.views import parking
from adapters.postgres.views.parked import Parked
from adapters.postgres.views.progress import Status
from adapters.postgres.views.projector import Projector
from adapters.postgres.views.rebuild import NothingToRollBackTo, RebuildRunning
from adapters.postgres.views.tables import View
from projections.base import Projection


def register(app: typer.Typer) -> None:
    app.command("status")(status)
    app.command("rebuild")(rebuild)
    app.command("parked")(parked)


def status(data: Data = None) -> None:
    """Say where the log ends and where every view and policy stands; exit code 1 where streams are
    parked or requests of policies came to nothing."""
    with opened(data, existing=True) as backstory:
        found, policies = backstory.status(), backstory.policy_status()
        files = _files(backstory)
    print("\n".join([*_status(found), *status_lines(policies), files]))
    if found.parked or any(p.parked or p.refused for p in policies):
        raise typer.Exit(REFUSED)


def rebuild(
    projections: Annotated[
        list[str] | None, typer.Argument(help="Views to rebuild; none means all.")
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Put the tables of before the last rebuild back.")
    ] = False,
    data: Data = None,
) -> None:
    """Fold views anew beside those that are read, then put them in place."""
    with opened(data, existing=True) as backstory:
        try:
            done = backstory.rebuild(_known(projections or ()), rollback=rollback)
        except (RebuildRunning, NothingToRollBackTo) as error:
            raise Failure(str(error), REFUSED) from error
    for one in done:
        did = "rolled back" if rollback else "rebuilt"
        print(f"{one.projection} {did} at position {one.position:,} in {one.seconds:.1f} s")


def parked(
    retry: Annotated[
        UUID | None, typer.Option(metavar="STREAM", help="Fold this stream again.")
    ] = None,
    skip: Annotated[
        UUID | None,
        typer.Option(metavar="STREAM", help="Leave the failing event out and go on with the rest."),
    ] = None,
    data: Data = None,
) -> None:
    """List streams that could not be folded, with the error; try one again, or skip its event."""
    if retry is not None and skip is not None:
        raise Failure("give --retry or --skip, not both")
    with opened(data, existing=True) as backstory:
        if retry is not None or skip is not None:
            _help_past(backstory, retry, skip)
        found = backstory.status().parked
    print("\n".join(_parked(found)) or "no stream is parked")
    if found:
        raise typer.Exit(REFUSED)


def _known(names: Iterable[str]) -> list[str]:
    """Names of views, as they are or with hyphens."""
    tables = [name.replace("-", "_") for name in names]
    views = {*Projection.registry, PAIRS}
    unknown = [name for name in tables if name not in views]
    if unknown:
        known = ", ".join(sorted(views))
        raise Failure(f"there is no view {', '.join(unknown)}; there are: {known}")
    return tables


def _help_past(backstory: Backstory, retry: UUID | None, skip: UUID | None) -> None:
    stream_id = retry or skip
    assert stream_id is not None
    at = [p.projection for p in backstory.status().parked if p.stream_id == stream_id]
    if not at:
        raise Failure(f"no view has parked {stream_id}", REFUSED)
    act = parking.retry if skip is None else parking.skip
    projector = Projector(backstory.log, backstory.mapper)
    with psycopg.connect(backstory.url, autocommit=True) as connection:
        for name in at:
            act(connection, projector, View(Projection.registry[name]), stream_id)


def _status(found: Status) -> Iterable[str]:
    yield f"log    position {found.head:,}, published {_instant(found.head_at)}"
    width = max((len(p.name) for p in found.projections), default=0)
    for view in found.projections:
        lag = f"{view.lag_events:,} events, {view.lag_seconds:.1f} s behind"
        state = "up to date" if view.lag_events == 0 else lag
        aside = f", {view.parked:,} streams parked" if view.parked else ""
        yield f"view   {view.name:{width}}  position {view.position:,}, {state}{aside}"
    for one in found.rebuilds:
        where = f"position {one.position:,}, since {_instant(one.since)}"
        yield f"tables {one.name}: {one.state}, {where}"
    yield from _parked(found.parked)


def _files(backstory: Backstory) -> str:
    """Who looks at files, as far as the settings of this process say."""
    clamd = backstory.settings.clamd
    if clamd is None:
        return "files  not scanned for viruses: BACKSTORY_CLAMD names no clamd"
    return f"files  scanned for viruses by the clamd at {clamd}"


def _parked(found: Iterable[Parked]) -> Iterable[str]:
    for one in found:
        yield (
            f"parked {one.stream_id} by {one.projection} at position {one.position:,}"
            f" since {_instant(one.since)}, {one.waiting:,} events waiting: {one.error}"
        )


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
