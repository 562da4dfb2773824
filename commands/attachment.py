"""What may be asked of every record that takes files."""

from uuid import UUID

from aggregates.attachment import Attachable, AttachedFile
from aggregates.values import FreeText
from commands.base import Changes

NOT_YET = UUID(int=0)


class Attach(Changes[Attachable]):
    """Attach a file to a record or to one of its interactions."""

    MERGES = True
    UPLOADED = "file"
    file: AttachedFile
    interaction_id: UUID | None = None
    note: FreeText | None = None

    def handle(self, record: Attachable, /) -> None:
        record.attach(self.file, **self.given("file"))

    @property
    def part_id(self) -> UUID:
        """One that is not there yet: nobody has written anything of it."""
        return NOT_YET


class Detach(Changes[Attachable]):
    """Take a file away; the history keeps that it was there."""

    MERGES = True
    attachment_id: UUID
    reason: FreeText

    def handle(self, record: Attachable, /) -> None:
        record.detach(self.attachment_id, self.reason)

    @property
    def part_id(self) -> UUID:
        return self.attachment_id
