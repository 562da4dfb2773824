"""Progress: what `backstory status` says of the projections."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import psycopg

from adapters.postgres.views.parked import Parked, parked

_STATUS = """
    SELECT t.projection, t.position, t.since,
        greatest(h.position - t.position, 0),
        (SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)
         FROM backstory.events e WHERE e.position > t.position ORDER BY e.position LIMIT 1),
        (SELECT count(*) FROM backstory.parked p WHERE p.projection = t.projection)
    FROM backstory.tracking t, backstory.head h ORDER BY t.projection
"""


@dataclass(frozen=True, slots=True)
class ProjectionStatus:
    """How far one projection is."""

    name: str
    position: int
    lag_events: int
    """Positions between it and the published head: at least as many as there are events."""
    lag_seconds: float
    """Age of the oldest event it has not read; 0.0 where there is none."""
    parked: int
    """Streams it has left aside."""


@dataclass(frozen=True, slots=True)
class RebuildStatus:
    """Tables of a projection beside those that are read."""

    name: str
    state: str
    """``building`` (not yet read by anybody) or ``kept`` (for a rollback)."""
    position: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """Where the log ends and where everything that reads it stands."""

    head: int
    head_at: datetime
    projections: tuple[ProjectionStatus, ...]
    parked: tuple[Parked, ...]
    rebuilds: tuple[RebuildStatus, ...]


def status(connection: psycopg.Connection, names: Iterable[str]) -> Status:
    """Of the projections of these names, and of their rebuilds."""
    wanted = set(names)
    row = connection.execute("SELECT position, at FROM backstory.head").fetchone()
    assert row is not None
    projections, rebuilds = [], []
    for key, position, since, events, seconds, count in connection.execute(_STATUS):
        name, _, place = key.partition("@")
        if name not in wanted:
            continue
        if place:
            state = "building" if place == "next" else "kept"
            rebuilds.append(RebuildStatus(name, state, position, since))
        else:
            lag = max(0.0, float(seconds or 0))
            projections.append(ProjectionStatus(name, position, events, lag, count))
    left = tuple(p for p in parked(connection) if p.projection in wanted)
    return Status(row[0], row[1], tuple(projections), left, tuple(rebuilds))
