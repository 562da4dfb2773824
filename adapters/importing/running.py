"""Running an import: rows in, commands out, every row accounted for."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Literal
from uuid import UUID

from adapters.importing.again import Renewing, RenewingConveyor
from adapters.importing.calling import called
from adapters.importing.claims import Claim, claims
from adapters.importing.drafts import ON_BEHALF_OF, Draft, Rows
from adapters.importing.existing import first_contact
from adapters.importing.lanes import MOST_WAITING, Lanes
from adapters.importing.making import Making
from adapters.importing.plan import Plan
from adapters.importing.reasons import Reasons
from adapters.importing.references import Reference, References, external, reserved
from adapters.importing.report import Outcome, Report
from adapters.importing.resuming import Earlier
from adapters.importing.rows import Batch, Row
from adapters.importing.sources import Line
from adapters.remarks import Remark, about, several
from aggregates.customer import Customer
from aggregates.errors import DomainError, FieldError, Invalid, NotFound
from aggregates.user import User
from commands.application import Application
from commands.ports import EventLog, Keys, StoredReceipt
from commands.requests import Caller, Request

OnDuplicate = Literal["refuse", "skip", "update"]
OUT_OF_TIME = Remark("rows.out-of-time")
CHUNK = 1_000
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
        upto: int = 0,
    ) -> None:
        """``upto``: the last position of earlier runs of the same import, if there were any."""
        self.plan, self.application, self.on_duplicate = plan, application, on_duplicate
        self.report = Report()
        self.references = References(log, keys, application)
        self.reasons = Reasons(plan)
        self._log, self._keys, self.caller = log, keys, caller
        self.earlier = Earlier(caller, upto)
        self._renewing = Renewing(log, caller, self.earlier)
        self.conveyor = RenewingConveyor(application, self._renewing)
        self.making = Making(self)
        self.lanes = Lanes()
        self.batch = Batch()
        """The rows that are being begun."""
        self._postponed: list[Draft] = []
        self._postponed_claims: set[Claim] = set()
        """Of these: who has one in common keeps its place behind them."""
        self._latest: dict[str, datetime] = {}
        self._users: set[UUID] = set()

    def run(
        self, file: Iterable[Line], progress: Callable[[Report], None] = lambda _: None
    ) -> Report:
        """Import every row. Raises OutcomeUnknown or Overloaded where the store fails for long;
        what was done until then is done, and running it again does the rest."""
        self._postponed_claims.clear()
        rows = iter(file)
        while chunk := list(islice(rows, CHUNK)):
            self._take(self._drafts(chunk))
            if self.lanes.waiting > MOST_WAITING:
                self.conveyor.finish()
            progress(self.report)
        self.conveyor.finish()
        self._take_postponed()
        progress(self.report)
        return self.report

    def enter(self, rows: Rows) -> Batch:
        """Begin with these rows, those that were drafted already as they are."""
        self.batch = Batch()
        drafts: list[Draft] = []
        for row in rows:
            if isinstance(row, Draft):
                self.report.read += 1
                drafts.append(row)
            else:
                drafts += self._drafts([row])
        self._take(drafts)
        self.batch.later = [draft.line for draft in self._postponed]
        self.report.read -= len(self.batch.later)
        self._postponed = []
        return self.batch

    def land(self, batch: Batch) -> None:
        """Wait until every row of the batch is accounted for, but those for later."""
        while batch.left:
            self.conveyor.land()

    def settle(self) -> None:
        """Wait for what is on its way, and tell nobody: for whoever gives up."""
        self.conveyor.settle()

    def _drafts(self, lines: Iterable[Line]) -> list[Draft]:
        """What the rows say; those that cannot be read are refused."""
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
                drafts.append(self._in_time(self.plan.draft(line)))
            except Invalid as error:
                self.refuse(line, error, lane=self.plan.lane(line))
        return drafts

    def _in_time(self, draft: Draft) -> Draft:
        """The draft, suspicious where a history goes back in time."""
        at, lane = draft.occurred_at, draft.lane
        if not self.plan.is_in_order or at is None or lane is None:
            return draft
        before = self._latest.get(lane, at)
        self._latest[lane] = max(at, before)
        if before <= at:
            return draft
        return draft._replace(suspicious=(*draft.suspicious, OUT_OF_TIME))

    def _take(self, drafts: list[Draft]) -> None:
        """Begin with these rows; those that name records still to come are put off."""
        named = [tuple(draft.references()) for draft in drafts]
        self.references.find(chain.from_iterable(named))
        self.references.find(p.found_by for d in drafts for p in d.parts if p.found_by)
        self.application.repository.load(self.references.ids(chain.from_iterable(named)))
        ready = []
        for draft, names in zip(drafts, named, strict=True):
            if self._is_to_come(names) or self._is_behind(draft):
                self._postponed.append(draft)
                self._postponed_claims.update(claims(self.plan.kind, draft))
            else:
                ready.append(draft)
        self._begin([row for draft in ready if (row := self._row(draft)) is not None])
        self.conveyor.land_done()

    def _take_postponed(self) -> None:
        """Rows may name rows further down, and those others again: until no more can be found."""
        while drafts := self._postponed:
            self.references.forget_shared()
            self._postponed, self._postponed_claims = [], set()
            self._take(drafts)
            self.conveyor.finish()
            if len(self._postponed) == len(drafts):
                self._stop_waiting()

    def _stop_waiting(self) -> None:
        """Begin with rows that can go without what is not found, or waited for others of their
        record: first with those that name none of the rest. At last, what cannot is refused."""
        stuck = self._postponed
        able = [draft for draft in stuck if not self._lacks(draft)]
        named = {one for draft in stuck for one in self._called(draft)}
        able = [d for d in able if named.isdisjoint(self._missing(d))] or able
        lanes = {draft.lane for draft in able} - {None}
        lines = {draft.line.number for draft in able}
        now = [d for d in stuck if not able or d.lane in lanes or d.line.number in lines]
        lines = {draft.line.number for draft in now}
        self._postponed = [draft for draft in stuck if draft.line.number not in lines]
        self._begin([row for draft in now if (row := self._row(draft)) is not None])
        self.conveyor.finish()

    def _missing(self, draft: Draft) -> Iterator[tuple[str, str]]:
        """What it names that is not there."""
        names = (name for name in draft.references() if self.references.get(name) is None)
        return ((name.scope, name.value) for name in names)

    def _lacks(self, draft: Draft) -> bool:
        """Whether it names what is not there, and cannot go without."""
        get = self.references.get
        return any(get(name) is None and not name.is_optional for name in draft.references())

    def _called(self, draft: Draft) -> Iterator[tuple[str, str]]:
        """How others may name the record that it enters."""
        kind, said = self.plan.kind.KIND, draft.fields.get("external", {})
        own = (reserved(kind, draft.fields), external(kind, **said) if "id" in said else None)
        return ((one.scope, one.value) for one in own if one is not None)

    def _is_to_come(self, names: Iterable[Reference]) -> bool:
        """Whether one of these may be a record of a row further down, or another one, too."""
        own = (name for name in names if name.kind == self.plan.kind.KIND)
        return any(name.is_shared or self.references.get(name) is None for name in own)

    def _is_behind(self, draft: Draft) -> bool:
        """Whether one that was put off and stands before it may be in its way."""
        if not self._postponed_claims:
            return False
        return not self._postponed_claims.isdisjoint(claims(self.plan.kind, draft))

    def _row(self, draft: Draft) -> Row | None:
        try:
            row = Row(self, draft)
            for one in row.further:  # Their codes are wrong before the record is entered, or never.
                if not one.awaits_parts:
                    self.application.preparation.directory.resolve(
                        one.request.command, self.caller, offline=False, fresh=False
                    )
            return row
        except Invalid as error:
            self.refuse(draft.line, error, lane=draft.lane)
            return None

    def _begin(self, rows: list[Row]) -> None:
        """Rows imported before are known by their command ids, looked up in one round trip."""
        known = self._renewing.receipts({key for row in rows for key in row.idempotency_keys()})
        if self.plan.kind is Customer:  # What is there already is there with its first contact.
            there = {stored.stream_id for stored in known.values()}
            self.application.repository.load(map(first_contact, there))
        for row in rows:
            row.wait_for()
            row.known = known
            row.done_before = self.earlier.commands(row, self._renewing.done_before)
            self.lanes.put(row)

    def renew(self, keys: Iterable[str]) -> None:
        """Know whether requests of these keys were taken back: then others are made."""
        self._renewing.receipts(keys)

    def is_repeated(self, request: Request, stored: StoredReceipt) -> bool:
        """Whether the request that was carried out under its key said the same."""
        return stored.fingerprint == self._keys.fingerprint(request.body())

    def refuse(
        self, line: Line, error: DomainError, *before: Remark, lane: str | None = None
    ) -> None:
        """Account for a row as refused, ``before`` the reason what else there is to say."""
        self.report.refuse(line, about(self.reasons.of(error), *before))
        if self.plan.is_in_order and lane is not None:
            self.lanes.stop(lane, line.number)

    def note(self, draft: Draft) -> None:
        """Report what a row that was taken refers to and is not there, and what looks wrong."""
        if draft.suspicious:
            self.report.suspicious.append((draft.line, several(draft.suspicious)))
        errors = tuple(self.plan.dangling(draft, self.references))
        if errors:
            self.report.dangling.append((draft.line, self.reasons.of(Invalid(*errors))))

    def require_user(self, id: UUID) -> None:
        """Whoever is named by id is a user, disabled by now or not. Raises Invalid."""
        if id in self._users:
            return
        try:
            self.application.repository.get(User, id)
        except NotFound:
            raise Invalid(FieldError(ON_BEHALF_OF, "reference-unknown", id=str(id))) from None
        self._users.add(id)

    def changed_before(self, id: UUID) -> Outcome | None:
        """What an earlier run did with the row that brings this record up to date."""
        return self.earlier.changed(id, self._log.stream(id)) if self.earlier else None

    def called(self, id: UUID) -> str:
        """A record of the plan's kind as people call it; its id where there is none."""
        try:
            return called(self.application.repository.get(self.plan.kind, id))
        except NotFound:
            return str(id)

    def began_at(self, id: UUID) -> datetime:
        """When the record came into being."""
        return self._log.stream(id, limit=1)[0].occurred_at

    def entered_by(self, request: Request) -> UUID | None:
        """The record that an earlier request with the same key entered."""
        command_id = self._renewing.renewed(request).command_id(self.caller)
        found = {} if command_id is None else self._log.receipts([command_id])
        return next((stored.stream_id for stored in found.values()), None)
