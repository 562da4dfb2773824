"""Running an import: rows in, commands out, every row accounted for."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Literal
from uuid import UUID

from adapters.conveyor import Conveyor
from adapters.importing.plan import Draft, Plan
from adapters.importing.reasons import Reasons
from adapters.importing.references import References
from adapters.importing.report import Report
from adapters.importing.rows import Row
from adapters.importing.sources import Line, Source
from aggregates.errors import DomainError, Invalid
from commands.application import Application
from commands.ports import EventLog, Keys, StoredReceipt
from commands.requests import Caller, Request

OnDuplicate = Literal["refuse", "skip", "update"]
CHUNK = 500
"""Rows whose references and earlier imports are looked up in one go."""


class Import:
    """One run of a plan over a file."""

    def __init__(
        self,
        plan: Plan,
        application: Application,
        log: EventLog,
        keys: Keys,
        caller: Caller,
        on_duplicate: OnDuplicate = "refuse",
    ) -> None:
        self.plan, self.application, self.on_duplicate = plan, application, on_duplicate
        self.report = Report()
        self.references = References(log, keys)
        self.reasons = Reasons()
        self._log, self._keys, self.caller = log, keys, caller
        self.conveyor = Conveyor(application)
        self._postponed: list[Draft] = []

    def run(self, file: Source, progress: Callable[[Report], None] = lambda _: None) -> Report:
        """Import every row. Raises OutcomeUnknown or Overloaded where the store fails for long;
        what was done until then is done, and running it again does the rest."""
        rows = iter(file)
        while chunk := list(islice(rows, CHUNK)):
            self._take(self._drafts(chunk))
            progress(self.report)
        self.conveyor.finish()
        self._take_postponed()
        progress(self.report)
        return self.report

    def _drafts(self, lines: Iterable[Line]) -> list[Draft]:
        drafts = []
        for line in lines:
            self.report.read += 1
            if line.problem is not None:
                self.report.refuse(line, line.problem)
                continue
            if not self.plan.is_for(line):
                self.report.outcomes["skipped"] += 1
                continue
            try:
                drafts.append(self.plan.draft(line))
            except Invalid as error:
                self.refuse(line, error)
        return drafts

    def _take(self, drafts: list[Draft]) -> None:
        """Begin with these rows; those that name records still to come are put off."""
        self.references.find(r for draft in drafts for r in draft.references())
        ready = []
        for draft in drafts:
            if self._names_one_to_come(draft):
                self._postponed.append(draft)
            else:
                ready.append(draft)
        self._begin([row for draft in ready if (row := self._row(draft)) is not None])

    def _take_postponed(self) -> None:
        """Rows may name rows further down, and those others again: until no more can be found."""
        while drafts := self._postponed:
            self._postponed = []
            self._take(drafts)
            self.conveyor.finish()
            if len(self._postponed) == len(drafts):
                break
        for draft in self._postponed:
            self._row(draft)  # Refuses it, naming what was not found.

    def _names_one_to_come(self, draft: Draft) -> bool:
        missing = [r for r in draft.references() if self.references.get(r) is None]
        return any(r.kind == self.plan.kind.KIND for r in missing)

    def _row(self, draft: Draft) -> Row | None:
        try:
            begin: Request | UUID
            if draft.record is None:
                begin = self.plan.request(draft, self.references)
            else:
                begin = self.plan.record(draft, self.references)
            further = self.plan.further(draft, self.references)
            for one in further:  # Their codes are wrong before the record is entered, or never.
                self.application.preparation.directory.resolve(
                    one.request.command, self.caller, offline=False, fresh=False
                )
            return Row(self, draft, begin, further)
        except Invalid as error:
            self.refuse(draft.line, error)
            return None

    def _begin(self, rows: list[Row]) -> None:
        """Rows imported before are known by their command ids, looked up in one round trip."""
        ids = {id for row in rows for r in row.requests() if (id := r.command_id(self.caller))}
        known = self._log.receipts(list(ids))
        for row in rows:
            row.leave_out(lambda request: self._known(request, known) is not None)
            if isinstance(row.begin, UUID):
                row.tell_more(row.begin)
                continue
            stored = self._known(row.begin, known)
            if stored is None:
                self.conveyor.put(row.begin, self.caller, row.entered)
                continue
            fingerprint = self._keys.fingerprint(row.begin.body())
            row.exists(stored.stream_id, is_same=stored.fingerprint == fingerprint)

    def _known(self, request: Request, known: Mapping[UUID, StoredReceipt]) -> StoredReceipt | None:
        command_id = request.command_id(self.caller)
        return None if command_id is None else known.get(command_id)

    def refuse(self, line: Line, error: DomainError, before: str = "") -> None:
        """Account for a row as refused, ``before`` the reason what else there is to say."""
        self.report.refuse(line, before + self.reasons.of(error))

    def note(self, draft: Draft) -> None:
        """Report what a row that was taken refers to and is not there."""
        errors = tuple(self.plan.dangling(draft, self.references))
        if errors:
            self.report.dangling.append((draft.line, self.reasons.of(Invalid(*errors))))

    def began_at(self, id: UUID) -> datetime:
        """When the record came into being."""
        return self._log.stream(id, limit=1)[0].occurred_at

    def entered_by(self, request: Request) -> UUID | None:
        """The record that an earlier request with the same key entered."""
        command_id = request.command_id(self.caller)
        found = {} if command_id is None else self._log.receipts([command_id])
        return next((stored.stream_id for stored in found.values()), None)
