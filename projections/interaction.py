"""Interactions with customers, whatever record they were recorded on."""

from uuid import UUID

from aggregates.errors import kebab
from aggregates.interaction import InteractionDetails, Interactive
from projections.base import Projection, Row


class InteractionRow(Row, table="interactions", details=InteractionDetails):
    owner = "recorded_by"
    searched = ("subject", "content")

    customer_id: UUID | None = None
    about_kind: str = ""
    """Kind of the record it was recorded on: ``customer``, ``opportunity``, ``ticket``."""
    about_id: UUID | None = None
    channel: str = ""
    subject: str = ""
    recorded_by: UUID | None = None
    """The user who was there, as far as is known: in whose name it was recorded."""
    amended: bool = False
    retraction_reason: str | None = None


interactions = Projection(InteractionRow, Interactive, revision=2, kind="Interaction")


@interactions.on(Interactive.InteractionRecorded)
def recorded(row: InteractionRow, event: Interactive.InteractionRecorded) -> InteractionRow:
    envelope, kind = event.envelope, kebab(event.TOPIC.partition(".")[0])
    row = row.updated(
        customer_id=envelope.customer_id,
        about_kind=kind,
        about_id=envelope.stream_id,
        recorded_by=envelope.on_behalf_of or envelope.actor,
    )
    return on_its_record(row)


@interactions.on(Interactive.InteractionAmended)
def amended(row: InteractionRow, event: Interactive.InteractionAmended) -> InteractionRow:
    return on_its_record(row.updated(amended=True))


@interactions.on(Interactive.InteractionRetracted)
def retracted(row: InteractionRow, event: Interactive.InteractionRetracted) -> InteractionRow:
    at = event.envelope.occurred_at
    return row.updated(withdrawn_at=at, retraction_reason=event.reason)


def on_its_record(row: InteractionRow) -> InteractionRow:
    """What is recorded on an opportunity or a ticket is of that one, whatever was said."""
    if row.about_kind not in ("opportunity", "ticket"):
        return row
    return row.updated(**{f"{row.about_kind}_id": row.about_id})
