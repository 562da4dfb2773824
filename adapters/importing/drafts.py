"""Drafts: what rows say, before what they refer to is found."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from adapters.importing.fillers import Fields, references
from adapters.importing.references import Finds, Reference
from adapters.importing.sources import Line
from adapters.importing.steps import Further
from adapters.remarks import Saying
from aggregates.errors import FieldError, Invalid

if TYPE_CHECKING:
    from adapters.importing.plan import Plan

RECORD = "record"
ON_BEHALF_OF = "on_behalf_of"


class Draft(NamedTuple):
    """What one row says, its references still to be found."""

    line: Line
    fields: Fields
    occurred_at: datetime | None
    incomplete: tuple[str, ...]
    key: str
    """The same for the same record whenever it is imported."""
    then: tuple[Further, ...]
    record: Reference | str | None = None
    """The record that the row tells more of, or its id; None: the row enters one."""
    parts: "tuple[Part, ...]" = ()
    """Other records that it speaks of, to be there before its own."""
    on_behalf_of: Reference | str | None = None
    """The user who did it, or the user's id."""
    lane: str | None = None
    """The same for rows that must be carried out one after the other."""
    suspicious: tuple[Saying, ...] = ()

    @property
    def is_named(self) -> bool:
        """Whether the key is the record's, not that of a line and what it says."""
        return self.key.split("/", 3)[2] != "line"

    def named(self) -> Iterator[Fields]:
        """The fields that may refer to other records: its own, its steps' and its parts'."""
        if self.record is not None:
            yield {RECORD: self.record}
        if self.on_behalf_of is not None:
            yield {ON_BEHALF_OF: self.on_behalf_of}
        yield self.fields
        yield from (further.fields for further in self.then)
        yield from (part.draft.fields for part in self.parts)

    def references(self) -> Iterator[Reference]:
        """Those to be looked up: not those to what the row's parts make."""
        for fields in self.named():
            yield from references(fields)


Rows = list[Draft | Line]
"""Drafts; and lines that are still to be drafted, cannot be read, or are for nobody."""


class Part(NamedTuple):
    """Another record that a row speaks of."""

    name: str
    plan: "Plan"
    draft: Draft
    """With a key that is the same in every row that speaks of this record."""
    found_by: Reference | None
    """How one that is there already is found, beside by the key."""


def named(field: str, of: Reference | str | None, found: Finds) -> UUID | None:
    """The record that a row names, or its id. Raises Invalid where there is none such."""
    if isinstance(of, str):
        try:
            return UUID(of)
        except ValueError:
            raise Invalid(FieldError(field, "uuid_parsing")) from None
    id = None if of is None else found.get(of)
    if of is not None and id is None and not of.is_optional:
        raise Invalid(found.why_not(of).of(field))
    return id
