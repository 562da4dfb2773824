"""The simulated company: what was built in can be measured in its log and views."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from adapters.bootstrap import Backstory
from adapters.demo import truths
from adapters.demo.arrival import Arrival, Double
from adapters.demo.cases import OF_MACHINES, OF_PARTS, Case
from adapters.demo.diary import Setting
from adapters.demo.telling import Demo, tell
from aggregates.events import Event
from tests.importing import events, opened, rows

pytestmark = pytest.mark.timeout(180)
"""One history is told for all tests, in some ten seconds; a busy machine takes its time."""
SIZE = 300
UNTIL = date(2024, 1, 1)
WANTED = Demo(customers=SIZE, years=3, seed=11, until=UNTIL)
PAGE = Path(__file__).parents[1] / "docs/demo-company.md"


class Told(NamedTuple):
    setting: Setting
    events: list[Event]
    customers: dict[UUID, Any]
    opportunities: dict[UUID, Any]
    tickets: dict[UUID, Any]
    tasks: dict[UUID, Any]

    def of(self, *topics: str) -> Iterator[Any]:
        return (event for event in self.events if event.TOPIC in topics)

    def arrivals(self) -> list[Arrival]:
        return [Arrival.of(self.setting, number) for number in range(SIZE)]


@pytest.fixture(scope="module")
def told(module_database_url: str) -> Iterator[Told]:
    with opened(module_database_url) as backstory:
        setting, telling = tell(backstory, WANTED)
        assert telling.new == telling.commands, "nothing is asked for that is so already"
        kinds = ("customers", "opportunities", "tickets", "tasks")
        views = [rows(backstory, kind) for kind in kinds]
        yield Told(setting, _api(backstory), *views)


def _api(backstory: Backstory) -> list[Event]:
    told = [e for e in events(backstory) if e.envelope.origin == "api"]
    return sorted(told, key=lambda e: e.envelope.occurred_at)


def share(found: list[bool]) -> float:
    assert len(found) >= 15, "enough to measure by"
    return mean(found)


def words(told: Told) -> dict[UUID, list[datetime]]:
    """When each customer said something."""
    found: dict[UUID, list[datetime]] = defaultdict(list)
    for event in told.events:
        is_word = getattr(event, "direction", None) == "in" or event.TOPIC in SAID
        is_word = is_word or getattr(event, "author_id", None) is not None
        if is_word and event.envelope.customer_id is not None:
            found[event.envelope.customer_id].append(event.envelope.occurred_at)
    return found


SAID = ("Ticket.Opened", "Ticket.Rated")


def first_wins(told: Told) -> dict[UUID, datetime]:
    found: dict[UUID, datetime] = {}
    for event in told.of("Opportunity.Won"):
        found.setdefault(event.envelope.customer_id, event.envelope.occurred_at)
    return found


def tagged(told: Told, tag: str) -> dict[UUID, datetime]:
    return {
        e.envelope.stream_id: e.envelope.occurred_at
        for e in told.of("Customer.Tagged")
        if tag in e.tags
    }


def lost(told: Told) -> list[Any]:
    return [row for row in told.opportunities.values() if row.stage == "lost"]


def test_the_page_says_what_is_built_in() -> None:
    assert truths.table() in PAGE.read_text(encoding="utf-8"), "python -m adapters.demo.truths"


def test_customers_come_in_spring_and_autumn_from_exhibitions(told: Told) -> None:
    own = {arrival.customer_id for arrival in told.arrivals()}
    came = [e for e in told.of("Customer.Registered") if e.envelope.stream_id in own]
    assert len(came) == SIZE
    fair = [e for e in came if e.envelope.occurred_at.month in truths.FAIR_MONTHS]
    other = [e for e in came if e not in fair]
    assert len(fair) / 4 > 1.5 * len(other) / 8, "a month of exhibitions brings more"
    assert share([e.source == "exhibition" for e in fair]) > truths.FAIR_SHARE - 0.12
    assert share([e.source == "exhibition" for e in other]) < truths.ORDINARY_FAIR_SHARE + 0.08


@pytest.mark.parametrize("segment", truths.SEGMENTS, ids=lambda s: s.tag)
def test_each_segment_buys_in_its_rhythm(told: Told, segment: truths.Segment) -> None:
    wins: dict[UUID, list[date]] = defaultdict(list)
    for row in told.opportunities.values():
        if row.won_on is not None:
            wins[row.customer_id].append(row.won_on)
    buyers = [sorted(wins[id]) for id in tagged(told, segment.tag)]
    assert len(buyers) >= 10
    if segment.interval is None:
        assert {len(days) for days in buyers} == {1}
        return
    gaps = [(b - a).days for days in buyers for a, b in pairwise(days)]
    assert median(gaps) == pytest.approx(segment.interval, rel=0.12)


def test_who_leaves_falls_silent_first(told: Told) -> None:
    silence, said, gone = timedelta(truths.SILENCE), words(told), tagged(told, truths.LOST_TAG)
    assert len(gone) >= 15
    for customer_id, at in gone.items():
        assert max(said[customer_id]) <= at - silence
        assert told.customers[customer_id].grade == "d"
    rhythmic = [s.tag for s in truths.SEGMENTS if s.interval is not None]
    staying = {id for tag in rhythmic for id in tagged(told, tag)} - gone.keys()
    won = first_wins(told)
    for customer_id in staying:
        spoken = [at for at in said[customer_id] if at > won[customer_id]]
        gaps = [b - a for a, b in pairwise(spoken)]
        assert max(gaps, default=timedelta()) < silence


def test_bad_service_drives_customers_away(told: Told) -> None:
    gone = tagged(told, truths.LOST_TAG)
    soon = timedelta(truths.SILENCE + 75)
    horizon = datetime.combine(UNTIL, datetime.min.time(), told.setting.zone)
    bad: list[bool] = []
    good: list[bool] = []
    for event in told.of("Ticket.Rated"):
        at, id = event.envelope.occurred_at, event.envelope.customer_id
        if told.tickets[event.envelope.stream_id].kind == "complaint" and at < horizon - soon:
            left = id in gone and gone[id] - at < soon
            (bad if event.score <= 2 else good).append(left)
    assert share(bad) > 0.3
    assert share(good) < share(bad) - 0.15


def test_slow_answers_lose(told: Told) -> None:
    asked: dict[UUID, tuple[UUID, datetime]] = {}
    for event in told.of("Opportunity.Opened"):
        if event.stage == "lead":
            asked[event.customer_id] = event.envelope.stream_id, event.envelope.occurred_at
    answered: dict[UUID, datetime] = {}
    for event in told.of("Opportunity.InteractionRecorded"):
        answered.setdefault(event.envelope.stream_id, event.envelope.occurred_at)
    by_speed: dict[int, list[bool]] = defaultdict(list)
    for id, at in asked.values():
        stage = told.opportunities[id].stage
        if id in answered and stage in ("won", "lost"):
            days = (answered[id] - at).days
            by_speed[0 if days < 1 else 1 if days < 5 else 2].append(stage == "won")
    fast, middling, slow = (share(by_speed[speed]) for speed in range(3))
    assert fast > middling + 0.08 > slow + 0.16
    assert slow < 0.3


def test_losses_have_reasons_that_show(told: Told) -> None:
    small = [row for row in lost(told) if row.amount.amount < truths.SMALL]
    large = [row for row in lost(told) if row.amount.amount >= truths.SMALL]
    assert share([row.lost_reason == "price" for row in small]) > truths.PRICE_WHEN_SMALL - 0.15
    assert share([row.lost_reason == "price" for row in large]) < truths.NAMED_ELSEWHERE + 0.1
    industry = {id: row.industry for id, row in told.customers.items()}
    there = [r for r in large if industry[r.customer_id] == truths.COMPETITOR_INDUSTRY]
    elsewhere = [r for r in large if r not in there]
    beaten = share([row.lost_reason == "competitor" for row in there])
    assert beaten > truths.COMPETITOR_THERE - 0.2
    assert share([row.lost_reason == "competitor" for row in elsewhere]) < beaten - 0.2


def test_tickets_follow_season_product_and_speed(told: Told) -> None:
    months = Counter(e.envelope.occurred_at.month for e in told.of("Ticket.Opened"))
    summer = sum(months[m] for m in truths.SUMMER) / 2
    others = (months.total() - summer * 2) / 10
    assert summer > 1.4 * others
    of_faulty = [r.kind == "complaint" for r in told.tickets.values() if r.product == truths.FAULTY]
    of_others = [r.kind == "complaint" for r in told.tickets.values() if r.product != truths.FAULTY]
    assert share(of_faulty) > share(of_others) + 0.3
    opened_at = {e.envelope.stream_id: e.envelope.occurred_at for e in told.of("Ticket.Opened")}
    done_at: dict[UUID, datetime] = {}
    for event in told.of("Ticket.Completed"):
        done_at.setdefault(event.envelope.stream_id, event.envelope.occurred_at)
    quick: list[int] = []
    slow: list[int] = []
    for event in told.of("Ticket.Rated"):
        id = event.envelope.stream_id
        (quick if done_at[id] - opened_at[id] < timedelta(5) else slow).append(event.score)
    assert mean(quick) > mean(slow) + 1.5


def test_tickets_are_told_from_question_to_solution(told: Told) -> None:
    opened = told.of("Ticket.Opened")
    cases = {e.envelope.stream_id: case_of(e.subject, e.product) for e in opened}
    for topic, field, among in (
        ("Ticket.Completed", "solution", "solutions"),
        ("Ticket.PutOnHold", "reason", "waits"),
    ):
        for event in told.of(topic):
            said, case = getattr(event, field), cases[event.envelope.stream_id]
            assert said in getattr(case, among), (case.subject, said)
    comments = Counter(e.envelope.stream_id for e in told.of("Ticket.Commented"))
    finished = {e.envelope.stream_id for e in told.of("Ticket.Completed")}
    assert mean(comments[id] for id in finished) > 2


def case_of(subject: str, product: str) -> Case:
    """What a ticket of this subject is about."""
    cases = [*OF_MACHINES.values(), *OF_PARTS.values()]
    called = subject.replace(product, "{product}")
    return next(case for kind in cases for case in kind if case.subject == called)


def test_one_department_is_late(told: Told) -> None:
    department = {e.envelope.stream_id: e.department for e in told.of("User.Added")}
    late: dict[bool, list[bool]] = defaultdict(list)
    for event in told.of("Task.Completed"):
        is_there = department[event.envelope.actor] == truths.LATE_DEPARTMENT
        due_at = told.tasks[event.envelope.stream_id].due_at
        late[is_there].append(event.envelope.occurred_at > due_at)
    assert share(late[True]) > share(late[False]) + 0.2
    undone = [t for t in told.tasks.values() if t.status == "planned"]
    assert any(task.due_at.date() < told.setting.end for task in undone)


def test_who_leaves_hands_everything_over(told: Told) -> None:
    gone = {e.envelope.stream_id: e.envelope.occurred_at for e in told.of("User.Disabled")}
    assert gone.keys() == {m.id for m in told.setting.staff if m.left_on is not None}
    assert len(gone) >= 3
    handed = [e for e in told.of("Customer.Assigned") if e.envelope.reason]
    days = {at.date() for at in gone.values()}
    assert handed
    assert {e.envelope.occurred_at.date() for e in handed} <= days
    for kind in (told.customers, told.opportunities, told.tasks):
        open_ones = [r for r in kind.values() if getattr(r, "stage", "") not in ("won", "lost")]
        left = [r for r in open_ones if r.owner_id in gone and getattr(r, "status", "") != DONE]
        assert left == []


DONE = "completed"


def test_duplicates_are_merged_separated_and_left(told: Told) -> None:
    doubles = [(a, Double.of(told.setting, a)) for a in told.arrivals()]
    phones = defaultdict(set)
    for event in told.of("Contact.Added"):
        phones[event.customer_id].add(event.phone)
    fates = Counter[str]()
    for arrival, double in doubles:
        if double is None:
            continue
        fates[double.fate] += 1
        merged_into = told.customers[double.customer_id].merged_into
        assert (merged_into == arrival.customer_id) == (double.fate == "merged")
        assert phones[double.customer_id] & phones[arrival.customer_id], "how it is found"
    assert fates.keys() == {"merged", "separated", "left"}
    separated = [e.envelope.stream_id for e in told.of("Customer.Unmerged")]
    assert len(separated) == fates["separated"]
    assert len(list(told.of("Customer.MarkedDistinct"))) >= 3


def test_people_work_in_office_hours_and_write_chinese(told: Told) -> None:
    entered = ("User.Added", "Customer.Merged", "Customer.Absorbed")
    for event in told.events:
        at = event.envelope.occurred_at.astimezone(told.setting.zone)
        if event.TOPIC in (*entered, "Customer.Unmerged", "Customer.Separated"):
            continue
        assert told.setting.begin <= at.date() < told.setting.end
        assert at.weekday() < 5
        assert 9 <= at.hour < 18 or (event.TOPIC, at.hour) == ("User.Disabled", 18)
    for row in (*told.opportunities.values(), *told.tickets.values(), *told.tasks.values()):
        text = getattr(row, "title", None) or row.subject
        assert any("一" <= letter <= "鿿" for letter in text)
