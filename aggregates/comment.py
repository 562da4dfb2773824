"""Comments: what is said about a record while it is worked on, to the customer or among us."""

from typing import Any
from uuid import UUID

from aggregates.base import derived
from aggregates.events import PartEvent
from aggregates.parts import Parted
from aggregates.values import FreeText


class Commentable(Parted):
    """Takes comments, whatever its state. Each has an id that follows from the stream's and from
    the version at which it was made."""

    class Commented(PartEvent):
        BEGINS = True
        text: FreeText
        internal: bool = False
        """Whether only staff may read it."""
        author_id: UUID | None = None
        """The contact who wrote it; None: one of us."""

        @property
        def part_id(self) -> UUID:
            return comment_id(self.envelope.stream_id, self.envelope.version)

    def say(self, text: str, *, internal: bool = False, author_id: UUID | None = None) -> None:
        """Add a comment."""
        said: dict[str, Any] = {"author_id": author_id, "internal": internal or None}
        given = {name: value for name, value in said.items() if value is not None}
        self.record(self.Commented(text=text, **given))


def comment_id(stream_id: UUID, version: int) -> UUID:
    """The id of the comment that a stream's event of this version is."""
    return derived(stream_id, f"comment/{version}")
