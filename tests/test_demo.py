"""The demo: the same arguments tell the same history, once, and what it prints is true."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import pairwise
from math import gcd
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from adapters import registry
from adapters.bootstrap import Backstory
from adapters.cli.demo import progress_line
from adapters.demo import names, truths
from adapters.demo.cities import CITIES
from adapters.demo.diary import Setting, Step
from adapters.demo.size import Size
from adapters.demo.staff import Staff
from adapters.demo.story import stories
from adapters.demo.teller import Telling
from adapters.demo.telling import Demo, OtherDemo, tell
from adapters.demo.workers import worth_having
from adapters.seeds import LOCAL
from adapters.writing import writing
from aggregates.company_names import canonical
from aggregates.customer import DuplicateCustomerName
from aggregates.values import valid_email, valid_phone
from commands.application import Application
from commands.customer import RegisterCustomer
from commands.requests import Caller, Request
from tests.importing import SECRET, events, last, opened, rows
from tests.test_cli import serving
from tests.write_side import SHANGHAI

UNTIL, END = date(2024, 1, 1), date(2026, 1, 1)
SMALL = Demo(customers=20, years=1, seed=3, until=UNTIL)
NOW_ONLY = ("Merged", "Absorbed", "Unmerged", "Separated")
"""Events of duplicates: they happen when they are told."""


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


def story(backstory: Backstory) -> Counter[tuple[Any, ...]]:
    """What the log says, less what is new in each: numbers, and the time of recording."""
    return Counter(
        (
            *(event.TOPIC, event.envelope.event_id, event.envelope.command_id),
            None if event.TOPIC.endswith(NOW_ONLY) else event.envelope.occurred_at,
            *(event.envelope.actor, event.envelope.reason),
            str(event.model_dump(mode="json", exclude_unset=True, exclude={"number"})),
        )
        for event in events(backstory)
        if event.envelope.origin == "api"
    )


def test_several_processes_tell_the_same_history(
    backstory: Backstory, module_database_url: str
) -> None:
    wanted = replace(SMALL, seed=13)
    _, one = tell(backstory, wanted)
    said: list[int] = []
    with opened(module_database_url) as other:
        already = story(other)
        _, several = tell(other, wanted, lambda telling: said.append(telling.commands), workers=3)
        assert several == one
        assert story(other) - already == story(backstory)
        assert tell(other, wanted, workers=2)[1].new == 0
    assert said == sorted(said)
    assert said[-1] == several.commands


def test_further_processes_tell_where_there_is_enough_to_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert [worth_having(n) for n in (1, 120, 700, 1_000_000)] == [1, 1, 2, 8]
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert worth_having(1_000_000) == 1


def test_what_a_process_of_several_is_refused_is_said(backstory: Backstory) -> None:
    said = {"name": names.company(SMALL.seed, 7).name, "industry": "energy", "source": "phone"}
    person = {"name": "孙伟", "phone": names.mobile(1, 99)}
    command = RegisterCustomer.model_validate({**said, "primary_contact": person})
    backstory.application.dispatch(Request(command), Caller(LOCAL))
    with pytest.raises(DuplicateCustomerName):
        tell(backstory, SMALL, workers=2)


@pytest.mark.parametrize("workers", [1, 2])
def test_one_that_is_told_to_stop_stops(backstory: Backstory, workers: int) -> None:
    class Enough(Exception):
        pass

    def stop(telling: Telling) -> None:
        if telling.commands > 60:
            raise Enough

    with pytest.raises(Enough):
        tell(backstory, SMALL, stop, workers)
    before = last(backstory)
    assert tell(backstory, SMALL)[1].new > 0, "it did stop"
    assert last(backstory) > before


def test_the_same_arguments_tell_the_same_history_once(
    backstory: Backstory, module_database_url: str
) -> None:
    _, first = tell(backstory, SMALL)
    assert first.new == first.commands
    before = last(backstory)
    _, again = tell(backstory, SMALL)
    assert (again.commands, again.new) == (first.commands, 0)
    assert last(backstory) == before
    with opened(module_database_url) as other:
        already = story(other)
        tell(other, SMALL)
        assert story(other) - already == story(backstory)
    assert story(backstory).total() > SMALL.customers * 5


@pytest.mark.parametrize(("workers", "seed"), [("1", 4), ("2", 14)])
def test_one_that_was_killed_goes_on(
    database_url: str, module_database_url: str, tmp_path: Path, workers: str, seed: int
) -> None:
    said = {"BACKSTORY_DATABASE_URL": database_url, "BACKSTORY_SECRET": SECRET}
    arguments = ("--customers", "40", "--years", "1", "--seed", str(seed), "--workers", workers)
    command = [
        sys.executable,
        "-m",
        "adapters.cli",
        "demo",
        *arguments,
        "--until",
        UNTIL.isoformat(),
        "--data",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, env={**os.environ, **said}, stdout=subprocess.DEVNULL)
    try:
        until_commands(database_url, 150, process)
    finally:
        process.kill()
        process.wait()
    wanted = Demo(customers=40, years=1, seed=seed, until=UNTIL)
    with opened(database_url) as backstory:
        before = story(backstory)
        assert before.total() > 0
        _, telling = tell(backstory, wanted)
        after = story(backstory)
        assert before - after == Counter()
        assert 0 < telling.new < telling.commands, "it was killed in the middle"
    with opened(module_database_url) as other:
        already = story(other)
        tell(other, wanted)
        assert story(other) - already == after


def until_commands(url: str, count: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the log has taken so many commands beside those it begins with."""
    ends = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < ends and process.poll() is None:
            query = "SELECT count(*) FROM backstory.events WHERE origin = 'api'"
            if connection.execute(query).fetchone()[0] >= count:  # type: ignore[index]
                return
            time.sleep(0.005)
    pytest.fail("it said nothing, or was done before it could be killed")


@pytest.mark.parametrize("place", [1, 3])
def test_one_that_was_broken_off_goes_on(backstory: Backstory, place: int) -> None:
    class BrokenOff(Exception):
        pass

    told = 0

    def break_off(telling: Telling) -> None:
        nonlocal told
        told = telling.commands
        if told >= place * 60:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        tell(backstory, SMALL, break_off)
    _, telling = tell(backstory, SMALL)
    assert 0 < telling.new <= telling.commands - told
    assert tell(backstory, SMALL)[1].new == 0


def test_it_looks_like_a_companys_history(backstory: Backstory) -> None:
    tell(backstory, Demo(customers=60, years=2, seed=1, until=UNTIL))
    customers, deals = rows(backstory, "customers"), rows(backstory, "opportunities")
    assert len(customers) >= 60
    stages = Counter(deal.stage for deal in deals.values())
    assert {"first_contact", "won", "lost"} <= set(stages)
    assert all(deal.lost_reason for deal in deals.values() if deal.stage == "lost")
    assert {c.type for c in customers.values()} == {"prospect", "interested", "customer"}
    assert {row.incomplete for row in (*customers.values(), *deals.values())} == {()}
    told = {e.TOPIC for e in events(backstory) if e.envelope.origin == "api"}
    assert told >= TOPICS, TOPICS - told


TOPICS = {
    *("Customer.Tagged", "Customer.DetailsChanged", "Customer.InteractionRecorded"),
    *("Opportunity.AmountChanged", "Opportunity.InteractionRecorded", "Opportunity.Won"),
    *("Opportunity.ExpenseRecorded", "Opportunity.Lost", "Contact.Added", "Contact.Retired"),
    *("Task.Planned", "Task.Completed", "Ticket.Opened", "Ticket.Commented", "Ticket.PutOnHold"),
    *("Ticket.Completed", "Ticket.CallbackRecorded", "Ticket.Rated", "Ticket.Closed"),
}


def test_memory_holds_some_stories_at_a_time(
    backstory: Backstory, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    ahead: list[int] = []

    def count(setting: Setting, numbers: range) -> Iterator[list[Step]]:
        for number, steps in zip(numbers, stories(setting, numbers), strict=True):
            drawn.append(number)
            yield steps

    monkeypatch.setattr("adapters.demo.telling.stories", count)
    monkeypatch.setattr("adapters.demo.teller.TOGETHER", 10)
    monkeypatch.setattr("adapters.demo.teller.BLOCK", 1)
    wanted = replace(SMALL, customers=40)
    _, telling = tell(backstory, wanted, lambda now: ahead.append(len(drawn) - now.customers))
    assert telling.customers == len(drawn) == 40
    assert max(ahead) == 10


def test_memory_lets_go_of_what_is_told(
    backstory: Backstory, monkeypatch: pytest.MonkeyPatch
) -> None:
    applications: list[Application] = []
    held: dict[int, list[int]] = defaultdict(list)

    @contextmanager
    def watched(*arguments: Any) -> Iterator[Application]:
        with writing(*arguments) as application:
            applications.append(application)
            yield application

    def count(telling: Telling) -> None:
        kept: tuple[Sized, ...] = (
            applications[0].repository._cache,
            backstory.mapper.subjects._ciphers,
        )
        held[telling.customers // 20].append(sum(map(len, kept)))

    monkeypatch.setattr("adapters.demo.telling.writing", watched)
    monkeypatch.setattr("adapters.demo.teller.TOGETHER", 10)
    monkeypatch.setattr("adapters.demo.teller.BLOCK", 1)
    tell(backstory, replace(SMALL, customers=100), count)
    early, late = max(held[1]), max(held[4])
    assert late < 1.2 * early


def test_what_is_closed_is_left_alone() -> None:
    """Also where a holiday comes between, as it does in the story of one in some thousands."""
    registry.load()
    begin, customers = date(2023, 1, 1), 20_000
    setting = Setting(1, begin, END, SHANGHAI, customers, Staff(1, begin, END, customers))
    for steps in stories(setting, (*range(200), 8_414)):
        closed: set[UUID | None] = set()
        for step in steps:
            name, id = step.request.command.NAME, step.request.id
            assert id not in closed or name == "opportunities/record-interaction", step
            if name in ("opportunities/win", "opportunities/lose"):
                closed.add(id)


def test_what_is_said_differs_and_fits_its_day() -> None:
    registry.load()
    begin, end = date(2022, 1, 1), date(2025, 1, 1)
    setting = Setting(2, begin, end, SHANGHAI, 60, Staff(2, begin, end, 60))
    texts, yearly = Counter[str](), Counter[tuple[int, str, int]]()
    seasons = dict.fromkeys((3, 4, 5), "春季") | dict.fromkeys((6, 7, 8), "夏季")
    seasons |= dict.fromkeys((9, 10, 11), "秋季") | dict.fromkeys((12, 1, 2), "冬季")
    for number, steps in enumerate(stories(setting, range(60))):
        said: Any
        for at, said in ((step.at, step.request.command) for step in steps):
            if not said.NAME.endswith("/record-interaction"):
                continue
            content, subject = said.content, said.subject
            assert at is not None
            assert not set("{}") & set(content)
            quarters = {"一二三四"[(at.month - 1) // 3], "一二三四"[(at.month + 2) // 3 % 4]}
            assert set(re.findall("(.)季度", content)) - {"每"} <= quarters, (at, content)
            assert set(re.findall("[春夏秋冬]季", content)) <= {seasons[at.month]}
            months = {str(at.month), str(at.month % 12 + 1)}
            assert set(re.findall(r"(\d+)月", content)) <= months, (at, content)
            texts[content] += 1
            if subject.startswith("年") or "问候" in subject:
                yearly[number, subject, at.year] += 1
    assert len(texts) > 0.6 * texts.total() > 300
    assert {*yearly.values()} == {1}


def test_two_seeds_are_two_companies_side_by_side(backstory: Backstory) -> None:
    tell(backstory, SMALL)
    before = story(backstory)
    tell(backstory, replace(SMALL, seed=5))
    both = story(backstory)
    assert before - both == Counter()
    assert both.total() > 1.5 * before.total()


def test_without_a_day_it_goes_by_the_demo_that_is_there(backstory: Backstory) -> None:
    tell(backstory, SMALL)
    _, again = tell(backstory, replace(SMALL, until=None))
    assert again.new == 0


def test_another_span_for_the_same_company_is_refused(backstory: Backstory) -> None:
    tell(backstory, SMALL)
    before = last(backstory)
    for other in ({"until": date(2024, 2, 1)}, {"years": 2}, {"customers": 21}):
        with pytest.raises(OtherDemo, match="another --seed"):
            tell(backstory, replace(SMALL, **other))
    with pytest.raises(OtherDemo, match="today is"):
        tell(backstory, Demo(seed=6, until=date(2999, 1, 1)))
    assert last(backstory) == before


def test_companies_of_all_seeds_have_names_of_their_own() -> None:
    ends = ((1, 0), (1, 499_000), (1, 999_000), (2, 0), (9, 500_000), (998, 0), (999, 998_000))
    companies = [names.company(seed, at + n) for seed, at in ends for n in range(1_000)]
    said = [name for c in companies for name in (c.name, c.rewritten, c.subsidiary)]
    assert len({canonical(name) for name in said}) == len(said)
    assert not any(letter.isdigit() or letter.isascii() for name in said for letter in name)
    shares = Counter(company.industry for company in companies)
    assert 0.15 < shares["energy"] / len(companies) < 0.23


def test_no_two_companies_can_be_read_as_the_same_name() -> None:
    """Each part is known by where it begins, and what any number chooses no other one does."""
    assert {len(city.name) for city in CITIES} == {2}
    assert {len(one) for one in (*names._FIRST, *names._SECOND, *names._THIRD)} == {1}
    trades = [trade for trade, _ in names._TRADES]
    named = [trade + kind for trade in trades for kind in names._KINDS]
    assert len({*named}) == len(named)
    for parts in (CITIES, names._FIRST, names._SECOND, names._THIRD, trades):
        assert len({*parts}) == len(parts)
    assert gcd(names._STRIDE, names._COMPANIES) == 1
    assert names._COMPANIES % names._HALVES == 0
    assert names._COMPANIES >= 1_000 * 1_000_000


def test_people_are_many_and_can_be_called_and_written_to() -> None:
    people = [names.person(n) for n in range(400)]
    assert len({person.login for person in people}) > 300
    for number in (0, 9_999, 10_000, 123_456, 99_999_999, *range(0, names.MOBILES, 800_009)):
        valid_phone(names.mobile(3, number))
        valid_phone(names.landline(3, number, CITIES[number % 48]))
    upto = range(100_000)
    calls = [names.mobile(seed, n) for seed in (1, 2, 3) for n in upto]
    assert len({*calls}) == len(calls)
    lines = [names.landline(seed, n, CITIES[0]) for seed in (1, 2, 3) for n in upto]
    assert len({*lines}) == len(lines)
    letters = {names.email(seed, n, "wang.wei") for seed in (1, 2, 3) for n in range(100)}
    assert len(letters) == 300
    for letter in letters:
        valid_email(letter)
    city = names.company(1, 1).city
    assert names.address(city, 17).startswith(city.full_name)


def test_customers_are_where_their_numbers_are_and_as_large_as_what_they_earn() -> None:
    assert len({city.name for city in CITIES}) == len(CITIES)
    for city in CITIES:
        for number in range(0, 9_000_000, 99_991):
            valid_phone(names.landline(3, number, city))
    chance = Random(1)
    sizes = [Size.of(chance, segment.tag) for segment in truths.SEGMENTS for _ in range(200)]
    assert len({size.employees for size in sizes}) > 200
    assert {size.revenue // size.employees // 1_500_000 for size in sizes} == {0}
    assert max(size.founded_on for size in sizes) < date(2017, 1, 1)
    shares = Counter(names.company(1, n).industry for n in range(1_000))
    assert shares["manufacturing"] > 600


def test_the_staff_grows_with_the_company_and_has_logins_of_its_own() -> None:
    small, large = (Staff(1, date(2021, 1, 1), UNTIL, n) for n in (10, 1_000_000))
    logins = [member.login for member in large]
    assert len(set(logins)) == len(logins) > 10 * len(list(small))
    for seat in large.sellers:
        for before, after in pairwise(seat.holders):
            assert before.left_on == after.entered_on
            assert seat.holder(after.entered_on) == after


def test_it_says_how_far_it_is() -> None:
    telling = Telling(commands=2_400, new=2_300, events=2_500, customers=50)
    said = progress_line(Demo(customers=1_000), telling, 10.0)
    assert said == "50 of 1,000 customers, 2,500 events, 250 events/s, 0:03:10 left"
    assert "left" not in progress_line(Demo(), Telling(events=5), 1.0)


def test_what_it_prints_is_true(tmp_path: Path) -> None:
    arguments = ("demo", "--serve", "--customers", "40", "--until", UNTIL.isoformat())
    with serving(tmp_path / "data", *arguments) as (process, address):
        assert process.stdout is not None
        said = ""
        while "curl" not in said:
            said += process.stdout.readline()
        key = re.findall(r"^API key: (\S+)$", said, re.MULTILINE)[0]
        places = re.findall(rf"{re.escape(address)}(\S+)$", said, re.MULTILINE)
        assert len(places) == 9
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}) as client:
            for place in places:
                answer = client.get(place, timeout=10)
                assert answer.status_code == 200, (place, answer.text)
                if "json" in answer.headers["content-type"]:
                    waiting = "overdue" in place  # Policies fill it, in their time.
                    assert waiting or answer.json()["items"], place
        [curl] = re.findall(r"^  (curl .*)$", said, re.MULTILINE)
        if shutil.which("curl") is None:
            pytest.skip("there is no curl here to paste it to")
        pasted = subprocess.run(["bash", "-c", curl], capture_output=True, timeout=30)
        assert b'"stage":"won"' in pasted.stdout
