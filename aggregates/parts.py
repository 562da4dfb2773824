"""Parts: what is recorded on a record, such as interactions, goes and comes back with it."""

from typing import Annotated
from uuid import UUID

from aggregates.base import Trait
from aggregates.events import PartEvent
from aggregates.values import Ref


class _WithItsWhole(PartEvent):
    """Something that befalls a part because it befalls the whole."""

    withdrawn_part_id: Annotated[UUID, Ref("Interaction", "Attachment", "Comment", "Expense")]

    @property
    def part_id(self) -> UUID:
        return self.withdrawn_part_id


class Parted(Trait):
    """Has parts, of whichever kind, that go and come back with it."""

    class PartWithdrawn(_WithItsWhole):
        """Goes with the record on which it was recorded."""

    class PartReinstated(_WithItsWhole):
        """Comes back with the record on which it was recorded."""
