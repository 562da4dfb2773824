"""A corpus of stored events, and what they fold to: ``python -m tests.every.golden`` refreshes it.

A fold that gives another state or row needs a new revision, or snapshots and tables made by the
old one would be taken for good. So what is expected is only written anew where the revision has
been raised; new cases are added to the files by hand, without ``state`` and ``rows``.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python

from adapters import registry
from aggregates.base import Aggregate
from aggregates.events import Envelope, Event
from projections.base import Projection, Row

FOLDER = Path(__file__).parents[1] / "golden"
STREAM = UUID("01890000-0000-7000-8000-000000000001")
FIRST = datetime(2026, 3, 1, 1, tzinfo=UTC)


def stored(event: dict[str, Any], version: int, kind: type[Aggregate]) -> Event:
    """The event as it is read, one day after the one before."""
    at = FIRST + timedelta(days=version - 1)
    revived = kind.EVENTS[event["topic"]].revived(event["payload"], event["schema_version"])
    return revived.stored_as(
        Envelope(
            *(STREAM, version, 10 * version, at, at, STREAM, None, "api", None),
            *(STREAM, STREAM, None, None),
        )
    )


def folded(kind: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    """The aggregate's state and its rows after the events, as JSON."""
    registry.load()
    of = Aggregate.registry[kind]
    typed = [stored(event, version, of) for version, event in enumerate(events, start=1)]
    rows = {}
    for projection in _projections(of):
        row = None
        for event in typed:
            row = projection.fold(row, event)
        rows[projection.table] = None if row is None else to_jsonable_python(_shown(row))
    return {"state": to_jsonable_python(of.replay(STREAM, typed).state()), "rows": rows}


def _shown(row: Row) -> dict[str, Any]:
    """What nobody sees has a format of its own: ``projections.searching.lines.FORMAT``."""
    return {name: getattr(row, name) for name in row.fields}


def revisions(kind: str) -> dict[str, int]:
    """Revision of the aggregate, and of every projection of it."""
    registry.load()
    of = Aggregate.registry[kind]
    return {kind: of.REVISION, **{p.table: p.revision for p in _projections(of)}}


def _projections(of: type[Aggregate]) -> list[Projection[Any]]:
    return [p for p in Projection.registry.values() if of in p.aggregates and not p.is_of_parts]


def refreshed(corpus: dict[str, Any]) -> dict[str, Any]:
    """The corpus with what today's revisions expect. ValueError where one was not raised."""
    known, now = corpus["revisions"], revisions(corpus["kind"])
    cases = []
    for case in corpus["cases"]:
        after = folded(corpus["kind"], case["events"])
        pairs = {corpus["kind"]: (case.get("state"), after["state"])}
        pairs |= {t: (case.get("rows", {}).get(t), row) for t, row in after["rows"].items()}
        for name, (before, expected) in pairs.items():
            if "state" in case and before != expected and known.get(name) == now[name]:
                raise ValueError(f"{name} folds otherwise now: raise its revision")
        cases.append({**case, **after})
    return {**corpus, "revisions": now, "cases": cases}


def main() -> int:
    for file in sorted(FOLDER.glob("*.json")):
        try:
            corpus = refreshed(json.loads(file.read_text("utf-8")))
        except ValueError as refusal:
            print(f"{file.name}: {refusal}")
            return 1
        file.write_text(json.dumps(corpus, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
