"""What may be asked of every record that can be made what it was."""

from typing import Annotated

from pydantic import Field

from aggregates.base import Aggregate
from aggregates.revert import Revertible
from commands.base import Changes, Known


class Revert(Changes[Revertible]):
    """Make a record what it was at an earlier version, as a new event."""

    NOW_ONLY = True
    to_version: Annotated[int, Field(ge=1, le=2**53)]

    def gather(self, record: Revertible, known: Known, /) -> Aggregate:
        return known.at(type(record), record.id, self.to_version)

    def handle(self, record: Revertible, /) -> None:
        record.revert(self.gathered)
