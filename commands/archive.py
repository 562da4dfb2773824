"""What may be asked of every record that can be archived."""

from aggregates.archive import Archivable
from commands.base import Changes


class Archive(Changes[Archivable]):
    """Take a record out of use: lists hide it, and it refuses changes."""

    def handle(self, record: Archivable, /) -> None:
        record.archive()


class Restore(Changes[Archivable]):
    """Bring an archived record back into use."""

    def handle(self, record: Archivable, /) -> None:
        record.restore()
