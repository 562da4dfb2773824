"""One row of an import on its way from command to command, until it is accounted for."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from adapters.conveyor import Done
from adapters.importing.plan import Draft
from adapters.importing.updating import is_as_said, updates
from aggregates.contact import Contact
from aggregates.customer import ShortName
from aggregates.errors import DomainError, NotFound
from commands.requests import IdempotencyKeyReused, Request

if TYPE_CHECKING:
    from adapters.importing.running import Import


class Row:
    """A row: its record is entered, then each further command made, then it is accounted for."""

    def __init__(
        self, run: "Import", draft: Draft, request: Request, further: Iterable[Request]
    ) -> None:
        self._run, self._draft, self.request = run, draft, request
        self._further = deque(further)
        self._is_new = self._is_changed = False
        self._lacks = set(draft.incomplete)

    def requests(self) -> Iterable[Request]:
        """Everything that is still to be asked for."""
        return (self.request, *self._further)

    def leave_out(self, is_done: Callable[[Request], bool]) -> None:
        """Make no further command that an earlier import has made."""
        self._further = deque(request for request in self._further if not is_done(request))

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
            self._further.extendleft(reversed(self._updates(id)))
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
        return updates(aggregate, self.request.command, with_stage=not self._run.plan.steps)

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
        if not is_as_said(aggregate, self.request.command, contact, with_stage=with_stage):
            return False
        return began_at is None or began_at == self._run.began_at(id)

    def _existing(self, refusal: DomainError) -> UUID | None:
        """The record that is in the way; not one whose name is merely similar."""
        if isinstance(refusal, IdempotencyKeyReused):
            return self._run.entered_by(self.request)
        existing = refusal.details.get("existing_id")
        return None if existing is None or isinstance(refusal, ShortName) else UUID(existing)

    def _continue(self, id: UUID) -> None:
        if not self._further:
            self._account()
            return
        request = replace(self._further.popleft(), id=id)

        def done(result: Done | DomainError) -> None:
            if isinstance(result, Done):
                self._is_changed |= result.is_change
                self._lacks -= {n for n, v in request.command.given().items() if v is not None}
                self._continue(id)
            else:
                said = f"{'entered as' if self._is_new else 'exists as'} {id}, but"
                self._run.refuse(self._draft.line, result, f"{said} {request.command.VERB}: ")

        self._run.conveyor.put(request, self._run.caller, done)

    def _account(self) -> None:
        report = self._run.report
        if self._is_new:
            report.outcomes["created"] += 1
            report.incomplete += bool(self._lacks)
        else:
            report.outcomes["updated" if self._is_changed else "skipped"] += 1


def _already(id: UUID) -> str:
    return f"exists already as {id}, and not as this row says; see --on-duplicate"
