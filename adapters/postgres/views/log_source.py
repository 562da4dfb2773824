"""What projecting reads of the log, as a protocol: ``PostgresLog`` has it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from adapters.postgres.log.head import Head
from commands.ports import StoredEvent


class LogSource(Protocol):
    """The log up to its published head. May be called from any thread."""

    def head(self) -> Head: ...

    def wait_for_head(self, after: int, timeout: float) -> Head | None: ...

    def log(
        self,
        after: int = 0,
        upto: int | None = None,
        limit: int | None = None,
        *,
        kinds: Sequence[str] | None = None,
    ) -> list[StoredEvent]: ...

    def streams(self, stream_ids: Iterable[UUID]) -> Mapping[UUID, list[StoredEvent]]: ...
