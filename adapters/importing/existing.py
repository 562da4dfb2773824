"""Existing: a record that was there before a row speaks of it."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from adapters.importing.drafts import Draft
from adapters.importing.overwriting import overwritten
from adapters.importing.updating import is_as_said, is_other, of_person, updates
from aggregates.base import derived
from aggregates.contact import Contact
from aggregates.errors import NotFound
from commands.base import Command
from commands.requests import Request

if TYPE_CHECKING:
    from adapters.importing.running import Import


class Existing:
    """The record as it is now, and the command by which the row would have entered it."""

    def __init__(self, run: "Import", draft: Draft, said: Command[Any], id: UUID) -> None:
        self._run, self._draft, self._said, self._id = run, draft, said, id
        self._repository = run.application.repository
        self._record = self._repository.get(run.plan.kind, id, max_age=0)
        # Where further commands lead it through its stages, the first stage is not today's.
        self._with_stage = not run.plan.steps

    def updates(self) -> tuple[list[Request], list[str]]:
        """What makes it as the row says, and what that replaces. A first contact is told more of;
        it does not become somebody else."""
        asked = updates(self._record, self._said, with_stage=self._with_stage)
        replaced = [*overwritten(self._record, (one.command for one in asked))]
        person = self._first_contact()
        if person is None:
            return asked, replaced
        if (own := of_person(person, self._said)) is not None:
            replaced += [f"primary_contact.{one}" for one in overwritten(person, [own.command])]
            asked.append(own)
        return asked, replaced

    def stays(self) -> str | None:
        """Who stays the first contact although the row names somebody else."""
        person = self._first_contact()
        if person is None or not is_other(person, self._said):
            return None
        return f"primary_contact: {getattr(person, 'name', '')} is there, and stays"

    def is_so(self) -> bool:
        """Whether it is by now what the row says, whoever made it so."""
        person = self._first_contact()
        if not is_as_said(self._record, self._said, person, with_stage=self._with_stage):
            return False
        began_at = self._draft.occurred_at
        return began_at is None or began_at == self._run.began_at(self._id)

    def _first_contact(self) -> Contact | None:
        """The contact that was entered together with it, where the row speaks of one."""
        if self._said.given().get("primary_contact") is None:
            return None
        try:
            first = derived(self._id, "primary-contact")
            return self._repository.get(Contact, first, max_age=0)
        except NotFound:
            return None
