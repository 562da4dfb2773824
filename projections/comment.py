"""Comments, whatever record they were made on."""

from typing import Annotated
from uuid import UUID

from aggregates.comment import Commentable
from aggregates.errors import kebab
from aggregates.values import FreeText, Ref
from projections.base import Projection, Row


class CommentRow(Row, table="comments"):
    owner = "written_by"
    searched = ("text",)

    customer_id: UUID | None = None
    about_kind: str = ""
    """Kind of the record it was made on: ``ticket``."""
    about_id: UUID | None = None
    text: FreeText | None = None
    internal: bool = False
    author_id: Annotated[UUID, Ref("Contact")] | None = None
    """The contact who wrote it; None: one of us."""
    written_by: UUID | None = None
    """The user who wrote it, or who entered what the contact wrote."""


comments = Projection(CommentRow, Commentable, kind="Comment")


@comments.on(Commentable.Commented)
def commented(row: CommentRow, event: Commentable.Commented) -> CommentRow:
    envelope = event.envelope
    return row.updated(
        customer_id=envelope.customer_id,
        about_kind=kebab(event.TOPIC.partition(".")[0]),
        about_id=envelope.stream_id,
        written_by=envelope.on_behalf_of or envelope.actor,
    )
