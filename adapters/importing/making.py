"""Records that many rows speak of beside their own: each is found, or entered once."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from adapters.conveyor import Callback, Done
from adapters.importing.drafts import Part
from aggregates.errors import DomainError
from commands.ports import StoredReceipt
from commands.requests import Caller, IdempotencyKeyReused, Receipt, Request

if TYPE_CHECKING:
    from adapters.importing.running import Import


@dataclass(frozen=True, slots=True)
class One:
    """What a row wants to be there."""

    part: Part
    request: Request
    """What enters it, where it is not there."""
    caller: Caller
    known: Mapping[UUID, StoredReceipt]
    """What earlier imports have entered."""
    done: Callback

    @property
    def key(self) -> str:
        return self.part.draft.key


class Making:
    """What one run has made or found. Memory grows with the records, not with the rows."""

    def __init__(self, run: "Import") -> None:
        self._run = run
        self._made: dict[str, UUID] = {}
        self._asked: dict[str, deque[One]] = {}

    def make(self, one: One) -> None:
        """Have the record, and say so. Where it is refused, the next row that wants it says how it
        is to be entered: what is wrong with one row's cells need not be with another's."""
        id = self._found(one)
        if id is not None:
            self._made[one.key] = id
            one.done(_there(id))
        elif one.key in self._asked:
            self._asked[one.key].append(one)
        else:
            self._asked[one.key] = deque([one])
            self._put(one)

    def _found(self, one: One) -> UUID | None:
        made = self._made.get(one.key)
        if made is None and one.part.found_by is not None:
            made = self._run.references.get(one.part.found_by)
        if made is None and (stored := one.known.get(one.caller.command_id(one.key))):
            made = stored.stream_id
        return made

    def _put(self, one: One) -> None:
        self._run.conveyor.put(one.request, one.caller, lambda r: self._answered(one, r))

    def _answered(self, one: One, result: Done | DomainError) -> None:
        if isinstance(result, DomainError) and (id := self._there(one, result)) is not None:
            result = _there(id)
        waiting = self._asked[one.key]
        waiting.popleft()
        if isinstance(result, Done):
            self._made[one.key] = result.receipt.id
            del self._asked[one.key]
            one.done(result)
            for other in waiting:
                other.done(_there(result.receipt.id))
            return
        if waiting:
            self._put(waiting[0])
        else:
            del self._asked[one.key]
        one.done(result)

    def _there(self, one: One, refusal: DomainError) -> UUID | None:
        """The record, where it is refused for it is there: not one that is merely in the way."""
        if isinstance(refusal, IdempotencyKeyReused):
            return self._run.entered_by(one.request)
        if one.part.found_by is None or "existing_id" not in refusal.details:
            return None
        self._run.references.find([one.part.found_by])
        return self._run.references.get(one.part.found_by)


def _there(id: UUID) -> Done:
    return Done(Receipt(id, 0, 0, 200, is_repeated=True))
