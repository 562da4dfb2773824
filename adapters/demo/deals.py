"""A customer's opportunities: how they are answered, worked on, won and lost."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from adapters.demo import bargaining, business, truths
from adapters.demo.arrival import Arrival
from adapters.demo.business import Product
from adapters.demo.diary import Diary, money
from adapters.demo.people import People
from adapters.demo.sayings import Saying

Sayings = tuple[Saying, ...]


class Span(NamedTuple):
    """From when until when something of the customer's is open."""

    aggregates: str
    """Such as ``opportunities``."""
    id: UUID
    begin: datetime
    end: datetime | None


class Order(NamedTuple):
    product: Product
    quantity: int
    amount: int
    """In CNY, as it is quoted first."""


@dataclass
class Deals:
    """Opens opportunities and brings them to an end."""

    diary: Diary
    arrival: Arrival
    people: People
    spans: list[Span] = field(default_factory=list)
    _asked: list[Product] = field(default_factory=list)
    _bought: list[tuple[datetime, Product]] = field(default_factory=list)

    def product_at(self, at: datetime) -> str:
        """What there is to talk about then: what was bought last, else what was asked for."""
        bought = (p for since, p in reversed(self._bought) if since < at)
        return next(bought, self._asked[0]).name

    def first(self, at: datetime) -> datetime | None:
        """What the customer asks for when it comes; when it was won, if it was."""
        chance = self.diary.chance
        weights = [share for share, _, _ in truths.RESPONSE_WINS]
        _, hours, wins = chance.choices(truths.RESPONSE_WINS, weights)[0]
        order = self._wanted()
        self._asked.append(order.product)
        id, at = self._open(self.diary.hours_later(at, 0.1, 0.5), order, "lead")
        answered_at = self.diary.hours_later(at, *hours)
        answers = self._of(bargaining.ANSWERS_OF_MACHINES, bargaining.ANSWERS_OF_PARTS)
        self._talk(id, answered_at, answers, order.product)
        won_at, ended_at = self._work(id, answered_at, order, wins)
        self.spans.append(Span("opportunities", id, at, ended_at))
        return won_at

    def again(self, at: datetime) -> datetime | None:
        """A later purchase; the customer knows what it wants."""
        order = self._wanted()
        id, at = self._open(at, order, "proposal")
        talked_at = self.diary.hours_later(at, 0.5, 6)
        self._talk(id, talked_at, bargaining.REPEATS, order.product, "in")
        later = self.diary.days_later(talked_at, 2, 6)
        self._advance(id, later, "negotiating")
        closed_at = self.diary.days_later(later, 2, 5)
        won_at = self._close(id, closed_at, order, truths.REPEAT_WINS)
        self.spans.append(Span("opportunities", id, at, closed_at))
        return won_at

    def _wanted(self) -> Order:
        """At list price, less a discount; machines also with options."""
        chance, what = self.diary.chance, self.arrival.segment.products
        most = {"line": 1, "machine": 2, "part": 3}[what]
        product, count = chance.choice(business.PRODUCTS[what]), chance.randint(1, most)
        share = chance.uniform(0.86, 1.0) if what == "part" else chance.uniform(0.91, 1.14)
        return Order(product, count, round(product.price * count * share / 100) * 100)

    def _open(self, at: datetime, order: Order, stage: str) -> tuple[UUID, datetime]:
        chance, seat = self.diary.chance, self.arrival.seat
        id = self.diary.setting.id(f"opportunity/{self.diary.name}/{len(self.spans)}")
        owner, (contact_id, _) = seat.holder(at.date()), self.people.at(at)
        self.diary.ask(
            at,
            owner,
            "opportunities/open",
            id,
            title=f"{self.arrival.company.short_name} {order.product.name} × {order.quantity}",
            customer_id=self.arrival.customer_id,
            amount=money(order.amount),
            products=(order.product.name,),
            stage=stage,
            source=self.arrival.source,
            expected_close_on=self.diary.days_later(at, 30, 120).date(),
            decision_maker_id=contact_id,
            owner_id=owner.id,
            strengths=chance.choice(business.STRENGTHS),
            weaknesses=chance.choice(business.WEAKNESSES),
        )
        return id, at

    def _work(
        self, id: UUID, at: datetime, order: Order, wins: float
    ) -> tuple[datetime | None, datetime]:
        """From the first answer to the end: when it was won, if it was, and when it ended."""
        diary, chance = self.diary, self.diary.chance
        at = diary.hours_later(at, 0.2, 3)
        self._advance(id, at, "first_contact")
        # What is lost is lost at any stage, what is won goes through all of them.
        is_won = diary.happens(wins)
        stages = 3 if is_won else chance.randint(1, 3)
        for stage in ("proposal", "negotiating")[: stages - 1]:
            at = diary.days_later(at, 5, 30)
            self._visit(id, at, order.product, stage)
            at = diary.days_later(at, 2, 14)
            self._advance(id, at, stage)
            # A holiday may begin meanwhile, and then it ends no sooner than what comes next.
            at = self._reconsider(id, at, stage, order.amount)
        at = diary.days_later(at, 5, 40)
        won_at = self._close(id, at, order, 1.0 if is_won else 0.0)
        return won_at, at

    def _reconsider(self, id: UUID, at: datetime, stage: str, amount: int) -> datetime:
        """The price is talked about once there is one, the day once it is agreed; answers when."""
        diary, chance = self.diary, self.diary.chance
        at = diary.hours_later(at, 0.5, 4)
        by = self.arrival.seat.holder(at.date())
        if stage == "proposal" and diary.happens(0.4):
            amount = round(amount * chance.choice((0.92, 0.95, 0.97, 1.04)) / 100) * 100
            why = chance.choice(business.AMOUNT_REASONS)
            diary.ask(at, by, "opportunities/change-amount", id, why, amount=money(amount))
        elif stage == "negotiating" and diary.happens(0.3):
            on = diary.days_later(at, 130, 180).date()
            diary.ask(at, by, "opportunities/reschedule", id, expected_close_on=on)
        return at

    def _visit(self, id: UUID, at: datetime, product: Product, stage: str) -> None:
        visits = self._of(bargaining.VISITS_OF_MACHINES, bargaining.VISITS_OF_PARTS)
        self._talk(id, at, bargaining.TERMS if stage == "negotiating" else visits, product)
        if self.diary.happens(0.35):
            purpose, cost = self.diary.chance.choice(business.EXPENSES)
            later = self.diary.hours_later(at, 1, 8)
            fields: dict[str, Any] = {
                "amount": money(cost),
                "purpose": purpose,
                "spent_on": at.date(),
            }
            by = self.arrival.seat.holder(later.date())
            self.diary.ask(later, by, "opportunities/record-expense", id, **fields)

    def _of(self, machines: Sayings, parts: Sayings) -> Sayings:
        return parts if self.arrival.segment.products == "part" else machines

    def _talk(
        self, id: UUID, at: datetime, of: Sayings, product: Product, direction: str = "out"
    ) -> None:
        (contact_id, name), by = self.people.at(at), self.arrival.seat.holder(at.date())
        said = self.people.talk.about(of, at.date(), product.name, name)
        with_whom = {"direction": direction, "contact_ids": (contact_id,)}
        self.diary.talk(at, by, "opportunities", id, said, **with_whom)

    def _advance(self, id: UUID, at: datetime, stage: str) -> None:
        by = self.arrival.seat.holder(at.date())
        self.diary.ask(at, by, "opportunities/advance", id, stage=stage)

    def _close(self, id: UUID, at: datetime, order: Order, wins: float) -> datetime | None:
        by, on = self.arrival.seat.holder(at.date()), at.date()
        if self.diary.happens(wins):
            is_told = self.diary.ask(at, by, "opportunities/win", id, won_on=on)
            if is_told:
                self._bought.append((at, order.product))
            return at if is_told else None
        why = self._reason(order.amount)
        note = self.diary.chance.choice(business.LOSSES[why])
        self.diary.ask(at, by, "opportunities/lose", id, lost_on=on, lost_reason=why, note=note)
        return None

    def _reason(self, amount: int) -> str:
        """Why it was lost."""
        named = {"price": truths.NAMED_ELSEWHERE, "competitor": truths.NAMED_ELSEWHERE}
        if amount < truths.SMALL:
            named["price"] = truths.PRICE_WHEN_SMALL
        elif self.arrival.company.industry == truths.COMPETITOR_INDUSTRY:
            named["competitor"] = truths.COMPETITOR_THERE
        others = [reason for reason in business.LOSSES if reason not in named]
        left = (1 - sum(named.values())) / len(others)
        weights = [named.get(reason, left) for reason in business.LOSSES]
        return self.diary.chance.choices([*business.LOSSES], weights)[0]
