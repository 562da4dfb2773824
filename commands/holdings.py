"""What a unit reserves, marks and gives up: what its records hold after it, against before."""

from collections.abc import Callable, Iterable
from uuid import UUID

from aggregates.base import Aggregate, Mark, Reservation
from aggregates.errors import Rejected

Held = tuple[set[Reservation], set[Mark]]
NOTHING: Held = (set(), set())
Pairs = tuple[tuple[bytes, UUID], ...]


def held_by(aggregate: Aggregate) -> Held:
    """What an aggregate holds before it is changed."""
    if aggregate.version == 0:
        return NOTHING
    return set(aggregate.reservations()), set(aggregate.marks())


class Holdings:
    """What is to be stored of it."""

    __slots__ = ("guarded", "mark", "rejections", "release", "reserve", "unmark")

    def __init__(
        self,
        own: Aggregate,
        begun: Iterable[Aggregate],
        held: Held,
        uses: Iterable[Reservation],
        key: Callable[[Reservation | Mark], bytes],
    ) -> None:
        """``own``: the record that held ``held`` before; ``begun``: records that begin with this
        unit, and held nothing. One that recorded nothing holds what it held."""
        reserve: dict[bytes, UUID] = {}
        self.rejections: dict[bytes, type[Rejected]] = {}
        """What to say where a reserved key turns out to be taken."""
        mark: dict[tuple[bytes, int], tuple[bytes, UUID]] = {}
        guarded: set[bytes] = set()
        still_reserved: set[Reservation] = set()
        still_marked: set[Mark] = set()
        for aggregate in (own, *begun):
            if not aggregate.version:
                continue
            before = held if aggregate is own else NOTHING
            for one in aggregate.reservations():
                if one in before[0]:
                    still_reserved.add(one)
                    continue
                of = key(one)
                reserve[of] = aggregate.id
                self.rejections[of] = one.rejection
            for found_by in aggregate.marks():
                if found_by in before[1]:
                    still_marked.add(found_by)
                    continue
                of = key(found_by)
                mark[of, aggregate.id.int] = of, aggregate.id
                if found_by.is_guarded:
                    guarded.add(of)
        gone = held[1] - still_marked
        guarded.update([key(found_by) for found_by in gone if found_by.is_guarded])
        reserve |= {key(use): own.id for use in uses}
        self.reserve: Pairs = tuple(reserve.items())
        self.release: Pairs = tuple([(key(one), own.id) for one in held[0] - still_reserved])
        self.mark: Pairs = tuple(mark.values())
        self.unmark: Pairs = tuple([(key(found_by), own.id) for found_by in gone])
        self.guarded = frozenset(guarded)
        """Marks, set or taken off, whose vacancy another request may require."""
