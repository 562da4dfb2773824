"""Existing: a record that was there before a row speaks of it."""

from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from adapters.importing.calling import called
from adapters.importing.drafts import Draft
from adapters.importing.overwriting import overwritten
from adapters.importing.plan import digest
from adapters.importing.updating import is_as_said, is_other, is_so, of_person, updates
from adapters.remarks import Field, Remark
from aggregates.base import Aggregate, derived
from aggregates.contact import Contact
from aggregates.errors import NotFound
from commands.base import COMMANDS, Command, Meta
from commands.contact import AddContact
from commands.requests import Request

if TYPE_CHECKING:
    from adapters.importing.running import Import


class Existing:
    """The record as it is now, and the command by which the row would have entered it."""

    def __init__(self, run: "Import", draft: Draft, said: Command[Any], id: UUID) -> None:
        self._run, self._draft, self._said, self._id = run, draft, said, id
        self._repository = run.application.repository
        # Where further commands lead it through its stages, the first stage is not today's.
        self._with_stage = not run.plan.steps

    @cached_property
    def _record(self) -> Aggregate:
        return self._repository.get(self._run.plan.kind, self._id, max_age=0)

    def called(self) -> str:
        """Its number and name, and its id."""
        return called(self._record)

    def updates(self) -> tuple[list[Request], list[Remark]]:
        """What makes it as the row says, and what that replaces. A first contact is told more of;
        where the row names somebody else, that is a further one."""
        asked = updates(self._record, self._said, with_stage=self._with_stage)
        replaced = [*overwritten(self._record, (one.command for one in asked))]
        person = self._first_contact()
        if person is None:
            if self._speaks_of_one():
                asked.append(self._further_contact())
            return asked, replaced
        if is_other(person, self._said):
            asked.append(self._further_contact())
        elif person.is_withdrawn:  # A revert took it, and left the customer.
            asked.append(Request(COMMANDS["contacts/reinstate"](), person.id))
        if (own := of_person(person, self._said)) is not None:
            whole = Field(self._record.KIND, "primary_contact")
            replaced += overwritten(person, [own.command], whole)
            asked.append(own)
        return asked, replaced

    def _further_contact(self) -> Request:
        said = self._said.given()["primary_contact"].model_dump(exclude_unset=True)
        command = AddContact.model_validate({"customer_id": self._id, **said})
        key = f"{self._draft.key}/contact/{digest(command.model_dump_json(exclude_unset=True))}"
        self._run.renew([key])
        meta = Meta(occurred_at=self._draft.occurred_at)
        return Request(command, meta=meta, idempotency_key=key)

    def has_lost_contact(self) -> bool:
        """Whether the contact that the row speaks of was withdrawn, and the record is there: as far
        as was looked up for many rows at once."""
        person = self._first_contact(self._repository.reference_seconds)
        return person is not None and person.is_withdrawn

    def differs_in(self) -> list[str]:
        """What it does not say as the row does."""
        said, person = self._said.given(), self._first_contact()
        if person is not None and person.is_withdrawn:
            person = None
        parts = said.pop("primary_contact", None)
        names = [
            n for n, v in said.items() if n in self._record.STATE and not is_so(self._record, n, v)
        ]
        if parts is not None:
            given = parts.model_dump(exclude_unset=True)
            names += [
                f"primary_contact.{n}"
                for n, v in given.items()
                if person is None or not is_so(person, n, v)
            ]
        return sorted(names) or ["occurred_at"]

    def is_so(self) -> bool:
        """Whether it is by now what the row says, whoever made it so."""
        person = self._first_contact()
        if person is not None and person.is_withdrawn:
            return False
        if not is_as_said(self._record, self._said, person, with_stage=self._with_stage):
            return False
        began_at = self._draft.occurred_at
        return began_at is None or began_at == self._run.began_at(self._id)

    def _speaks_of_one(self) -> bool:
        return self._said.given().get("primary_contact") is not None

    def _first_contact(self, max_age: float = 0) -> Contact | None:
        """The contact that was entered together with it, where the row speaks of one."""
        if not self._speaks_of_one():
            return None
        try:
            return self._repository.get(Contact, first_contact(self._id), max_age=max_age)
        except NotFound:
            return None


def first_contact(customer_id: UUID) -> UUID:
    """The contact that is entered together with a customer."""
    return derived(customer_id, "primary-contact")
