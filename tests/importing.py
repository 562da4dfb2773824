"""What tests of imports, demo and command line share: a whole process, and files to give it."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from adapters.bootstrap import Backstory
from adapters.importing.jobs import Job, prepare, run
from adapters.importing.report import Report
from adapters.settings import Settings
from aggregates.events import Event
from projections.base import Projection, Row

SECRET = "5e" * 32


@contextmanager
def opened(url: str, **settings: Any) -> Iterator[Backstory]:
    """A whole process on a test's database; requests need no key."""
    given = {"database_url": url, "secret": SECRET, "auth": "off", **settings}
    with Backstory(Settings(**given)) as backstory:
        yield backstory


def imported(backstory: Backstory, *arguments: Any, **options: Any) -> Report:
    """The report of an import."""
    report, _ = run(backstory, prepare(Job(*arguments, **options), backstory.timezone))
    return report


def counts(report: Report) -> tuple[int, int, int, int]:
    """Created, updated, skipped, refused."""
    assert report.read == report.outcomes.total(), "the report adds up"
    done = report.outcomes
    return done["created"], done["updated"], done["skipped"], done["refused"]


def last(backstory: Backstory, *, with_imports: bool = False) -> int:
    """Position of the last event, published or not yet; what imports say of themselves aside."""
    one = "SELECT max(position) FROM backstory.events WHERE kind <> 'Import' OR %s"
    with backstory.pool.connection() as connection:
        found = connection.execute(one, (with_imports,)).fetchone()
    assert found is not None
    return int(found[0] or 0)


def events(backstory: Backstory, after: int = 0) -> list[Event]:
    """Everything in the log behind a position, in order; what imports say of themselves aside."""
    upto = last(backstory, with_imports=True)
    backstory.log.wait_for_head(upto - 1, 10)
    assert backstory.log.head().position >= upto
    found = [e for batch in backstory.log.scan(after) for e in backstory.mapper.read_all(batch)]
    return [event for event in found if not event.TOPIC.startswith("Import.")]


def rows(backstory: Backstory, table: str) -> dict[Any, Any]:
    """The rows of a view, folded here and now from the log."""
    projection: Projection[Any] = Projection.registry[table]
    folded: dict[UUID, Row | None] = {}
    for event in events(backstory):
        if event.TOPIC in projection.topics:
            id = event.envelope.stream_id
            folded[id] = projection.fold(folded.get(id), event)
    return {id: row for id, row in folded.items() if row is not None}


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def read_csv(path: Path) -> list[Mapping[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
