"""Attachments: files attached to the record they concern, or to one of its interactions."""

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from aggregates.base import Mark, derived
from aggregates.errors import Rejected
from aggregates.events import PartEvent
from aggregates.interaction import NoSuchInteraction
from aggregates.parts import Parted
from aggregates.values import FreeText, Personal, Value, line

MOST_ATTACHMENTS = 1_000
"""Of one record."""
CONTENTS = "content"
"""Scope of the marks by which it is known that a content is attached."""


class NoSuchAttachment(Rejected):
    """The record has no such attachment, or it was detached."""


FileName = Annotated[str, StringConstraints(max_length=255), AfterValidator(line)]
"""As it was given, whatever it looks like: it is never a path of ours."""
MediaType = Annotated[str, StringConstraints(pattern=r"^[a-z]+/[a-z0-9][a-z0-9.+-]{0,99}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class AttachedFile(Value):
    """A file that was taken in: what it is called, what it is, and which content it has."""

    file_name: Annotated[FileName, Personal("customer")]
    media_type: MediaType
    size: Annotated[int, Field(ge=1)]
    """Bytes."""
    digest: Digest
    """Keyed, over the content: whether the content is this one, only we can say."""
    content_id: UUID


class Held(Value):
    """What the rules know of an attachment, detached or not."""

    attachment_id: UUID
    content_id: UUID
    interaction_id: UUID | None = None
    is_detached: bool = False


class _Attachment(PartEvent):
    attachment_id: UUID

    @property
    def part_id(self) -> UUID:
        return self.attachment_id


class Attachable(Parted):
    """Takes files. An attachment's id follows from the stream's and from the version at which it
    was attached."""

    KEPT = frozenset({"attachments"})

    attachments: tuple[Held, ...] = ()

    class Attached(AttachedFile, _Attachment):
        BEGINS = True
        interaction_id: UUID | None = None
        note: FreeText | None = None

        def apply(self, aggregate: "Attachable") -> None:
            own = Held(
                attachment_id=self.attachment_id,
                content_id=self.content_id,
                interaction_id=self.interaction_id,
            )
            aggregate.attachments = (*aggregate.attachments, own)

    class Detached(_Attachment):
        reason: FreeText

        def apply(self, aggregate: "Attachable") -> None:
            aggregate.attachments = tuple(
                held.model_copy(update={"is_detached": True})
                if held.attachment_id == self.attachment_id
                else held
                for held in aggregate.attachments
            )

    def attach(self, file: AttachedFile, **said: Any) -> None:
        """Attach a file, to the record itself or to the interaction that is named."""
        known: tuple[UUID, ...] = getattr(self, "interactions", ())
        interaction_id = said.get("interaction_id")
        self.require(interaction_id is None or interaction_id in known, NoSuchInteraction)
        self.require_at_most("file", len(self.attachments) + 1, MOST_ATTACHMENTS)
        id = attachment_id(self.id, self.version + 1)
        self.record(self.Attached(attachment_id=id, **file.model_dump(), **said))

    def detach(self, attachment_id: UUID, reason: str) -> None:
        """Take a file away; the history keeps that it was there."""
        held = (h for h in self.attachments if not h.is_detached)
        self.require(attachment_id in {h.attachment_id for h in held}, NoSuchAttachment)
        self.record(self.Detached(attachment_id=attachment_id, reason=reason))

    def retract_interaction(self, interaction_id: UUID, reason: str) -> None:
        """What was attached to a retracted interaction goes with it."""
        super().retract_interaction(interaction_id, reason)  # type: ignore[misc]
        for held in self.attachments:
            if held.interaction_id == interaction_id and not held.is_detached:
                self.detach(held.attachment_id, reason)

    def marks(self) -> Iterable[Mark]:
        """Contents stay marked when they are detached: the past has them."""
        yield from super().marks()
        for held in self.attachments:
            yield Mark(CONTENTS, str(held.content_id))


def attachment_id(stream_id: UUID, version: int) -> UUID:
    """The id of the attachment that a stream's event of this version attaches."""
    return derived(stream_id, f"attachment/{version}")
