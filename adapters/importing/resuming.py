"""Resuming: what earlier runs of an import did with the rows that a later run finds done."""

from collections.abc import Iterable, Mapping, Set
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

    def commands(self, row: "Row", done: Set[UUID]) -> dict[str, UUID]:
        """Of all that were carried out before, those of a row that begins, by their keys."""
        if not done:
            return {}
        ids = {key: self._caller.command_id(key) for key in row.idempotency_keys()}
        return {key: id for key, id in ids.items() if id in done}

    def outcome(self, done: Mapping[str, UUID], entering_key: str | None) -> "Outcome | None":
        """What became of a row by its commands that were carried out before, the one that entered
        its record among them; to be asked when the row is taken, for one that is refused has not
        made them."""
        new = {key for key, id in done.items() if self._is_new(id)}
        if not new:
            return None
        return "created" if entering_key in new else "updated"

    def changed(self, id: UUID, events: Iterable[StoredEvent]) -> "Outcome | None":
        """What became of a row that brings a record up to date, by the record's events."""
        return "updated" if any(map(self.did, events)) and self._is_new(id) else None

    def _is_new(self, id: UUID) -> bool:
        """Whether it is asked about for the first time: what two rows say, one has entered."""
        known = len(self._counted)
        self._counted.add(id.int >> 64 ^ id.int & 0xFFFFFFFFFFFFFFFF)
        return len(self._counted) > known
