"""How sellers and a customer keep in touch: calls and visits, tasks, silence, and giving up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from adapters.demo import business, sayings, truths
from adapters.demo.arrival import Arrival
from adapters.demo.deals import Deals, Span
from adapters.demo.diary import Diary
from adapters.demo.people import People
from adapters.demo.sayings import Saying

CARES_EVERY = {"大客户": (6, 14), "常购客户": (9, 22), "备件客户": (20, 45), "零散客户": (50, 90)}
"""Days between two calls or visits by the seller."""
FINISHED_TASKS = 0.35
"""Share of these after which something is to be done."""
TRIES = 3
"""How often somebody who has fallen silent, or bought nothing, is called."""


@dataclass
class Care:
    """Keeps in touch with one customer."""

    diary: Diary
    arrival: Arrival
    people: People
    deals: Deals
    spans: list[Span] = field(default_factory=list)

    def of_buyer(self, since: datetime, until: datetime) -> None:
        """Both sides, while the customer buys."""
        buys_parts = self.arrival.segment.products == "part"
        chats = sayings.CHATS_OF_PARTS if buys_parts else sayings.CHATS_OF_MACHINES
        for at in self._times(since, until, *truths.SPEAKS_EVERY):
            self._talk(at, chats, "in")
        cares = sayings.CARES_OF_PARTS if buys_parts else sayings.CARES_OF_MACHINES
        every = CARES_EVERY[self.arrival.segment.tag]
        for at in self._times(since, until, *every):
            self._talk(at, cares, "out")
            if self.diary.happens(FINISHED_TASKS):
                self._task(at)

    def of_prospect(self, since: datetime) -> None:
        """Who bought nothing is called a few times."""
        at = since
        for _ in range(TRIES):
            at = self.diary.days_later(at, 25, 60)
            self._talk(at, sayings.COLD, "out")
            if self.diary.happens(FINISHED_TASKS):
                self._task(at)

    def of_leaver(self, last_word: datetime) -> None:
        """Nobody answers, until it is written off."""
        every = truths.SILENCE // (TRIES + 1)
        at = last_word
        for _ in range(TRIES):
            at = self.diary.days_later(at, every - 4, every)
            self._talk(at, sayings.UNANSWERED, "out")
        at = self.diary.moment(last_word.date() + timedelta(truths.SILENCE + 1))
        by, id = self.arrival.seat.holder(at.date()), self.arrival.customer_id
        why = business.LOST_TOUCH
        self.diary.ask(at, by, "customers/tag", id, why, tags=(truths.LOST_TAG,))
        later = self.diary.hours_later(at, 0.1, 1)
        by = self.arrival.seat.holder(later.date())
        self.diary.ask(later, by, "customers/classify", id, why, grade="d")

    def _times(self, since: datetime, until: datetime, fewest: int, most: int) -> list[datetime]:
        found, at = [], self.diary.days_later(since, 3, most)
        while at < until and at.date() < self.diary.setting.end:
            found.append(at)
            at = self.diary.days_later(at, fewest, most - 4)  # A holiday may add some days.
        return found

    def _talk(self, at: datetime, of: Sequence[Saying], direction: str) -> None:
        (contact_id, name), by = self.people.at(at), self.arrival.seat.holder(at.date())
        said = self.people.talk.about(of, at.date(), self.deals.product_at(at), name)
        with_whom = {"direction": direction, "contact_ids": (contact_id,)}
        self.diary.talk(at, by, "customers", self.arrival.customer_id, said, **with_whom)

    def _task(self, at: datetime) -> None:
        diary, chance, seat = self.diary, self.diary.chance, self.arrival.seat
        at, id = diary.hours_later(at, 0.2, 2), self._task_id()
        due_at = diary.days_later(at, 2, 9)
        owner = seat.holder(at.date())
        wanted: dict[str, Any] = {
            "subject": self._errand(at),
            "due_at": due_at,
            "owner_id": owner.id,
        }
        about = self.arrival.customer_id
        diary.ask(at, owner, "tasks/plan", id, about=about, **wanted)
        done_at = self._done_at(at, due_at, seat.department)
        if done_at is not None:
            outcome = chance.choice(business.OUTCOMES)
            by = seat.holder(done_at.date())
            diary.ask(done_at, by, "tasks/complete", id, outcome=outcome)
        self.spans.append(Span("tasks", id, at, done_at))

    def _errand(self, at: datetime) -> str:
        task, (_, name) = self.diary.chance.choice(business.TASKS), self.people.at(at)
        return self.people.talk.worded(task, at.date(), self.deals.product_at(at), name)

    def _task_id(self) -> UUID:
        return self.diary.setting.id(f"task/{self.diary.name}/{len(self.spans)}")

    def _done_at(self, at: datetime, due_at: datetime, department: str) -> datetime | None:
        if self.diary.happens(truths.FORGOTTEN):
            return None
        is_late_there = department == truths.LATE_DEPARTMENT
        if self.diary.happens(truths.LATE_THERE if is_late_there else truths.LATE_ELSE):
            return self.diary.days_later(due_at, 1, 8)
        return min(due_at, self.diary.hours_later(at, 1, 12))
