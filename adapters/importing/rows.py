"""One row of an import on its way from command to command, until it is accounted for."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from adapters.conveyor import Done
from adapters.importing.plan import Draft
from adapters.importing.steps import Asked
from adapters.importing.updating import is_as_said, is_so, updates
from aggregates.contact import Contact
from aggregates.customer import ShortName
from aggregates.errors import DomainError, NotFound
from commands.base import Command
from commands.requests import IdempotencyKeyReused, Request

if TYPE_CHECKING:
    from adapters.importing.running import Import


class Row:
    """A row: its record is entered, then each further command made, then it is accounted for."""

    def __init__(
        self, run: "Import", draft: Draft, begin: Request | UUID, further: Iterable[Asked]
    ) -> None:
        """``begin``: what enters the record, or the record that is there."""
        self._run, self._draft, self.begin = run, draft, begin
        self._further = deque(further)
        self._is_new = self._is_changed = False
        self._lacks = set() if isinstance(begin, UUID) else set(begin.meta.incomplete)

    def requests(self) -> Iterable[Request]:
        """Everything that is still to be asked for."""
        if isinstance(self.begin, Request):
            yield self.begin
        yield from (asked.request for asked in self._further)

    def leave_out(self, is_done: Callable[[Request], bool]) -> None:
        """Make no further command that an earlier import has made."""
        self._further = deque(asked for asked in self._further if not is_done(asked.request))

    def tell_more(self, id: UUID) -> None:
        """The record is there: only further commands are made."""
        self._continue(id)

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
            self._run.refuse(self._draft.line, result)
        else:
            self.exists(existing, is_same=False)

    def exists(self, id: UUID, *, is_same: bool) -> None:
        """The record was there before; ``is_same``: entered by a row that said the same."""
        if self._run.on_duplicate == "update":
            self._further.extendleft(Asked(r) for r in reversed(self._updates(id)))
            self._continue(id)
        elif is_same:
            self._continue(id)
        elif self._run.on_duplicate == "skip":
            self._run.report.outcomes["skipped"] += 1
        elif self._is_so(id):
            self._continue(id)
        else:
            self._run.report.refuse(self._draft.line, _already(id))

    def _updates(self, id: UUID) -> list[Request]:
        aggregate = self._run.application.repository.get(self._run.plan.kind, id, max_age=0)
        # Where further commands lead it through its stages, the first stage is not today's.
        return updates(aggregate, self._entering.command, with_stage=not self._run.plan.steps)

    def _is_so(self, id: UUID) -> bool:
        """Whether the record is by now what the row says, whoever made it so."""
        repository = self._run.application.repository

        def contact(id: UUID) -> Contact | None:
            try:
                return repository.get(Contact, id, max_age=0)
            except NotFound:
                return None

        aggregate = repository.get(self._run.plan.kind, id, max_age=0)
        with_stage, began_at = not self._run.plan.steps, self._draft.occurred_at
        if not is_as_said(aggregate, self._entering.command, contact, with_stage=with_stage):
            return False
        return began_at is None or began_at == self._run.began_at(id)

    def _existing(self, refusal: DomainError) -> UUID | None:
        """The record that is in the way; not one whose name is merely similar."""
        if isinstance(refusal, IdempotencyKeyReused):
            return self._run.entered_by(self._entering)
        existing = refusal.details.get("existing_id")
        return None if existing is None or isinstance(refusal, ShortName) else UUID(existing)

    def _continue(self, id: UUID) -> None:
        if not self._further:
            self._account()
            return
        asked = self._further.popleft()
        if asked.if_differs and self._stands_as(id, asked.request.command):
            self._continue(id)
            return
        request = replace(asked.request, id=id)

        def done(result: Done | DomainError) -> None:
            if isinstance(result, Done):
                self._is_changed |= result.is_change
                self._lacks -= {n for n, v in request.command.given().items() if v is not None}
                self._continue(id)
            else:
                said = f"{'entered as' if self._is_new else 'exists as'} {id}, but"
                self._run.refuse(self._draft.line, result, f"{said} {request.command.VERB}: ")

        self._run.conveyor.put(request, self._run.caller, done)

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
        if self._is_new:
            report.outcomes["created"] += 1
            report.incomplete += bool(self._lacks)
        else:
            report.outcomes["updated" if self._is_changed else "skipped"] += 1


def _already(id: UUID) -> str:
    return f"exists already as {id}, and not as this row says; see --on-duplicate"
