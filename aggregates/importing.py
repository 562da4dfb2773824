"""Import: a file whose rows were entered, what came of it, and how it was taken back."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from aggregates.base import Aggregate
from aggregates.errors import Rejected
from aggregates.events import Created, Event
from aggregates.values import CodeText, Text, Value

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hexadecimal."""
Rows = Annotated[int, Field(ge=0, le=2**53)]
MOST_KEPT = 1_000
"""How many of those that could not be taken back are listed."""
Why = Literal["changed-since", "in-use", "together", "not-revertible", "refused"]


class ImportReverted(Rejected):
    """The import was reverted, or is being reverted."""


class ImportRuns(Rejected):
    """The import is on its way, and was asked for otherwise."""


class Keeper(Value):
    """A record, an import or a user because of whom something was left as it was."""

    kind: CodeText
    id: UUID


class Kept(Value):
    """A record that a revert left as it was."""

    kind: CodeText
    id: UUID
    why: Why
    fields: Annotated[tuple[CodeText, ...], Field(max_length=100)] = ()
    """Of what was changed since: what."""
    by: Keeper | None = None
    """Who has changed it since, what refers to it, or together with what it was created."""


Listed = Annotated[tuple[Kept, ...], Field(max_length=MOST_KEPT)]


class Import(Aggregate):
    REVISION = 3
    kept: int = 0
    """How many records the last revert left."""
    is_reverting: bool = False
    is_reverted: bool = False
    is_finished: bool = False
    rows_read: int = 0
    rows_created: int = 0
    rows_updated: int = 0
    rows_skipped: int = 0
    rows_refused: int = 0

    class Begun(Created):
        """A file is being imported. The id follows from what is said here, so that whoever begins
        it again goes on with it."""

        file_name: Text
        digest: Digest
        imported: CodeText
        """What the rows are: ``customers``."""
        mapping_digest: Digest

    class Finished(Event):
        """All rows are accounted for: their number is the sum of the others. A row that an earlier
        run of the same import has entered counts as what that made of it."""

        rows_read: Rows
        rows_created: Rows
        rows_updated: Rows
        rows_skipped: Rows
        rows_refused: Rows

        def apply(self, aggregate: "Import") -> None:
            super().apply(aggregate)
            aggregate.is_finished = True

    class RevertBegun(Event):
        def apply(self, aggregate: "Import") -> None:
            aggregate.is_reverting = True

    class Reverted(Event):
        """What could be taken back was."""

        withdrawn: Rows
        """How many records that it had created are withdrawn."""
        taken_back: Rows
        """How many records that it had changed are what they were."""
        kept: Rows
        """How many records were left as they are."""
        kept_records: Listed = ()
        """These, the first of them."""

        def apply(self, aggregate: "Import") -> None:
            aggregate.is_reverted, aggregate.is_reverting = True, False
            aggregate.kept = self.kept

    def begin(self, **said: str) -> None:
        """Enter that a file is being imported."""
        self.record(self.Begun.model_validate(said))

    def finish(self, **counts: int) -> None:
        """Say what became of the rows. One that is repeated and changes nothing says nothing."""
        self.require(not (self.is_reverting or self.is_reverted), ImportReverted)
        is_other = any(getattr(self, name) != count for name, count in counts.items())
        has_entered = counts["rows_created"] or counts["rows_updated"]
        if not self.is_finished or (is_other and has_entered):
            self.record(self.Finished.model_validate(counts))

    def revert(self) -> None:
        """Ask for all of it to be taken back; again, for what was left as it is."""
        if not self.is_reverting and (self.kept or not self.is_reverted):
            self.record(self.RevertBegun())

    def finish_revert(
        self, *, withdrawn: int, taken_back: int, kept: int, kept_records: tuple[Kept, ...]
    ) -> None:
        """Say what was taken back, and what was not."""
        if self.is_reverting:
            counts = {"withdrawn": withdrawn, "taken_back": taken_back, "kept": kept}
            self.record(self.Reverted(**counts, kept_records=kept_records))
