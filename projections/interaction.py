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


interactions = Projection(InteractionRow, Interactive, kind="Interaction")


@interactions.on(Interactive.InteractionRecorded)
def recorded(row: InteractionRow, event: Interactive.InteractionRecorded) -> InteractionRow:
    envelope, kind = event.envelope, kebab(event.TOPIC.partition(".")[0])
    own = {f"{kind}_id": envelope.stream_id} if kind in ("opportunity", "ticket") else {}
    return row.updated(
        customer_id=envelope.customer_id,
        about_kind=kind,
        about_id=envelope.stream_id,
        recorded_by=envelope.on_behalf_of or envelope.actor,
        **own,
    )


@interactions.on(Interactive.InteractionAmended)
def amended(row: InteractionRow, event: Interactive.InteractionAmended) -> InteractionRow:
    return row.updated(amended=True)


@interactions.on(Interactive.InteractionRetracted)
def retracted(row: InteractionRow, event: Interactive.InteractionRetracted) -> InteractionRow:
    at = event.envelope.occurred_at
    return row.updated(withdrawn_at=at, retraction_reason=event.reason)
