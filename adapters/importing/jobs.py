"""An import from its first check to its report, in earnest or as a rehearsal."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from adapters import registry
from adapters.importing import mapping
from adapters.importing.beside import (
    discard_notes,
    discard_refusals,
    write_notes,
    write_refusals,
)
from adapters.importing.crew import Crew, workers_for
from adapters.importing.detecting import Detected, Finding
from adapters.importing.mapping import BadMapping, Mapping, reported_columns
from adapters.importing.opening import source
from adapters.importing.parts import WholePlan
from adapters.importing.plan import Plan, creating
from adapters.importing.recording import Recorded, begun, described, recorded
from adapters.importing.rehearsal import Rehearsal
from adapters.importing.report import Report
from adapters.importing.running import Import, OnDuplicate
from adapters.importing.sources import FOUND_OUT, Choices, Line, Source
from adapters.importing.totals import without_totals
from adapters.importing.worker import REFERENCE_SECONDS, Task
from adapters.mapper import Mapper
from adapters.remarks import Remark, of_system
from adapters.seeds import LOCAL
from adapters.texts import LANGUAGES
from adapters.writing import writing
from commands.application import Application
from commands.importing import BeginImport
from commands.requests import IMPORT, Caller

if TYPE_CHECKING:
    from adapters.bootstrap import Backstory

IMPORTER = Caller(LOCAL, origin=IMPORT)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be imported, and how."""

    kind: str
    path: Path
    mapping: Path | Mapping | None = None
    """None: the columns are called like the fields that they fill."""
    on_duplicate: OnDuplicate = "refuse"
    is_rehearsal: bool = False
    """Give the verdicts, store nothing."""
    caller: Caller = IMPORTER
    choices: Choices = FOUND_OUT
    """What is said of the file; it outweighs what the mapping says."""
    name: str | None = None
    """What the file is called; None: like its path."""
    import_id: UUID | None = None
    """The import that was begun for it; None: it is begun when it runs."""
    language: str = LANGUAGES[-1]
    """Of the reasons in the file of refused rows."""
    workers: int | None = 1
    """Processes that enter rows; None: as many as its size deserves. Status histories and
    rehearsals take one."""
    is_apart: bool = False
    """Whether this process has others to serve, and leaves large files to further ones."""


@dataclass(frozen=True, slots=True)
class PreparedJob:
    """A job whose file and mapping were found to be readable and to fit each other."""

    job: Job
    file: Source
    plan: Plan
    mapping: Mapping
    detected: Detected
    """What the file was taken for."""


def prepare(job: Job, zone: ZoneInfo) -> PreparedJob:
    """Check the job; needs no database. Raises BadMapping or UnreadableFile."""
    registry.load()
    creating(job.kind)
    given = mapping.load(job.mapping) if isinstance(job.mapping, Path) else job.mapping
    if given is not None and given.kind != job.kind:
        called = str(job.mapping) if isinstance(job.mapping, Path) else Remark("mapping.it")
        raise BadMapping("mapping.other-kind", path=called, one=given.kind, other=job.kind)
    said = FOUND_OUT if given is None else given.choices
    file = source(job.path, job.choices.over(said))
    chosen = given or mapping.by_name(job.kind, file.header)
    finding = Finding(file)
    plan = WholePlan(chosen, file.header, zone, finding)
    return PreparedJob(job, file, plan, chosen, finding.detected())


def run(
    backstory: "Backstory",
    prepared: PreparedJob,
    progress: Callable[[Report], None] = lambda _: None,
) -> tuple[Report, Path | None]:
    """Import the file; answers the report, and where the refused rows are, if any were written:
    a rehearsal writes no file.

    Raises OutcomeUnknown or Overloaded where the store fails for long, and BeingReverted.
    """
    job, file = prepared.job, prepared.file
    if job.is_rehearsal:
        return _rehearsal(backstory, prepared).run(rows(file), progress), None
    id = job.import_id or begun(backstory, identified(prepared), job.caller)
    given = backstory.log, backstory.mapper, backstory.keyring, backstory.timezone
    with (
        recorded(backstory, id, job.caller) as record,
        writing(*given, REFERENCE_SECONDS) as application,
    ):
        return _in_earnest(backstory, application, prepared, record, progress)


def rows(file: Source) -> Iterable[Line]:
    """What a file has to say; sheets say at their end what it all comes to."""
    if file.form.kind == "vCard":
        return file
    return without_totals(file, reported_columns(file.header))


def identified(prepared: PreparedJob) -> BeginImport:
    """What the job's import is known by."""
    job = prepared.job
    return described(job.path, job.kind, prepared.mapping, job.name)


def importer(actor: UUID) -> Caller:
    """Somebody who imports. Idempotency keys are those of all imports: whoever imports a file again
    changes nothing."""
    return Caller(actor, origin=IMPORT, scope=LOCAL)


def _in_earnest(
    backstory: "Backstory",
    application: Application,
    prepared: PreparedJob,
    record: Recorded,
    progress: Callable[[Report], None],
) -> tuple[Report, Path | None]:
    importing = _import(backstory, application, prepared, record)
    file, entering = prepared.file, _crew(backstory, prepared, importing, record)
    refused = None
    try:
        entering.run(rows(file), record.watched(progress))
        record.finish(importing.report)
    finally:
        entering.settle()
        if importing.report.refusals:
            refused = _written(backstory, prepared, importing.report)
    if refused is None:
        discard_refusals(file.path)
    discard_notes(file.path)
    return importing.report, refused


def _written(backstory: "Backstory", prepared: PreparedJob, report: Report) -> Path | None:
    """None where the disk is full, say: what was entered is entered all the same."""
    try:
        return refusals(backstory, prepared, report)
    except OSError as error:
        report.unwritten = of_system(error)
        return None


def refusals(backstory: "Backstory", prepared: PreparedJob, report: Report) -> Path:
    """The file of the refused rows, written beside the file itself."""
    return _beside(write_refusals, backstory, prepared, report)


def notes(backstory: "Backstory", prepared: PreparedJob, report: Report) -> Path | None:
    """The file of the rows of which there is something else to say; None where it cannot be
    written: what was entered is entered all the same."""
    try:
        return _beside(write_notes, backstory, prepared, report)
    except OSError:
        return None


def _beside(
    write: Callable[..., Path], backstory: "Backstory", prepared: PreparedJob, report: Report
) -> Path:
    file = prepared.file
    return write(
        report,
        file.header,
        file.path,
        file.delimiter,
        told=partial(backstory.texts.told, language=prepared.job.language),
        is_marked=not file.form.is_utf8,
    )


def _import(
    backstory: "Backstory", application: Application, prepared: PreparedJob, record: Recorded
) -> Import:
    job, plan, keys = prepared.job, prepared.plan, backstory.keyring
    caller = replace(job.caller, correlation_id=record.id)
    how = job.on_duplicate, record.upto
    importing = Import(plan, application, backstory.log, keys, caller, *how)
    importing.report.import_id, importing.report.is_resumed = record.id, record.is_resumed
    return importing


def _crew(
    backstory: "Backstory", prepared: PreparedJob, importing: Import, record: Recorded
) -> Crew | Import:
    """Who enters the rows: several, where that is asked for and their order is nothing to keep."""
    job, plan = prepared.job, prepared.plan
    workers = job.workers or workers_for(job.path)
    if workers < 2 or plan.is_in_order:
        return importing
    if job.on_duplicate == "update":
        # What an update gives up, such as a name, its row does not say: the next may want it.
        if not job.is_apart:
            return importing
        workers = 1
    task = Task(
        backstory.url,
        backstory.keyring.master,
        backstory.timezone,
        prepared.mapping,
        prepared.file.header,
        prepared.detected,
        importing.caller,
        job.on_duplicate,
        record.id,
        record.upto,
    )
    return Crew(importing, task, workers, is_apart=job.is_apart)


def _rehearsal(backstory: "Backstory", prepared: PreparedJob) -> Import:
    job, plan, keys = prepared.job, prepared.plan, backstory.keyring
    rehearsal = Rehearsal(backstory.log)
    mapper = Mapper(rehearsal, keys)
    rehearsing = Application(rehearsal, mapper, keys, backstory.timezone)
    return Import(plan, rehearsing, rehearsal, keys, job.caller, job.on_duplicate)
