"""One customer's story: what is asked of the system, by whom, when; drawn from a seed."""

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from random import Random
from typing import Any

from adapters.demo import business, names, sayings, truths
from adapters.demo.arrival import Arrival, Double
from adapters.demo.care import Care
from adapters.demo.deals import Deals, Span
from adapters.demo.diary import Diary, Setting, Step, money
from adapters.demo.people import SUBSIDIARY, People
from adapters.demo.service import Service
from adapters.demo.size import Size
from adapters.demo.staff import Seat
from adapters.demo.talk import Talk

GRADES = {"大客户": "a", "常购客户": "b", "备件客户": "c", "零散客户": "c"}
LONG = timedelta(400)
"""So long after the history's end, what happens is of no interest to it."""
HALF_A_YEAR = timedelta(180)
WARNING = timedelta(30)
"""Nobody who is about to leave begins to buy something so shortly before the last word."""
BEFORE = 8
"""Days for which a later purchase is spoken about before it is made."""


class Story:
    """Everything that happens with one customer."""

    def __init__(self, setting: Setting, number: int) -> None:
        self.arrival = Arrival.of(setting, number)
        chance = Random(f"{setting.seed}/{number}")
        self.diary = Diary(setting, str(number), chance)
        arrival = self.arrival
        talk = Talk(chance)
        self.people = People(self.diary, arrival.customer_id, number, arrival.seat, talk)
        self.deals = Deals(self.diary, arrival, self.people)
        self._never = datetime.combine(setting.end + LONG, time.min, setting.zone)
        self.care = Care(self.diary, arrival, self.people, self.deals)

    def steps(self) -> list[Step]:
        """In no order."""
        known_at = self.diary.moment(self.arrival.on)
        person = self._register(known_at)
        self.people.live()
        won_at = self.deals.first(known_at)
        self._learn(known_at)
        if won_at is None:
            self._not_bought(known_at)
        else:
            self._bought(won_at)
        self._hand_over(known_at, (*self.deals.spans, *self.care.spans))
        self._double(person)
        self._look_alike(known_at)
        if won_at is None:
            self._put_aside()
        return self.diary.steps

    def _register(self, at: datetime) -> dict[str, Any]:
        chance, company = self.diary.chance, self.arrival.company
        person, owner = self.people.begin(at), self.arrival.seat.holder(at.date())
        product = chance.choice(business.PRODUCTS[self.arrival.segment.products]).name
        size = Size.of(chance, self.arrival.segment.tag)
        tags = chance.sample(business.TAGS, chance.randint(0, 2))
        self.diary.ask(
            at,
            owner,
            "customers/register",
            self.arrival.customer_id,
            name=company.name,
            short_name=company.short_name,
            industry=company.industry,
            source=self.arrival.source,
            region=company.city.province,
            address=names.address(company.city, chance.randrange(10_000)),
            phone=names.landline(self.diary.setting.seed, self.people.number, company.city),
            employees=size.employees,
            annual_revenue=money(size.revenue),
            founded_on=size.founded_on,
            website=names.website(company.city, self.arrival.number),
            needs=business.ENQUIRIES[self.arrival.source].format(product=product),
            tags=tuple(tags),
            owner_id=owner.id,
            primary_contact=person,
        )
        return person

    def _learn(self, known_at: datetime) -> None:
        """What is found out and changes with time."""
        diary, chance, seat = self.diary, self.diary.chance, self.arrival.seat
        id = self.arrival.customer_id
        if diary.happens(0.6):
            at = diary.days_later(known_at, 7, 120)
            why, by = chance.choice(business.NEEDS_REASONS), seat.holder(at.date())
            product, needs = self.deals.product_at(at), chance.choice(business.NEEDS)
            needs = self.people.talk.worded(needs, at.date(), product)
            diary.ask(at, by, "customers/change-details", id, why, needs=needs)
        if diary.happens(0.3):
            at = diary.days_later(known_at, 200, 700)
            address = names.address(self.arrival.company.city, chance.randrange(10_000, 20_000))
            by = seat.holder(at.date())
            diary.ask(at, by, "customers/change-details", id, "客户搬迁新厂", address=address)

    def _not_bought(self, known_at: datetime) -> None:
        diary, span = self.diary, self.deals.spans[0]
        at = diary.days_later(known_at, 2, 12)
        if diary.happens(0.6):
            by = self.arrival.seat.holder(at.date())
            id, why = self.arrival.customer_id, business.ASKED
            diary.ask(at, by, "customers/classify", id, why, type="interested")
        self.care.of_prospect(span.end or known_at)

    def _put_aside(self) -> None:
        """Nobody expects anything of the customer any more; but what is to be joined stays."""
        if Double.of(self.diary.setting, self.arrival) is not None:
            return
        last = max(step.at for step in self.diary.steps if step.at is not None)
        at = self.diary.days_later(last, 60, 150)
        by, id = self.arrival.seat.holder(at.date()), self.arrival.customer_id
        self.diary.ask(at, by, "customers/archive", id, business.PUT_ASIDE)

    def _bought(self, won_at: datetime) -> None:
        diary, segment = self.diary, self.arrival.segment
        self._classify(won_at)
        service = Service(diary, self.arrival, self.people, self._last_word(won_at))
        service.live(won_at)
        quiet_at = service.quiet_at
        self._buy_again(won_at, quiet_at)
        until = quiet_at if segment.interval else min(quiet_at, won_at + HALF_A_YEAR)
        self.care.of_buyer(won_at, until)
        if quiet_at < self._never:
            self.care.of_leaver(quiet_at)

    def _classify(self, won_at: datetime) -> None:
        diary, tag = self.diary, self.arrival.segment.tag
        at, id = diary.hours_later(won_at, 0.2, 2), self.arrival.customer_id
        by, why = self.arrival.seat.holder(at.date()), business.BOUGHT
        diary.ask(at, by, "customers/classify", id, why, type="customer", grade=GRADES[tag])
        diary.ask(diary.hours_later(at, 0.1, 1), by, "customers/tag", id, tags=(tag,))

    def _last_word(self, won_at: datetime) -> datetime:
        """When the customer speaks for the last time, bad service left aside."""
        leaving = self.arrival.segment.leaving
        if leaving == 0:
            return self._never
        within_a_year = self.diary.chance.random() / leaving
        days = max(40, round(365 * within_a_year))
        return min(self._never, won_at + timedelta(days))

    def _buy_again(self, won_at: datetime, quiet_at: datetime) -> None:
        diary, segment = self.diary, self.arrival.segment
        if segment.interval is None:
            return
        at = won_at
        while True:
            days = max(
                14.0, diary.chance.gauss(segment.interval, segment.interval * segment.spread)
            )
            at += timedelta(days)
            opened_at = diary.moment((at - timedelta(BEFORE)).date())
            if opened_at > quiet_at - WARNING or opened_at.date() >= diary.setting.end:
                return
            self.deals.again(opened_at)

    def _hand_over(self, known_at: datetime, spans: Iterable[Span]) -> None:
        """What is open when somebody leaves goes to who comes after."""
        open_things = list(spans)
        known = Span("customers", self.arrival.customer_id, known_at, None)
        self._assign(self.arrival.seat, (known, *open_things))

    def _assign(self, seat: Seat, spans: Iterable[Span]) -> None:
        manager = self.diary.setting.staff.manager_of(seat.department)
        for span in spans:
            for on in seat.handovers:
                if span.begin.date() < on and (span.end is None or on < span.end.date()):
                    at, owner_id = self.diary.moment(on), seat.holder(on).id
                    what = f"{span.aggregates}/assign"
                    self.diary.ask(at, manager, what, span.id, business.HANDOVER, owner_id=owner_id)

    def _double(self, person: dict[str, Any]) -> None:
        """Somebody else meets the same customer, and does not look whether it is there."""
        double = Double.of(self.diary.setting, self.arrival)
        if double is None:
            return
        diary, company = self.diary, self.arrival.company
        at, id = diary.moment(double.on), double.customer_id
        by = double.seat.holder(at.date())
        diary.ask(
            at,
            by,
            "customers/register",
            id,
            name=company.rewritten,
            short_name=company.short_name,
            industry=company.industry,
            source="phone",
            region=company.city.province,
            phone=names.landline(self.diary.setting.seed, self.people.number, company.city),
            owner_id=by.id,
            primary_contact=person,
        )
        later = diary.days_later(at, 2, 9)
        by, product = double.seat.holder(later.date()), self.deals.product_at(later)
        said = Talk(diary.chance).about(sayings.FIRST_CARES, later.date(), product, person["name"])
        diary.talk(later, by, "customers", id, said, direction="out")
        self._assign(double.seat, (Span("customers", id, at, None),))

    def _look_alike(self, known_at: datetime) -> None:
        """A subsidiary with nearly the same name, which is another customer."""
        diary, company, seat = self.diary, self.arrival.company, self.arrival.seat
        if not diary.happens(truths.LOOK_ALIKES):
            return
        at, id = diary.days_later(known_at, 30, 200), diary.setting.id(f"subsidiary/{diary.name}")
        by, other_id = seat.holder(at.date()), self.arrival.customer_id
        person = names.person(diary.chance.randrange(100_000))
        phone = self.people.phone(SUBSIDIARY)
        is_told = diary.ask(
            at,
            by,
            "customers/register",
            id,
            name=company.subsidiary,
            industry=company.industry,
            source="referral",
            parent_id=other_id,
            owner_id=by.id,
            primary_contact={"name": person.name, "phone": phone},
        )
        if is_told:
            later = diary.days_later(at, 1, 5)
            why, by = "独立法人，分别签约", seat.holder(later.date())
            diary.ask(later, by, "customers/mark-distinct", id, why, other_id=other_id)
            self._assign(seat, (Span("customers", id, at, None),))


def stories(setting: Setting, numbers: Iterable[int]) -> Iterator[list[Step]]:
    """Customers' stories, each in order of time."""
    for number in numbers:
        yield sorted(Story(setting, number).steps(), key=lambda step: step.at or datetime.max)
