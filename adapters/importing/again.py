"""Entering again: what an import did and its revert took back is asked for under another key."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from adapters.conveyor import Callback, Conveyor
from adapters.importing.resuming import Earlier
from commands.application import Application
from commands.ports import EventLog, StoredEvent, StoredReceipt
from commands.requests import IMPORT, Caller, Request

_WITHDRAWN, _REINSTATED = "Withdrawn", "Reinstated"
Streams = Mapping[UUID, Sequence[StoredEvent]]
_TAKEN_BACK = frozenset({"Reverted", "PartWithdrawn"})


class Renewing:
    """Which requests of a caller were taken back. Memory grows with these only."""

    def __init__(self, log: EventLog, caller: Caller, earlier: Earlier) -> None:
        self._log, self._caller, self._earlier = log, caller, earlier
        self.done_before: set[UUID] = set()
        """Of those looked up last: which earlier runs of this import have carried out."""
        self._endings: dict[str, str] = {}
        """Key → what is added to it: always the same, whenever it is entered again."""

    def receipts(self, keys: Iterable[str]) -> Mapping[UUID, StoredReceipt]:
        """Command id → receipt, of the commands of these keys that were made before and stand.

        One that was taken back, and made again since, has the receipt of the latter.
        """
        found: dict[UUID, StoredReceipt] = {}
        left, self.done_before = set(keys), set()
        while left:
            ids = {self._id(key): key for key in left}
            known = self._log.receipts(list(ids))
            streams = self._log.streams({one.stream_id for one in known.values()}) if known else {}
            gone = _undone(known, streams)
            for id in known.keys() - gone.keys():
                command_id = self._caller.command_id(ids[id])
                found[command_id] = known[id]
                if self._earlier and self._was_done(known[id], streams):
                    self.done_before.add(command_id)
            for id, ending in gone.items():
                self._endings[ids[id]] = self._endings.get(ids[id], "") + ending
            left = {ids[id] for id in gone}
        return found

    def renewed(self, request: Request) -> Request:
        """The request, under another key where it was taken back."""
        ending = self._endings.get(request.idempotency_key or "")
        if ending is None:
            return request
        return request._replace(idempotency_key=f"{request.idempotency_key}{ending}")

    def _id(self, key: str) -> UUID:
        return self._caller.command_id(key + self._endings.get(key, ""))

    def _was_done(self, receipt: StoredReceipt, streams: Streams) -> bool:
        events = streams.get(receipt.stream_id, ())
        if not 0 < receipt.version <= len(events):
            return False
        own = events[receipt.version - 1]
        return own.command_id == receipt.command_id and self._earlier.did(own)


class RenewingConveyor(Conveyor):
    """Carries requests out, those that were taken back under other keys."""

    def __init__(self, application: Application, renewing: Renewing) -> None:
        super().__init__(application)
        self._renewing = renewing

    def put(self, request: Request, caller: Caller, done: Callback) -> None:
        super().put(self._renewing.renewed(request), caller, done)


def _undone(known: Mapping[UUID, StoredReceipt], streams: Streams) -> dict[UUID, str]:
    """What was taken back: command id → the ending of the key under which it is made again."""
    return {
        id: f"/after/{receipt.stream_id}:{receipt.version}"
        for id, receipt in known.items()
        if _is_undone(receipt, streams.get(receipt.stream_id, ()))
    }


def _is_undone(receipt: StoredReceipt, events: Sequence[StoredEvent]) -> bool:
    """Whether its record is withdrawn, or what it changed was reverted with all of its import."""
    ends = {n: at for at, n in enumerate(map(_name, events)) if n in (_WITHDRAWN, _REINSTATED)}
    reinstated = ends.get(_REINSTATED, -1)
    if ends.get(_WITHDRAWN, -1) > reinstated:
        return True
    if not 0 < receipt.version <= len(events):
        return False
    own = events[receipt.version - 1]
    return own.command_id == receipt.command_id and any(
        _name(event) in _TAKEN_BACK
        and (event.origin, event.correlation_id) == (IMPORT, own.correlation_id)
        for event in events[max(receipt.version, reinstated) :]  # With it came back what it had.
    )


def _name(event: StoredEvent) -> str:
    return event.topic.rpartition(".")[2]
