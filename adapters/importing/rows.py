"""One row of an import on its way from command to command, until it is accounted for.

First come the other records that it speaks of, then its own, then the further commands to that.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from adapters.conveyor import Done
from adapters.importing.drafts import ON_BEHALF_OF, RECORD, Draft, Part, named
from adapters.importing.existing import Existing
from adapters.importing.fillers import refers_to_parts
from adapters.importing.making import One
from adapters.importing.parts import within
from adapters.importing.references import MADE, Reference, RowReferences
from adapters.importing.report import Outcome
from adapters.importing.sources import Line
from adapters.importing.steps import Asked
from adapters.importing.updating import is_so
from adapters.remarks import Remark, about, several
from aggregates.customer import ShortName
from aggregates.errors import DomainError, Invalid
from commands.base import Command
from commands.ports import StoredReceipt
from commands.requests import IdempotencyKeyReused, Request

if TYPE_CHECKING:
    from adapters.importing.running import Import


UNKNOWN = UUID(int=0)
"""Stands for what a part of the row is still to make."""


@dataclass(slots=True)
class Batch:
    """Rows that were begun in one go."""

    left: int = 0
    """How many are not accounted for."""
    later: list[Line] = field(default_factory=list)
    """Those of it that name others which are not there yet, to be entered when all others are."""


class Row:
    """A row: its records are entered, then each further command made, then it is accounted for."""

    def __init__(self, run: "Import", draft: Draft) -> None:
        """Raises Invalid where the row as a whole cannot be, before anything of it is entered."""
        self._run, self._draft = run, draft
        self._made = {part.name: UNKNOWN for part in draft.parts}
        self._found = RowReferences(run.references, self._made)
        self._asking = {part.name: self._request(part) for part in draft.parts}
        self._bind()
        self.further = self._steps()
        self.known: Mapping[UUID, StoredReceipt] = {}
        """Those of its commands that an earlier import has made."""
        self.done_before: Mapping[str, UUID] = {}
        """Those that earlier runs of this import have made, by their keys."""
        self._before: Outcome | None = None
        self._parts = deque(draft.parts)
        self._new_parts: dict[str, UUID] = {}
        self._is_new = self._is_changed = False
        self._lacks: set[str] = set()
        self._overwrites: list[Remark] = []
        self._batch = run.batch

    @property
    def lane(self) -> str | None:
        return self._draft.lane

    def wait_for(self) -> None:
        """From now on its batch is not done before it is."""
        self._batch.left += 1

    def idempotency_keys(self) -> Iterator[str]:
        """The keys of everything that is to be asked for, as far as they can be told."""
        yield from (part.draft.key for part in self._draft.parts)
        if isinstance(self.begin, Request):
            yield self._draft.key
        for asked in self.further:
            if asked.request.idempotency_key is not None:
                yield asked.request.idempotency_key

    @property
    def entering_key(self) -> str | None:
        """The key of what enters its own record, where the row does."""
        own = self._draft.record
        if own is None:
            return self._draft.key
        made = own.value if isinstance(own, Reference) and own.scope == MADE else None
        return next((one.draft.key for one in self._draft.parts if one.name == made), None)

    def _bind(self) -> None:
        """Say what is to be done, with what the row's parts have made so far."""
        plan, draft, found = self._run.plan, self._draft, self._found
        user = named(ON_BEHALF_OF, draft.on_behalf_of, found)
        if isinstance(draft.on_behalf_of, str) and user is not None:
            self._run.require_user(user)
        of = self._run.caller
        self._caller = of if user is None else replace(of, on_behalf_of=user)
        self.begin: Request | UUID
        if draft.record is None:
            self.begin = plan.request(draft, found)
        else:
            self.begin = plan.record(draft, found)

    def _steps(self) -> deque[Asked]:
        return deque(self._run.plan.further(self._draft, self._found))

    def start(self) -> None:
        """Begin, when it is the row's turn."""
        before = self._run.lanes.stopped_at(self.lane)
        if self._run.plan.is_in_order and before is not None and before < self._draft.line.number:
            self._refused(Invalid(Remark("rows.after-refused", line=before).of(RECORD)))
        else:
            self._next()

    def _next(self) -> None:
        """The next part, or where all are there the row's own record."""
        if not self._parts:
            self._begin()
            return
        part = self._parts.popleft()
        asking = self._asking[part.name]
        if refers_to_parts(part.draft.fields):
            asking = self._request(part)

        def done(result: Done | DomainError) -> None:
            if isinstance(result, DomainError):
                self._refused(result, *self._entered_so_far(), Remark("rows.part", part=part.name))
                return
            id = self._made[part.name] = result.receipt.id
            if result.is_change:
                self._run.report.parts[part.plan.kind.PLURAL] += 1
                self._new_parts[part.name] = id
                self._has_part(part, asking.meta.incomplete)
            self._next()

        self._run.making.make(One(part, asking, self._run.caller, self.known, done))

    def _request(self, part: Part) -> Request:
        try:
            return part.plan.request(part.draft, self._found)
        except Invalid as error:
            raise within(part.name, error) from error

    def _has_part(self, part: Part, lacks: Iterable[str]) -> None:
        """A part was entered; it may be what the row is about."""
        record = self._draft.record
        is_own = isinstance(record, Reference) and record.value == part.name
        if is_own and isinstance(record, Reference) and record.scope == MADE:
            self._is_new = True
            self._lacks = set(lacks)
        else:
            self._is_changed = True
            self._run.report.incomplete += bool(set(lacks))

    def _entered_so_far(self) -> tuple[Remark, ...]:
        new = (Remark("rows.entered-as", part=n, id=str(id)) for n, id in self._new_parts.items())
        entered = tuple(new)
        return (Remark("rows.entered-but", entered=entered),) if entered else ()

    def _begin(self) -> None:
        """The record is entered, or told more of."""
        if self._draft.parts:
            self._bind()
        if self.further:
            if any(asked.awaits_parts for asked in self.further):
                self.further = self._steps()
            self.further = deque(asked for asked in self.further if not self._stored(asked.request))
        if isinstance(self.begin, UUID):
            self._continue(self.begin)
            return
        self._lacks = set(self.begin.meta.incomplete)
        stored = self._stored(self.begin)
        if stored is None:
            self._run.conveyor.put(self.begin, self._caller, self.entered)
        else:
            self.exists(stored.stream_id, is_same=self._run.is_repeated(self.begin, stored))

    def _stored(self, request: Request) -> StoredReceipt | None:
        command_id = request.command_id(self._caller) if self.known else None
        return None if command_id is None else self.known.get(command_id)

    def entered(self, result: Done | DomainError) -> None:
        """The record was entered, or not."""
        if isinstance(result, Done):
            self._is_new = result.is_change
            if self._is_new:
                self._continue(result.receipt.id)
            else:
                self.exists(result.receipt.id, is_same=True)
            return
        existing = self._existing(result)
        if existing is None:
            self._refused(self._naming(result), *self._entered_so_far())
        else:
            self.exists(existing, is_same=False)

    def exists(self, id: UUID, *, is_same: bool) -> None:
        """The record was there before; ``is_same``: entered by a row that said the same."""
        existing = Existing(self._run, self._draft, self._entering.command, id)
        if self._run.on_duplicate == "update":
            requests, self._overwrites = existing.updates()
            self._before = self._became() or self._run.changed_before(id)
            self.further.extendleft(Asked(request) for request in reversed(requests))
            self._continue(id)
        elif is_same and not existing.has_lost_contact():
            self._continue(id)
        elif self._run.on_duplicate == "skip":
            self._run.report.outcomes["skipped"] += 1
            self._leave()
        elif existing.is_so():
            self._continue(id)
        else:
            fields = tuple(map(self._run.reasons.field, existing.differs_in()))
            reason = Remark("rows.differs", record=existing.called(), fields=fields)
            self._run.report.refuse(self._draft.line, about(reason, *self._entered_so_far()))
            self._leave()

    def _naming(self, refusal: DomainError) -> DomainError:
        """The refusal, with the record that is in the way as people call it."""
        if not isinstance(refusal, ShortName) or "existing_id" not in refusal.details:
            return refusal
        known = self._run.called(UUID(refusal.details["existing_id"]))
        return ShortName(**{**refusal.details, "existing_id": known})

    def _existing(self, refusal: DomainError) -> UUID | None:
        """The record that is in the way; not one whose name is merely similar."""
        if isinstance(refusal, IdempotencyKeyReused):
            return self._run.entered_by(self._entering)
        existing = refusal.details.get("existing_id")
        return None if existing is None or isinstance(refusal, ShortName) else UUID(existing)

    def _continue(self, id: UUID) -> None:
        if not self.further:
            self._account()
            return
        asked = self.further.popleft()
        if asked.if_differs and self._stands_as(id, asked.request.command):
            self._continue(id)
            return
        request = asked.request
        if not request.command.CREATES:
            request = request._replace(id=request.id or id)

        def done(result: Done | DomainError) -> None:
            if isinstance(result, Done):
                self._is_changed |= result.is_change
                if request.command.CREATES and result.is_change:
                    self._run.report.parts[request.command.AGGREGATE.PLURAL] += 1
                self._lacks -= {n for n, v in request.command.given().items() if v is not None}
                self._continue(id)
            else:
                there = "rows.new-but" if self._is_new else "rows.there-but"
                of = request.command
                said = Remark(there, id=self._run.called(id), command=of.NAME, verb=of.VERB)
                self._refused(result, said)

        self._run.conveyor.put(request, self._caller, done)

    def _stands_as(self, id: UUID, said: Command[Any]) -> bool:
        """Whether the record is as a further command would make it."""
        aggregate = self._run.application.repository.get(self._run.plan.kind, id, max_age=0)
        return all(is_so(aggregate, name, value) for name, value in said.given().items())

    @property
    def _entering(self) -> Request:
        assert isinstance(self.begin, Request)
        return self.begin

    def _account(self) -> None:
        report = self._run.report
        self._run.note(self._draft)
        if self._overwrites:
            report.overwritten.append((self._draft.line, several(tuple(self._overwrites))))
        if self._is_new:
            report.count("created", None)
            report.incomplete += bool(self._lacks)
        else:
            before = self._before or self._became()
            report.count("updated" if self._is_changed else "skipped", before)
        self._leave()

    def _became(self) -> Outcome | None:
        """What earlier runs of this import have made of the row."""
        return self._run.earlier.outcome(self.done_before, self.entering_key)

    def _refused(self, error: DomainError, *before: Remark) -> None:
        self._run.refuse(self._draft.line, error, *before, lane=self.lane)
        self._leave()

    def _leave(self) -> None:
        """It is accounted for: the next of its lane may begin."""
        self._batch.left -= 1
        self._run.lanes.leave(self.lane)
