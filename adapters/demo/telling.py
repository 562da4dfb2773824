"""Telling the demo's history: the staff enters, every customer's story, duplicates, departures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from adapters.bootstrap import Backstory
from adapters.demo.arrival import Arrival, Double
from adapters.demo.diary import CLOSES, Setting, Step
from adapters.demo.staff import DIRECTOR, Member, Staff, demo_id
from adapters.demo.story import stories
from adapters.demo.teller import REFERENCE_SECONDS, Teller, Telling
from adapters.demo.workers import tell_side_by_side
from adapters.seeds import LOCAL
from adapters.writing import writing
from commands.base import Meta
from commands.merge import MergeCustomer, UnmergeCustomer
from commands.requests import Caller, Request
from commands.user import AddUser, DisableUser


class OtherDemo(Exception):
    """A demo of this seed with other arguments is here already; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The arguments of a demo."""

    customers: int = 120
    years: int = 3
    seed: int = 1
    until: date | None = None
    """The first day on which nothing happens any more; None: that of the demo which is here
    already, else today."""


def tell(
    backstory: Backstory,
    demo: Demo,
    progress: Callable[[Telling], None] = lambda _: None,
    workers: int = 1,
) -> tuple[Setting, Telling]:
    """Tell the history, the customers' stories in so many processes (1: in this one).

    Raises OtherDemo before anything is done, and DomainError where what is in the database already
    gets in the way.
    """
    setting = _setting(backstory, demo)
    telling, log = Telling(), backstory.log
    given = log, backstory.mapper, backstory.keyring, setting.zone, REFERENCE_SECONDS
    with writing(*given) as application:
        teller = Teller(application, log, telling, progress)
        # Nobody can name who has left or was merged, so both come last, whenever they happened.
        teller.tell([step] for step in entering(setting))
        if workers > 1:
            tell_side_by_side(backstory, application, setting, workers, telling, progress)
        else:
            teller.tell(stories(setting, range(setting.customers)), of_customers=True)
        teller.tell(joining(setting))
        teller.tell([step] for step in leaving(setting))
    return setting, telling


def _setting(backstory: Backstory, demo: Demo) -> Setting:
    zone = backstory.timezone
    today = datetime.now(zone).date()
    begun = _begun_on(backstory, demo.seed)
    end = demo.until or (today if begun is None else _later(begun, demo.years))
    begin = _later(end, -demo.years)
    if end > today:
        raise OtherDemo(f"a history cannot be told up to {end}: today is {today}")
    staff = Staff(demo.seed, begin, end, demo.customers)
    setting = Setting(demo.seed, begin, end, zone, demo.customers, staff)
    if begun is not None and not _is_told(backstory, setting):
        raise OtherDemo(
            f"a demo of seed {demo.seed} that begins on {begun} is here already: give the same "
            "--customers, --until and --years, another --seed, or another data folder"
        )
    return setting


def _begun_on(backstory: Backstory, seed: int) -> date | None:
    """The day on which the staff of the demo that is here entered."""
    events = backstory.log.stream(demo_id(seed, f"staff/{DIRECTOR}"), limit=1)
    return events[0].occurred_at.astimezone(backstory.timezone).date() if events else None


def _is_told(backstory: Backstory, setting: Setting) -> bool:
    """Whether what is here began with these arguments."""
    first = next(entering(setting))
    id = first.request.command_id(first.caller)
    assert id is not None
    return id in backstory.log.receipts([id])


def _later(day: date, years: int) -> date:
    """The same day of another year; of 29 February, the day before where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return (day - timedelta(days=1)).replace(year=day.year + years)


def entering(setting: Setting) -> Iterator[Step]:
    """Everybody who will ever work there; the first command's key says of which demo it is."""
    for member in setting.staff:
        at = datetime.combine(member.entered_on, time.min, setting.zone)
        above = {} if member.superior_id is None else {"superior_id": member.superior_id}
        said = {"login": member.login, "name": member.name, "department": member.department}
        command = AddUser.model_validate({**said, **above})
        name = f"/{setting.named}" if member.role == DIRECTOR else ""
        key = f"demo/{setting.seed}/staff/{member.role}{name}"
        request = Request(command, member.id, Meta(occurred_at=at), idempotency_key=key)
        yield Step(at, request, Caller(LOCAL))


def joining(setting: Setting) -> Iterator[list[Step]]:
    """Duplicates that were found, merged; and some separated again. Both happen when they are
    told: what they join or undo is as it is known now."""
    for number in range(setting.customers):
        arrival = Arrival.of(setting, number)
        double = Double.of(setting, arrival)
        if double is None or double.fate == "left":
            continue
        by = Caller(setting.staff.manager_of(arrival.seat.department).id)
        commands = [MergeCustomer(into_id=arrival.customer_id), UnmergeCustomer()]
        steps = []
        for command in commands if double.fate == "separated" else commands[:1]:
            key = f"demo/{setting.seed}/{number}/{command.VERB}"
            request = Request(command, double.customer_id, idempotency_key=key)
            steps.append(Step(None, request, by))
        yield steps


def leaving(setting: Setting) -> Iterator[Step]:
    """Those who have left are locked out, as of the evening of the day."""
    for member in setting.staff:
        if member.left_on is not None:
            yield _leave(setting, member, member.left_on)


def _leave(setting: Setting, member: Member, on: date) -> Step:
    at = datetime.combine(on, time(CLOSES), setting.zone)
    key = f"demo/{setting.seed}/staff/{member.role}/left"
    request = Request(DisableUser(), member.id, Meta(occurred_at=at), idempotency_key=key)
    return Step(at, request, Caller(member.superior_id or LOCAL))
