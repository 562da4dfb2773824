"""What may be known of a ticket beside where it stands."""

from typing import Annotated
from uuid import UUID

from aggregates.values import (
    BusinessInstant,
    Code,
    CodeText,
    Custom,
    ExternalId,
    FreeText,
    Ref,
    Text,
    Value,
)


class TicketDetails(Value):
    """What may be known of a ticket beside customer, subject, kind and priority."""

    description: FreeText | None = None
    contact_id: Annotated[UUID, Ref("Contact")] | None = None
    """Who asks."""
    channel: Annotated[CodeText, Code("channel")] | None = None
    product: Text | None = None
    handling: Annotated[CodeText, Code("handling")] | None = None
    """How it is to be dealt with, such as on site."""
    receiver_id: Annotated[UUID, Ref("User")] | None = None
    """Who took the request."""
    receiver_opinion: FreeText | None = None
    """What the receiver thinks of it."""
    due_at: BusinessInstant | None = None
    """By when the customer was promised an answer."""
    external: ExternalId | None = None
    custom: Custom | None = None
