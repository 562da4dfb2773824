"""What one customer's story is written into: requests with their moments and who asks them."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from adapters.demo.staff import Member, Staff, demo_id, workday
from commands.base import COMMANDS, Meta
from commands.requests import Caller, Request

OPENS, CLOSES = 9, 18
"""Office hours."""
MINUTES = {"call": (2, 25), "visit": (40, 180), "meeting": (60, 200)}
"""How long interactions take, by channel."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What every story of one demo has in common."""

    seed: int
    begin: date
    end: date
    """The first day on which nothing happens any more."""
    zone: ZoneInfo
    customers: int
    staff: Staff

    def id(self, name: str) -> UUID:
        """The id of what the demo calls so."""
        return demo_id(self.seed, name)

    @property
    def named(self) -> str:
        """The arguments, as the first command's key has them."""
        return f"{self.begin}/{self.end}/{self.customers}"


@dataclass(frozen=True, slots=True)
class Step:
    """Something somebody asks for at some time; None: now, for what can happen only then."""

    at: datetime | None
    request: Request
    caller: Caller


@dataclass
class Diary:
    """The steps of one customer's story, as they are thought of: not in order."""

    setting: Setting
    name: str
    chance: Random
    steps: list[Step] = field(default_factory=list)

    def ask(
        self,
        at: datetime,
        by: Member,
        command: str,
        id: UUID,
        why: str | None = None,
        **fields: Any,
    ) -> bool:
        """Ask for a command at that moment; False where the history ends before it."""
        if at.date() >= self.setting.end:
            return False
        key = f"demo/{self.setting.seed}/{self.name}/{len(self.steps)}"
        made = COMMANDS[command].model_validate(fields)
        request = Request(made, id, Meta(reason=why, occurred_at=at), idempotency_key=key)
        self.steps.append(Step(at, request, Caller(by.id)))
        return True

    def moment(self, on: date) -> datetime:
        """Some moment in the office hours of that day, or of the next workday."""
        seconds = self.chance.randrange((CLOSES - OPENS) * 3600)
        start = datetime.combine(workday(on), time(OPENS), self.setting.zone)
        return start + timedelta(seconds=seconds)

    def days_later(self, at: datetime, fewest: int, most: int) -> datetime:
        """Some moment so many days later, at least one."""
        return self.moment(at.date() + timedelta(self.chance.randint(fewest, most)))

    def hours_later(self, at: datetime, fewest: float, most: float) -> datetime:
        """So many working hours later."""
        left = timedelta(seconds=round(self.chance.uniform(fewest, most) * 3600))
        while at + left >= (closing := _hour(at, CLOSES)):
            left -= closing - at
            at = _hour(at, OPENS, workday(at.date() + timedelta(1)))
        return at + left

    def talk(
        self, at: datetime, by: Member, what: str, id: UUID, said: tuple[str, str, str], **more: Any
    ) -> None:
        """Record an interaction on something: ``said`` is channel, subject and content."""
        channel, subject, content = said
        fields: dict[str, Any] = {"channel": channel, "subject": subject, "content": content}
        if channel in MINUTES:
            fields["duration_seconds"] = self.chance.randint(*MINUTES[channel]) * 60
        self.ask(at, by, f"{what}/record-interaction", id, **fields, **more)

    def happens(self, share: float) -> bool:
        return self.chance.random() < share


def _hour(at: datetime, hour: int, on: date | None = None) -> datetime:
    return datetime.combine(on or at.date(), time(hour), at.tzinfo)


def money(amount: int) -> dict[str, str]:
    """Yuan as commands take them."""
    return {"amount": str(amount), "currency": "CNY"}
