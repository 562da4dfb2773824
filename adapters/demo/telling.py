"""Telling the demo's history: the staff enters, then every customer's story, as commands."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice

from adapters.bootstrap import Backstory
from adapters.conveyor import Conveyor, Done
from adapters.demo.staff import Member, staff
from adapters.demo.story import Setting, Step, Story, demo_id, told
from adapters.seeds import LOCAL
from aggregates.errors import DomainError
from commands.base import Meta
from commands.requests import Caller, Request
from commands.user import AddUser

BLOCK = 500
"""Customers whose stories are told together, in order of time; also commands looked up at once."""
DIRECTOR = "director"


class OtherDemo(Exception):
    """A demo of this seed with another beginning is here already; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The arguments of a demo."""

    customers: int = 60
    years: int = 1
    seed: int = 1
    until: date | None = None
    """The first day on which nothing happens any more; None: that of the demo which is here
    already, else today."""


@dataclass(slots=True)
class Telling:
    """How far a demo has come."""

    commands: int = 0
    """Those told so far."""
    new: int = 0
    """Those of them that were not there before."""


def tell(
    backstory: Backstory, demo: Demo, progress: Callable[[Telling], None] = lambda _: None
) -> tuple[Setting, Telling]:
    """Tell the history. Raises OtherDemo before anything is done, and DomainError where what is
    in the database already gets in the way."""
    setting = _setting(backstory, demo)
    telling, teller = Telling(), _Teller(backstory)
    for block in _blocks(_steps(setting, demo.customers)):
        telling.commands += len(block)
        telling.new += teller.tell(block)
        progress(telling)
    return setting, telling


def _setting(backstory: Backstory, demo: Demo) -> Setting:
    zone = backstory.timezone
    today = datetime.now(zone).date()
    begun = _begun_on(backstory, demo.seed)
    end = demo.until or (today if begun is None else _later(begun, demo.years))
    begin = _later(end, -demo.years)
    if end > today:
        raise OtherDemo(f"a history cannot be told up to {end}: today is {today}")
    if begun is not None and begun != begin:
        raise OtherDemo(
            f"a demo of seed {demo.seed} that begins on {begun} is here already: give the same "
            "--until and --years, another --seed, or another data folder"
        )
    sellers = [m for m in staff(demo.seed) if m.role.startswith("seller")]
    ids = tuple(demo_id(demo.seed, f"staff/{member.role}") for member in sellers)
    return Setting(demo.seed, begin, end, zone, ids)


def _begun_on(backstory: Backstory, seed: int) -> date | None:
    """The day on which the staff of the demo that is here entered."""
    events = backstory.log.stream(demo_id(seed, f"staff/{DIRECTOR}"), limit=1)
    return events[0].occurred_at.astimezone(backstory.timezone).date() if events else None


def _later(day: date, years: int) -> date:
    """The same day of another year; of 29 February, the day before where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return (day - timedelta(days=1)).replace(year=day.year + years)


def _steps(setting: Setting, customers: int) -> Iterator[Step]:
    yield from (_enter(setting, member) for member in staff(setting.seed))
    numbers = iter(range(customers))
    while block := list(islice(numbers, BLOCK)):
        yield from told(Story(setting, number) for number in block)


def _enter(setting: Setting, member: Member) -> Step:
    at = datetime.combine(setting.begin, time.min, setting.zone)
    superior = member.superior
    given = {} if superior is None else {"superior_id": setting.id(f"staff/{superior}")}
    command = AddUser.model_validate(
        {"login": member.login, "name": member.name, "department": member.department, **given}
    )
    id = setting.id(f"staff/{member.role}")
    key = f"demo/{setting.seed}/staff/{member.role}"
    return Step(at, Request(command, id, Meta(occurred_at=at), idempotency_key=key), Caller(LOCAL))


def _blocks(steps: Iterable[Step]) -> Iterator[list[Step]]:
    left = iter(steps)
    while block := list(islice(left, BLOCK)):
        yield block


class _Teller:
    """Makes those commands that were not made before."""

    def __init__(self, backstory: Backstory) -> None:
        self._log, self._conveyor = backstory.log, Conveyor(backstory.application)
        self._new = 0

    def tell(self, steps: list[Step]) -> int:
        """Answers how many were new."""
        self._new = 0
        ids = [step.request.command_id(step.caller) for step in steps]
        known = self._log.receipts([id for id in ids if id is not None])
        for id, step in zip(ids, steps, strict=True):
            if id not in known:
                self._conveyor.put(step.request, step.caller, self._told)
        self._conveyor.finish()
        return self._new

    def _told(self, result: Done | DomainError) -> None:
        if isinstance(result, DomainError):
            raise result
        self._new += result.is_change
