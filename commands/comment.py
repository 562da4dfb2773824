"""What may be asked of every record that takes comments."""

from typing import Annotated
from uuid import UUID

from aggregates.comment import Commentable
from aggregates.contact import Contact
from aggregates.values import FreeText, Ref
from commands.base import Changes, Known
from commands.known import require_theirs

NOT_YET = UUID(int=0)


class Comment(Changes[Commentable]):
    """Add a comment to a record, for the customer or for staff only."""

    MERGES = True
    text: FreeText
    internal: bool = False
    """Whether only staff may read it."""
    author_id: Annotated[UUID, Ref("Contact")] | None = None
    """The contact who wrote it; None: one of us."""

    def gather(self, record: Commentable, known: Known, /) -> None:
        named = [] if self.author_id is None else [("author_id", Contact, self.author_id)]
        require_theirs(record.root_customer_id, named, known)

    def handle(self, record: Commentable, /) -> None:
        record.say(**self.given())

    @property
    def part_id(self) -> UUID:
        """One that is not there yet: nobody has written anything of it."""
        return NOT_YET
