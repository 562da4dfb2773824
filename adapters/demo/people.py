"""A customer's people: the first contact, who comes after, and new numbers."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from adapters.demo import business, names
from adapters.demo.diary import Diary
from adapters.demo.staff import Seat
from adapters.demo.talk import Talk
from aggregates.base import derived

FIRST, SECOND, SUCCESSOR, NEW, SUBSIDIARY = NUMBERS = range(5)
"""Whose mobile number is which of a customer's."""
LEAVES, ANOTHER, NEW_PHONE = 0.25, 0.35, 0.15
"""Shares of customers: whose first contact leaves, who have a second one, whose number changes."""
BIRTHDAY_KNOWN = 0.5
"""Share of first contacts whose birthday is learnt."""


@dataclass
class People:
    """Whom to talk to at a customer, at any moment."""

    diary: Diary
    customer_id: UUID
    number: int
    """The customer's."""
    seat: Seat
    talk: Talk
    _since: list[tuple[datetime, UUID, str]] = field(default_factory=list)

    def begin(self, at: datetime) -> dict[str, Any]:
        """The first contact's details."""
        id = derived(self.customer_id, "primary-contact")
        details = self._person(FIRST)
        self._since.append((at, id, details["name"]))
        return details

    def live(self) -> None:
        """What becomes of them."""
        (begun, first, _), chance = self._since[0], self.diary.chance
        if self.diary.happens(BIRTHDAY_KNOWN):
            at = self.diary.days_later(begun, 5, 80)
            by, born = self.seat.holder(at.date()), self._birthday()
            self.diary.ask(at, by, "contacts/change-details", first, birthday=born)
        if self.diary.happens(ANOTHER):
            at = self.diary.days_later(begun, 10, 200)
            self._add("second", at, SECOND)
        if self.diary.happens(LEAVES):
            at = self.diary.days_later(begun, 120, 900)
            self._succeed(first, at)
        elif self.diary.happens(NEW_PHONE):
            at = self.diary.days_later(begun, 60, 600)
            phone = self.phone(NEW)
            why = chance.choice(business.PHONE_REASONS)
            by = self.seat.holder(at.date())
            self.diary.ask(at, by, "contacts/change-details", first, why, phone=phone)

    def at(self, at: datetime) -> tuple[UUID, str]:
        """Id and name of whom one talks to then."""
        return next((id, name) for since, id, name in reversed(self._since) if since < at)

    def _succeed(self, first: UUID, at: datetime) -> None:
        """Somebody else does the first one's work."""
        name = self._add("successor", at, SUCCESSOR)
        if name is None:
            return
        id = self.diary.setting.id(f"contact/{self.diary.name}/successor")
        self._since.append((at, id, name))
        later = self.diary.days_later(at, 1, 3)
        self.diary.ask(later, self.seat.holder(later.date()), "contacts/retire", first)

    def _add(self, what: str, at: datetime, which: int) -> str | None:
        id = self.diary.setting.id(f"contact/{self.diary.name}/{what}")
        details = self._person(which)
        role = self.diary.chance.choice(business.ROLES)
        known = {"role": role, "birthday": self._birthday()}
        fields: dict[str, Any] = {**details, **known, "customer_id": self.customer_id}
        by = self.seat.holder(at.date())
        return details["name"] if self.diary.ask(at, by, "contacts/add", id, **fields) else None

    def phone(self, which: int) -> str:
        """A mobile number of theirs."""
        return names.mobile(*self._numbered(which))

    def _numbered(self, which: int) -> tuple[int, int]:
        """The seed, and a number that nobody else of it has."""
        return self.diary.setting.seed, self.number * len(NUMBERS) + which

    def _person(self, which: int) -> dict[str, Any]:
        chance = self.diary.chance
        person = names.person(chance.randrange(100_000))
        return {
            "name": person.name,
            "phone": self.phone(which),
            "email": names.email(*self._numbered(which), person.login),
            "job_title": chance.choice(business.TITLES),
        }

    def _birthday(self) -> date:
        chance = self.diary.chance
        return date(chance.randint(1964, 1994), 1, 1) + timedelta(chance.randrange(365))
