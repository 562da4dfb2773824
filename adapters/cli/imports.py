"""``backstory import``."""

import sys
from pathlib import Path
from time import monotonic
from typing import Annotated
from uuid import UUID

import typer

from adapters import registry
from adapters.cli import speaking
from adapters.cli.failures import REFUSED, UNAVAILABLE, Failure
from adapters.cli.files import Delimiter, Encoding, Sheet, choices
from adapters.cli.mappings import suggested
from adapters.cli.opening import Data, opened, settings, where
from adapters.cli.signals import goes_on_later
from adapters.cli.speaking import Language, say, told
from adapters.importing import reverting
from adapters.importing.jobs import IMPORTER, Job, notes, prepare, run
from adapters.importing.keeping import Keeping, names
from adapters.importing.mapping import Mapping
from adapters.importing.opening import source
from adapters.importing.outcome import outcome, progressing
from adapters.importing.report import Report
from adapters.importing.running import OnDuplicate
from adapters.importing.showing import lines
from adapters.importing.sources import Choices, Source
from adapters.importing.suggesting import is_plain
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.remarks import Remark
from adapters.seeds import LOCAL
from commands.importing import RevertImport
from commands.requests import Request

LISTED = 20
"""Rows that are printed: refused ones in a dry run, and those taken without something."""


def register(app: typer.Typer) -> None:
    app.command("import")(import_file)


def import_file(
    kind: Annotated[
        str | None, typer.Argument(help="What the rows are: customers, opportunities, …")
    ] = None,
    file: Annotated[
        Path | None, typer.Argument(help="CSV in any encoding, XLSX, or vCards.")
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="Which column fills which field (TOML); without it, as suggested."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Give the verdicts and store nothing.")
    ] = False,
    on_duplicate: Annotated[
        OnDuplicate, typer.Option(help="What to do with rows whose record exists and differs.")
    ] = "refuse",
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    sheet: Sheet = None,
    language: Language = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes that enter rows; as many as processors if it is large."
        ),
    ] = None,
    revert: Annotated[
        UUID | None, typer.Option(help="Instead: take back what the import of this id did.")
    ] = None,
    data: Data = None,
) -> None:
    """Enter the rows of a file by commands, and say first what the file was taken for.

    Safe to run again: rows imported before are skipped. Refused rows are written to
    FILE.refused.csv with line and reason (a dry run prints them); then the exit code is 1.
    """
    if revert is not None:
        _take_back(data, revert)
        return
    if kind is None or file is None:
        raise Failure(Remark("command.what"))
    said = choices(encoding, delimiter, sheet)
    chosen = mapping or _suggested(kind, file, said, data)
    job = Job(
        kind,
        file,
        chosen,
        on_duplicate,
        dry_run,
        choices=said,
        language=speaking.language(),
        workers=workers,
    )
    prepared = prepare(job, settings(data).zone)
    say(prepared.detected.lines())
    if not dry_run:
        say([Remark("report.into", where=where(data))])
    with goes_on_later(), opened(data) as backstory:
        report, refused = run(backstory, prepared, Progress(prepared.file))
        noted = notes(backstory, prepared, report) if _is_long(report) and not dry_run else None
    say(outcome(report, refused, noted, dry_run=dry_run, most=LISTED))
    if report.refusals:
        raise typer.Exit(REFUSED)


def _is_long(report: Report) -> bool:
    """Whether there is something to say of more rows than are printed."""
    return max(map(len, (report.dangling, report.suspicious, report.overwritten))) > LISTED


def _suggested(kind: str, path: Path, said: Choices, data: Path | None) -> Mapping | None:
    """The mapping that a file speaks for where nobody gave one; none is needed where its columns
    are called like fields. Raises Failure where a person has to decide something."""
    registry.load()
    if is_plain(kind, source(path, said).header):
        return None
    suggestion = suggested(kind, path, data, said)
    say([*lines(suggestion), ""])
    if suggestion.to_decide:
        raise Failure(Remark("command.undecided", arguments=kind, path=str(path)))
    return suggestion.mapping


def _take_back(data: Path | None, id: UUID) -> None:
    """Revert an import and say what came of it; whoever serves may have done it meanwhile."""
    with goes_on_later(), opened(data, existing=True) as backstory, backstory.runner:
        backstory.application.dispatch(Request(RevertImport(), id), IMPORTER)
        came = reverting.revert(backstory, id)
        shown = () if came is None else came.kept_records[:LISTED]
        known = names(RowReader(backstory.pool, backstory.timezone), Scope(LOCAL), shown)
    if came is None:
        raise Failure(Remark("revert.runs", id=str(id)), UNAVAILABLE)
    counts = {name: f"{getattr(came, name):,}" for name in ("withdrawn", "taken_back", "kept")}
    say([Remark("revert.sum", **counts)])
    keeping = Keeping(speaking.texts(), speaking.language(), known)
    for one in shown:
        print(keeping.line(one))
    if came.kept > LISTED:
        say([Remark("revert.more", more=f"{came.kept - LISTED:,}", id=str(id))])
    if came.kept:
        raise typer.Exit(REFUSED)


class Progress:
    """A line on stderr: rewritten in a terminal, else a new one now and then."""

    def __init__(self, file: Source, pause: float | None = None) -> None:
        self._file = file
        self._is_terminal = sys.stderr.isatty()
        usual = 0.2 if self._is_terminal else 10.0
        self._pause = usual if pause is None else pause
        self._told_at = monotonic()

    def __call__(self, report: Report) -> None:
        if monotonic() - self._told_at < self._pause:
            return
        self._told_at = monotonic()
        line = told(progressing(report, self._file.share))
        if self._is_terminal:  # What was longer there before goes.
            print(f"\r{line}\x1b[K", file=sys.stderr, end="\r", flush=True)
        else:
            print(line, file=sys.stderr, flush=True)
