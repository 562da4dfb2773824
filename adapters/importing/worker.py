"""A worker: a process that enters rows of a file which another process reads."""

import signal
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from adapters import registry
from adapters.importing.detecting import Detected
from adapters.importing.drafts import Rows
from adapters.importing.mapping import Mapping
from adapters.importing.parts import WholePlan
from adapters.importing.recording import running
from adapters.importing.report import Report
from adapters.importing.rows import Batch
from adapters.importing.running import Import, OnDuplicate
from adapters.importing.sources import Line
from adapters.keys import Keyring
from adapters.mapper import Mapper
from adapters.postgres.log.store import PostgresLog
from adapters.processes import collect_seldom, end_with_parent
from adapters.writing import writing
from commands.requests import Caller

REFERENCE_SECONDS = 5.0
"""How old what is known of a record may be that a row names; it is looked up for many rows at
once."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker has to know; can be sent to another process."""

    url: str
    master: bytes
    zone: ZoneInfo
    mapping: Mapping
    header: list[str]
    detected: Detected
    caller: Caller
    on_duplicate: OnDuplicate
    import_id: UUID
    upto: int
    """The last position of earlier runs of the import."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of rows since the last answer."""

    report: Report
    done: int
    """How many batches, the oldest of those that were given, are done by now."""
    later: list[Line]
    """Rows of these that name others which are not there yet; the report leaves them out."""


_working: list[Import] = []
_begun: deque[Batch] = deque()
_open = ExitStack()
"""For as long as the process lives."""


def begin(task: Task) -> None:
    """In the worker, once: be ready for rows. An interrupt is for the parent to act upon."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    registry.load()
    collect_seldom()
    _open.enter_context(running(task.url, task.import_id))
    log = _open.enter_context(PostgresLog(task.url, connections=1))
    keys = Keyring(task.master)
    codec = Mapper(log, keys)
    given = log, codec, keys, task.zone, REFERENCE_SECONDS
    application = _open.enter_context(writing(*given))
    plan = WholePlan(task.mapping, task.header, task.zone, task.detected)
    how = task.on_duplicate, task.upto
    _working.append(Import(plan, application, log, keys, task.caller, *how))


def take(rows: Rows) -> Taken:
    """In the worker: begin with these rows, and wait until those given before are entered. Raises
    OutcomeUnknown or Overloaded."""
    [work] = _working
    _begun.append(work.enter(rows))
    return _landed(work, len(_begun) - 1)


def finish() -> Taken:
    """In the worker: wait until all rows are entered. Raises OutcomeUnknown or Overloaded."""
    [work] = _working
    return _landed(work, len(_begun))


def _landed(work: Import, count: int) -> Taken:
    """When the oldest batches are done, so many."""
    later: list[Line] = []
    for _ in range(count):
        batch = _begun.popleft()
        work.land(batch)
        later += batch.later
    report, work.report = work.report, Report()
    return Taken(report, count, later)
