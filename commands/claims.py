"""What the requests of one atomic batch claim together: values reserved and marks carried."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from commands.ports import Append, Lookups
from commands.preparation import Prepared

Pair = tuple[bytes, UUID]


class Claims(Lookups):
    """Looks values up as they will be once the requests before are stored.

    What one request reserves and a later one gives up is not claimed at all.
    """

    def __init__(self, log: Lookups) -> None:
        self._log = log
        self._reserved: dict[bytes, UUID] = {}
        self._released: dict[bytes, UUID] = {}
        self._marks: dict[Pair, bool] = {}
        """Whether the stream is marked with the key."""

    def take(self, prepared: Prepared) -> None:
        """Add a request's claims. Raises its rejection where somebody else has a value."""
        unit = prepared.unit
        holders = self.holders([key for key, _ in unit.reserve]) if unit.reserve else {}
        for key, holder in unit.reserve:
            other = holders.get(key, holder)
            if other != holder and key in prepared.rejections:
                raise prepared.rejections[key](existing_id=str(other))
        for key, holder in unit.release:
            if self._reserved.pop(key, None) is None:
                self._released[key] = holder
        for key, holder in unit.reserve:
            if key not in self._reserved and self._released.get(key) == holder:
                del self._released[key]
            else:
                self._reserved[key] = holder
        self._marks |= dict.fromkeys(unit.unmark, False)
        self._marks |= dict.fromkeys(unit.mark, True)

    def put_on(self, unit: Append) -> Append:
        """The unit with all that is claimed and given up."""
        return unit._replace(
            reserve=tuple(self._reserved.items()),
            release=tuple(self._released.items()),
            mark=tuple(pair for pair, is_marked in self._marks.items() if is_marked),
            unmark=tuple(pair for pair, is_marked in self._marks.items() if not is_marked),
        )

    def holders(self, keys: Sequence[bytes]) -> Mapping[bytes, UUID]:
        found = {k: h for k, h in self._log.holders(keys).items() if self._released.get(k) != h}
        return found | {key: self._reserved[key] for key in keys if key in self._reserved}

    def marked(self, keys: Sequence[bytes]) -> Mapping[bytes, tuple[UUID, ...]]:
        found = {key: dict.fromkeys(ids) for key, ids in self._log.marked(keys).items()}
        for (key, id), is_marked in self._marks.items():
            if key in keys and is_marked:
                found.setdefault(key, {})[id] = None
            elif key in keys and key in found:
                found[key].pop(id, None)
        return {key: tuple(ids) for key, ids in found.items() if ids}
