"""A customer's tickets: what is asked and complained of, how it is solved and rated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from adapters.demo import bargaining, business, truths
from adapters.demo.arrival import Arrival
from adapters.demo.cases import OF_MACHINES, OF_PARTS, Case
from adapters.demo.diary import Diary
from adapters.demo.people import People
from adapters.demo.staff import Member

LAST_BEFORE_SILENCE = timedelta(30)
"""Who is about to leave asks for nothing that would still be talked about when it is silent."""
HANDLING = {
    "complaint": ("on_site", "remote_support"),
    "after_sales": ("on_site", "on_site", "remote_support"),
    "consultation": ("phone_support", "remote_support"),
    "request": ("phone_support",),
}
SOON = 0.02
"""Hours between two things that are done on a ticket at nearly the same time."""
Cases = Mapping[str, Sequence[Case]]
"""Kinds of tickets, and what they may be about."""
BAD_SCORE = 2
DRIVEN_AWAY = 35, 60
"""Days from a bad rating to the last word."""


@dataclass
class Service:
    """Opens tickets and brings them to an end."""

    diary: Diary
    arrival: Arrival
    people: People
    quiet_at: datetime
    """The customer's last word, or the end of the history; moved by bad service."""
    count: int = 0

    def live(self, since: datetime) -> None:
        """All tickets from the first purchase on."""
        busiest = truths.TICKETS_A_YEAR * truths.SUMMER_FACTOR / 365
        at = self._later(since, busiest)
        while at < self.quiet_at - LAST_BEFORE_SILENCE and at.date() < self.diary.setting.end:
            is_summer = at.month in truths.SUMMER
            if is_summer or self.diary.happens(1 / truths.SUMMER_FACTOR):
                self._ticket(at)
            at = self._later(at, busiest)

    def _later(self, at: datetime, rate: float) -> datetime:
        days = 1 + round(self.diary.chance.expovariate(rate))
        return self.diary.moment(at.date() + timedelta(days))

    def _ticket(self, at: datetime) -> None:
        chance = self.diary.chance
        product = chance.choice(business.PRODUCTS[self.arrival.segment.products]).name
        is_faulty = product == truths.FAULTY
        share = truths.COMPLAINT_WHEN_FAULTY if is_faulty else truths.COMPLAINT_ELSE
        others = ("after_sales", "after_sales", "consultation", "request")
        kind = "complaint" if self.diary.happens(share) else chance.choice(others)
        engineer = chance.choice(self.diary.setting.staff.engineers).holder(at.date())
        is_slow = self.diary.happens(truths.SLOW)
        is_part = self.arrival.segment.products == "part"
        id, case = self._open(at, product, kind, OF_PARTS if is_part else OF_MACHINES, engineer)
        done_at = self._solve(id, at, kind, case, product, engineer, is_slow)
        self._afterwards(id, done_at, kind, case, engineer, is_slow)

    def _open(
        self, at: datetime, product: str, kind: str, cases: Cases, engineer: Member
    ) -> tuple[UUID, Case]:
        chance = self.diary.chance
        self.count += 1
        id = self.diary.setting.id(f"ticket/{self.diary.name}/{self.count}")
        contact_id, _ = self.people.at(at)
        priorities = ("urgent", "important") if kind == "complaint" else ("important", "normal")
        case, priority = chance.choice(cases[kind]), chance.choice(priorities)
        self.diary.ask(
            at,
            engineer,
            "tickets/open",
            id,
            customer_id=self.arrival.customer_id,
            subject=case.subject.format(product=product),
            kind=kind,
            priority=priority,
            description=chance.choice(business.DESCRIPTIONS),
            contact_id=contact_id,
            channel=chance.choice(("call", "call", "message", "email")),
            product=product,
            handling=chance.choice(HANDLING[kind]),
            owner_id=engineer.id,
            due_at=self.diary.hours_later(at, 24, 24),
        )
        return id, case

    def _solve(
        self,
        id: UUID,
        at: datetime,
        kind: str,
        case: Case,
        product: str,
        engineer: Member,
        is_slow: bool,
    ) -> datetime:
        """When it was completed."""
        diary, chance = self.diary, self.diary.chance
        hours = chance.uniform(*(truths.SLOW_HOURS if is_slow else truths.QUICK_HOURS))
        points = [
            diary.hours_later(at, hours * p, hours * p) for p in (0.15, 0.3, 0.5, 0.7, 0.85, 1)
        ]
        ask = self._asks(id, engineer)
        ask(points[0], "start")
        ask(points[1], "comment", text=chance.choice(case.notes), internal=True)
        self._correspond(ask, points, case)
        if is_slow:
            ask(points[2], "wait", reason=chance.choice(case.waits))
            if diary.happens(0.4):
                boss = diary.setting.staff.manager_of(engineer.department)
                why = chance.choice(business.ESCALATIONS)
                ask(points[3], "escalate", reason=why, to_id=boss.id)
            ask(points[4], "resume")
        if kind in ("complaint", "after_sales") and diary.happens(0.5):
            self._visit(id, diary.hours_later(points[4], 0.1, 0.1), product, engineer)
        ask(points[5], "complete", solution=chance.choice(case.solutions))
        return points[5]

    def _correspond(self, ask: Any, points: Sequence[datetime], case: Case) -> None:
        """What is written to and fro: one, two or three comments."""
        written = [(case.reports[0], False), *((answer, True) for answer in case.answers)]
        if self.diary.happens(0.5):
            written = [(case.answers[0], True), (case.reports[1], False), (case.answers[1], True)]
        many = self.diary.chance.randint(1, len(written))
        for (text, is_theirs), at in zip(written[:many], points[1:4], strict=False):
            at = self.diary.hours_later(at, SOON, SOON)
            contact_id, _ = self.people.at(at)
            ask(at, "comment", text=text, **({"author_id": contact_id} if is_theirs else {}))

    def _visit(self, id: UUID, at: datetime, product: str, engineer: Member) -> None:
        contact_id, name = self.people.at(at)
        said = self.people.talk.about(bargaining.ON_SITE, at.date(), product, name)
        with_whom = {"direction": "out", "contact_ids": (contact_id,)}
        self.diary.talk(at, engineer, "tickets", id, said, **with_whom)

    def _afterwards(
        self, id: UUID, done_at: datetime, kind: str, case: Case, engineer: Member, is_slow: bool
    ) -> None:
        diary, chance = self.diary, self.diary.chance
        ask, at = self._asks(id, engineer), done_at
        score = chance.choice(truths.SLOW_SCORES if is_slow else truths.QUICK_SCORES)
        if kind == "complaint":
            at = self._call_back(id, at, engineer, score)
        if diary.happens(truths.RATED):
            at = diary.hours_later(at, 1, 16)
            words = chance.choice(business.BLAME if is_slow else business.PRAISE)
            is_told = ask(at, "rate", score=score, **({"comment": words} if words else {}))
            if is_told and kind == "complaint" and score <= BAD_SCORE:
                self._maybe_driven_away(at)
        if kind == "complaint" and is_slow and diary.happens(0.15):
            at = diary.hours_later(at, 1, 10)
            ask(at, "reopen", reason=case.again)
            at = diary.hours_later(at, 4, 16)
            ask(at, "complete", solution=chance.choice(case.solutions))
            at = self._call_back(id, at, engineer, score)
        ask(diary.hours_later(at, 8, 30), "close")

    def _call_back(self, id: UUID, at: datetime, engineer: Member, score: int) -> datetime:
        """Call who complained; some are reached at the second try, some never."""
        diary, ask = self.diary, self._asks(id, engineer)
        if diary.happens(0.25):
            at = diary.hours_later(at, 2, 8)
            ask(at, "record-callback", reached=False)
        if diary.happens(0.1):
            return at
        at = diary.hours_later(at, 2, 12)
        is_satisfied = score > BAD_SCORE
        said = business.SATISFIED if is_satisfied else business.DISSATISFIED
        note = diary.chance.choice(said)
        ask(at, "record-callback", satisfied=is_satisfied, note=note)
        return at

    def _maybe_driven_away(self, at: datetime) -> None:
        if self.diary.happens(truths.LEAVES_AFTER_BAD_SERVICE):
            last_word = at + timedelta(self.diary.chance.randint(*DRIVEN_AWAY))
            self.quiet_at = min(self.quiet_at, last_word)

    def _asks(self, id: UUID, engineer: Member) -> Any:
        def ask(at: datetime, verb: str, **fields: Any) -> bool:
            return self.diary.ask(at, engineer, f"tickets/{verb}", id, **fields)

        return ask
