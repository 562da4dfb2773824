"""The people of the simulated company: who sits where, from when until when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from random import Random
from uuid import UUID, uuid5

from adapters.demo import names, truths
from adapters.seeds import NAMESPACE

SALES = ("华东销售部", "华南销售部", "北方销售部")
SERVICE = "售后服务部"
DEPARTMENTS = (*SALES, SERVICE)
DIRECTOR = "director"
CUSTOMERS_EACH = 60
"""How many customers one who sells looks after, in a company of some size."""
FEWEST, MOST = 3, 100
"""Seats of a department."""


def demo_id(seed: int, name: str) -> UUID:
    """The id of what a demo calls so."""
    return uuid5(NAMESPACE, f"demo/{seed}/{name}")


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of the staff. ``role`` tells the id: director, manager/0, seat/0/2/1."""

    id: UUID
    role: str
    name: str
    login: str
    department: str
    superior_id: UUID | None
    entered_on: date
    left_on: date | None = None


@dataclass(frozen=True)
class Seat:
    """A place at which one person follows another."""

    department: str
    holders: tuple[Member, ...]

    def holder(self, on: date) -> Member:
        """Who has it that day; on the day of a handover, the successor."""
        return next(m for m in reversed(self.holders) if m.entered_on <= on)

    @cached_property
    def handovers(self) -> tuple[date, ...]:
        return tuple(member.entered_on for member in self.holders[1:])


class Staff:
    """Everybody who works there between two days."""

    def __init__(self, seed: int, begin: date, end: date, customers: int) -> None:
        self._seed, self._begin, self._end = seed, begin, end
        self._chance = Random(f"{seed}/staff")
        self._numbers = iter(range(seed * 1_000, seed * 1_000_000))
        self._logins: dict[str, int] = {}
        wanted = customers // (CUSTOMERS_EACH * len(SALES))
        self._seats_each = min(MOST, max(FEWEST, wanted))
        self.director = self._member(DIRECTOR, "总经办", None, begin)
        self.managers = tuple(
            self._member(f"manager/{n}", department, self.director.id, begin)
            for n, department in enumerate(DEPARTMENTS)
        )
        seats = [self._seats(n, manager) for n, manager in enumerate(self.managers)]
        self.sellers = tuple(seat for of in seats[: len(SALES)] for seat in of)
        self.engineers = seats[-1]

    def __iter__(self) -> Iterator[Member]:
        """Everybody, superiors first."""
        yield self.director
        yield from self.managers
        for seat in (*self.sellers, *self.engineers):
            yield from seat.holders

    def manager_of(self, department: str) -> Member:
        return self.managers[DEPARTMENTS.index(department)]

    def _seats(self, index: int, manager: Member) -> tuple[Seat, ...]:
        return tuple(
            Seat(manager.department, tuple(self._holders(f"seat/{index}/{place}", manager)))
            for place in range(self._seats_each)
        )

    def _holders(self, role: str, manager: Member) -> Iterator[Member]:
        """One after the other; engineers stay."""
        entered_on, order = self._begin, 0
        sells = manager.department != SERVICE
        while True:
            days = round(self._chance.expovariate(truths.TURNOVER / 365)) + 90
            left_on = workday(entered_on + timedelta(days)) if sells else self._end
            leaves = left_on < self._end - timedelta(7)
            yield self._member(
                f"{role}/{order}",
                manager.department,
                manager.id,
                entered_on,
                left_on if leaves else None,
            )
            if not leaves:
                return
            entered_on, order = left_on, order + 1

    def _member(
        self,
        role: str,
        department: str,
        superior_id: UUID | None,
        entered_on: date,
        left_on: date | None = None,
    ) -> Member:
        person = names.person(next(self._numbers))
        taken = self._logins[person.login] = self._logins.get(person.login, 0) + 1
        login = person.login + (str(taken) if taken > 1 else "")
        login += "" if self._seed == 1 else f".{self._seed}"
        id = demo_id(self._seed, f"staff/{role}")
        return Member(id, role, person.name, login, department, superior_id, entered_on, left_on)


def workday(on: date) -> date:
    """The day itself, or the next one on which the company works."""
    while on.weekday() > 4 or (on.month, on.day) in HOLIDAYS:
        on += timedelta(1)
    return on


HOLIDAYS = frozenset(
    {(1, 1), *((5, day) for day in range(1, 4)), *((10, day) for day in range(1, 8))}
)
"""New Year, Labour Day, National Day."""
