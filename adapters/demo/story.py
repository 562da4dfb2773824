"""One customer's story: what is asked of the system, by whom, when; drawn from a seed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from adapters.demo import business, names
from adapters.seeds import NAMESPACE
from commands.base import COMMANDS, Meta
from commands.requests import Caller, Request

STAGES = ("lead", "first_contact", "proposal", "negotiating")


def demo_id(seed: int, name: str) -> UUID:
    """The id of what a demo calls so."""
    return uuid5(NAMESPACE, f"demo/{seed}/{name}")


@dataclass(frozen=True, slots=True)
class Setting:
    """What every story of one demo has in common."""

    seed: int
    begin: date
    end: date
    """The first day on which nothing happens any more."""
    zone: ZoneInfo
    sellers: tuple[UUID, ...]

    def id(self, name: str) -> UUID:
        """The id of what the demo calls so."""
        return demo_id(self.seed, name)


@dataclass(frozen=True, slots=True)
class Step:
    """Something somebody asks for at some time."""

    at: datetime
    request: Request
    caller: Caller


class Story:
    """Everything that happens with one customer. Iterating tells it in order of time."""

    def __init__(self, setting: Setting, number: int) -> None:
        self._setting, self._number = setting, number
        self._chance = Random(f"{setting.seed}/{number}")
        self._customer_id = setting.id(f"customer/{number}")
        self._seller = self._chance.choice(setting.sellers)
        self._tags = tuple(self._chance.sample(business.TAGS, self._chance.randint(0, 2)))
        self._steps: list[Step] = []

    def __iter__(self) -> Iterator[Step]:
        days = (self._setting.end - self._setting.begin).days
        # Far enough from the end that a weekend does not push it out.
        known_on = _workday(self._setting.begin + timedelta(self._chance.randrange(days - 3)))
        self._register(known_on)
        sold = [self._sell(index, known_on) for index in range(self._chance.randint(1, 3))]
        self._look_after(known_on, [won_on for won_on in sold if won_on is not None])
        return iter(sorted(self._steps, key=lambda step: step.at))

    def _ask(
        self, on: date, command: str, id: UUID, reason: str | None = None, **fields: Any
    ) -> bool:
        """Ask for a command some time that day; False where the day is past the end."""
        at = self._office_hours(on)
        if at.date() >= self._setting.end:
            return False
        key = f"demo/{self._setting.seed}/{self._number}/{len(self._steps)}"
        made = COMMANDS[command].model_validate(fields)
        request = Request(made, id, Meta(reason=reason, occurred_at=at), idempotency_key=key)
        self._steps.append(Step(at, request, Caller(self._seller)))
        return True

    def _office_hours(self, on: date) -> datetime:
        """A moment of that day, or of the Monday after a weekend."""
        seconds = self._chance.randrange(9 * 3600, 18 * 3600)
        start = datetime.combine(_workday(on), time.min, self._setting.zone)
        return start + timedelta(seconds=seconds)

    def _register(self, on: date) -> None:
        company = names.company(self._setting.seed, self._number)
        chance, number = self._chance, self._setting.seed * 100_000 + self._number
        contact = names.person(chance.randrange(100_000))
        self._ask(
            on,
            "customers/register",
            self._customer_id,
            name=company.name,
            short_name=company.short_name,
            industry=company.industry,
            source=chance.choice(business.SOURCES),
            region=company.place,
            address=f"{company.place}市工业园{chance.randint(1, 40)}路{chance.randint(1, 300)}号",
            employees=chance.choice((35, 80, 160, 420, 900, 2600)),
            annual_revenue=_money(chance.randint(5, 900) * 1_000_000),
            tags=self._tags,
            owner_id=self._seller,
            primary_contact={
                "name": contact.name,
                "phone": names.mobile(number),
                "email": f"{contact.login}@example.com",
                "job_title": chance.choice(business.TITLES),
            },
        )

    def _look_after(self, known_on: date, won_on: list[date]) -> None:
        chance, id = self._chance, self._customer_id
        if chance.random() < 0.7:
            needs, why = chance.choice(business.NEEDS), chance.choice(business.NEEDS_REASONS)
            later = known_on + timedelta(days=chance.randint(7, 60))
            self._ask(later, "customers/change-details", id, why, needs=needs)
        if chance.random() < 0.25:
            later = known_on + timedelta(days=chance.randint(30, 200))
            phone, why = (
                names.mobile(chance.randrange(100_000)),
                chance.choice(business.PHONE_REASONS),
            )
            self._ask(later, "customers/change-details", id, why, phone=phone)
        if chance.random() < 0.5:
            later = known_on + timedelta(days=chance.randint(5, 40))
            tag = chance.choice([tag for tag in business.TAGS if tag not in self._tags])
            self._ask(later, "customers/tag", id, tags=(tag,))
        if won_on:
            grade = chance.choice("aabbbcc")
            self._ask(min(won_on), "customers/classify", id, type="customer", grade=grade)
        elif chance.random() < 0.6:
            later = known_on + timedelta(days=chance.randint(3, 30))
            self._ask(later, "customers/classify", id, type="interested")
        if chance.random() < 0.15:
            later = known_on + timedelta(days=chance.randint(60, 250))
            others = [seller for seller in self._setting.sellers if seller != self._seller]
            self._ask(later, "customers/assign", id, owner_id=chance.choice(others))

    def _sell(self, index: int, known_on: date) -> date | None:
        """An opportunity from its opening as far as it comes; the day it was won, if it was."""
        chance, id = self._chance, self._setting.id(f"opportunity/{self._number}/{index}")
        on = known_on + timedelta(days=1 + index * chance.randint(60, 150) + chance.randrange(20))
        product, count = chance.choice(business.PRODUCTS), chance.choice((1, 1, 1, 2, 3))
        amount = product.price * count
        is_open = self._ask(
            on,
            "opportunities/open",
            id,
            title=f"{product.name} × {count}",
            customer_id=self._customer_id,
            amount=_money(amount),
            products=(product.name,),
            expected_close_on=on + timedelta(days=chance.choice((60, 90, 120))),
            owner_id=self._seller,
            strengths=chance.choice(business.STRENGTHS),
            weaknesses=chance.choice(business.WEAKNESSES),
        )
        return self._work_on(id, on, amount) if is_open else None

    def _work_on(self, id: UUID, on: date, amount: int) -> date | None:
        chance = self._chance
        for stage in STAGES[1:]:
            on += timedelta(days=chance.randint(4, 35))
            if chance.random() < 0.12:
                self._lose(id, on)
                return None
            if not self._ask(on, "opportunities/advance", id, stage=stage):
                return None
            if stage == "proposal" and chance.random() < 0.5:
                on += timedelta(days=chance.randint(3, 14))
                amount = round(amount * chance.choice((85, 92, 95, 110)) / 100)
                why = chance.choice(business.AMOUNT_REASONS)
                self._ask(on, "opportunities/change-amount", id, why, amount=_money(amount))
        on += timedelta(days=chance.randint(5, 40))
        if chance.random() < 0.4:
            self._lose(id, on)
            return None
        return self._win(id, on, amount)

    def _win(self, id: UUID, on: date, amount: int) -> date | None:
        on = _workday(on)
        is_won = self._ask(on, "opportunities/win", id, won_on=on, amount=_money(amount))
        return on if is_won else None

    def _lose(self, id: UUID, on: date) -> None:
        on = _workday(on)
        why = self._chance.randrange(len(business.LOST_REASONS))
        note = business.NOTES[min(why, len(business.NOTES) - 1)]
        said = {"note": note} if note else {}
        self._ask(
            on, "opportunities/lose", id, lost_on=on, lost_reason=business.LOST_REASONS[why], **said
        )


def _workday(on: date) -> date:
    return on + timedelta(days=7 - on.weekday()) if on.weekday() > 4 else on


def _money(amount: int) -> dict[str, str]:
    return {"amount": str(amount), "currency": "CNY"}


def told(stories: Iterable[Story]) -> list[Step]:
    """Several stories in order of time."""
    return sorted((step for story in stories for step in story), key=lambda step: step.at)
