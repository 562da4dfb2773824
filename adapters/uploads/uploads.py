"""Uploads as a process that answers sees them: taking files, and reading how far they are."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from adapters.importing import reverting
from adapters.uploads.asked import Asked
from adapters.uploads.sealing import Sealing
from adapters.uploads.store import Store, Stored, lock_of
from adapters.uploads.taking import Taking

if TYPE_CHECKING:
    from adapters.bootstrap import Backstory

CUT_OFF = "cut_off"


class Uploads:
    """Takes files to import, and says how far they are. Calls block; from any thread."""

    def __init__(self, backstory: "Backstory") -> None:
        self._contents, self._sealing = backstory.contents, Sealing(backstory.contents)
        self._store = Store(backstory.pool)
        self.taking = Taking(backstory, self._store, self._sealing)

    def progress(self, id: UUID, *, is_rehearsal: bool = False) -> dict[str, Any] | None:
        """How far an upload is; None where nothing is known of it, or not any more."""
        row = self._store.get(id)
        if row is None or row.is_rehearsal != is_rehearsal:
            return None
        asked = Asked.model_validate_json(self._sealing.open(row.subject, id, row.asked))
        told = (
            {} if row.told is None else orjson.loads(self._sealing.open(row.subject, id, row.told))
        )
        return {
            "state": self._state(row),
            "problem": None,
            "file_name": asked.file_name,
            "imported": asked.kind,
            "bytes": asked.size,
            "on_duplicate": asked.on_duplicate,
            "asked_at": row.asked_at.astimezone(UTC),
            "changed_at": row.changed_at.astimezone(UTC),
            **told,
        }

    def counted(self) -> dict[str, int]:
        """How many there are in each state; those cut off count as running."""
        return self._store.counted()

    def runs(self, id: UUID) -> bool:
        """Whether some process imports by this id, of whichever way it came."""
        return self._store.is_held(reverting.lock_of(id))

    def states(self, ids: Sequence[UUID]) -> dict[UUID, str]:
        """How it stands with imports whose records say no more than that they have begun."""
        known, held = self._store.states(ids), self._store.held()

        def is_held(lock: tuple[int, int]) -> bool:
            return (lock[0] % 2**32, lock[1] % 2**32) in held

        def state(id: UUID) -> str:
            if is_held(lock_of(id)) or is_held(reverting.lock_of(id)):
                return "running"
            said = known.get(id, CUT_OFF)
            return CUT_OFF if said == "running" else said

        return {id: state(id) for id in ids}

    def refused(
        self, id: UUID, *, is_rehearsal: bool = False
    ) -> tuple[str, Iterator[bytes]] | None:
        """The refused rows of one that is done: what the file is called, and its bytes."""
        row = self._store.get(id)
        if row is None or row.is_rehearsal != is_rehearsal or row.refused_id is None:
            return None
        content = self._contents.chunks.find(row.refused_id)
        if content is None:
            return None
        asked = Asked.model_validate_json(self._sealing.open(row.subject, id, row.asked))
        return f"{asked.file_name}.refused.csv", self._contents.read(content)

    def _state(self, row: Stored) -> str:
        if row.state == "running" and not self._store.is_held(lock_of(row.id)):
            return CUT_OFF
        return row.state
