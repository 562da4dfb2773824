"""Attachments, whatever record they were attached to."""

from typing import Annotated
from uuid import UUID

from aggregates.attachment import Attachable
from aggregates.errors import kebab
from aggregates.values import FreeText, Personal
from projections.base import Projection, Row


class AttachmentRow(Row, table="attachments"):
    owner = "attached_by"

    customer_id: UUID | None = None
    about_kind: str = ""
    """Kind of the record it was attached to: ``customer``, ``opportunity``, ``ticket``."""
    about_id: UUID | None = None
    interaction_id: UUID | None = None
    file_name: Annotated[str, Personal("customer")] = ""
    media_type: str = ""
    size: int = 0
    """Bytes."""
    digest: str = ""
    content_id: UUID | None = None
    note: FreeText | None = None
    attached_by: UUID | None = None
    """The user in whose name it was attached."""
    detach_reason: FreeText | None = None


attachments = Projection(AttachmentRow, Attachable, kind="Attachment")


@attachments.on(Attachable.Attached)
def attached(row: AttachmentRow, event: Attachable.Attached) -> AttachmentRow:
    envelope = event.envelope
    return row.updated(
        customer_id=envelope.customer_id,
        about_kind=kebab(event.TOPIC.partition(".")[0]),
        about_id=envelope.stream_id,
        attached_by=envelope.on_behalf_of or envelope.actor,
    )


@attachments.on(Attachable.Detached)
def detached(row: AttachmentRow, event: Attachable.Detached) -> AttachmentRow:
    return row.updated(withdrawn_at=event.envelope.occurred_at, detach_reason=event.reason)
