"""Resuming: what earlier runs of an import did with the rows that a later run finds done."""

from collections.abc import Iterable, Set
from typing import TYPE_CHECKING
from uuid import UUID

from commands.ports import StoredEvent
from commands.requests import IMPORT, Caller

if TYPE_CHECKING:
    from adapters.importing.report import Outcome
    from adapters.importing.rows import Row


class Earlier:
    """Tells it of each row once. Memory grows with what was done before, by 8 bytes of an id each;
    in the first run of an import with nothing."""

    def __init__(self, caller: Caller, upto: int) -> None:
        """``upto``: the last position when this run began; 0 where none has run before."""
        self._caller, self._upto = caller, upto
        self._counted: set[int] = set()

    def __bool__(self) -> bool:
        """Whether anything was done before."""
        return self._upto > 0

    def did(self, event: StoredEvent) -> bool:
        """Whether an earlier run of this import is where it came from."""
        is_mine = event.correlation_id == self._caller.correlation_id and event.origin == IMPORT
        return is_mine and event.position <= self._upto

    def outcome(self, row: "Row", done: Set[UUID]) -> "Outcome | None":
        """What became of a row whose commands, some of them, were carried out before: ``done``."""
        if not done:
            return None
        ids = {key: self._caller.command_id(key) for key in row.idempotency_keys()}
        new = {key for key, id in ids.items() if id in done and self._is_new(id)}
        if not new:
            return None
        return "created" if row.entering_key in new else "updated"

    def changed(self, id: UUID, events: Iterable[StoredEvent]) -> "Outcome | None":
        """What became of a row that brings a record up to date, by the record's events."""
        return "updated" if any(map(self.did, events)) and self._is_new(id) else None

    def _is_new(self, id: UUID) -> bool:
        """Whether it is asked about for the first time: what two rows say, one has entered."""
        known = len(self._counted)
        self._counted.add(id.int >> 64 ^ id.int & 0xFFFFFFFFFFFFFFFF)
        return len(self._counted) > known
