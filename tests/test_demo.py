"""The demo: the same arguments tell the same history, once, and what it prints is true."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.bootstrap import Backstory
from adapters.demo import names
from adapters.demo.telling import Demo, OtherDemo, tell
from aggregates.company_names import canonical
from aggregates.values import valid_email, valid_phone
from tests.importing import events, last, opened, rows
from tests.test_cli import serving

UNTIL = date(2024, 1, 1)
SMALL = Demo(customers=25, years=1, seed=3, until=UNTIL)


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


def story(backstory: Backstory) -> Counter[tuple[Any, ...]]:
    """What the log says, less what is new in each: numbers, and the time of recording."""
    return Counter(
        (
            *(event.TOPIC, event.envelope.stream_id, event.envelope.version),
            *(event.envelope.occurred_at, event.envelope.actor, event.envelope.reason),
            str(event.model_dump(mode="json", exclude_unset=True, exclude={"number"})),
        )
        for event in events(backstory)
        if event.envelope.occurred_at.year < UNTIL.year
    )


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
        tell(other, SMALL)
        assert story(other) == story(backstory)
    assert story(backstory).total() > SMALL.customers * 5


def test_one_that_was_broken_off_goes_on(
    backstory: Backstory, module_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BrokenOff(Exception):
        pass

    def break_off(telling: object) -> None:
        raise BrokenOff

    wanted = Demo(customers=25, years=1, seed=4, until=UNTIL)
    monkeypatch.setattr("adapters.demo.telling.BLOCK", 60)
    with pytest.raises(BrokenOff):
        tell(backstory, wanted, break_off)
    assert 0 < story(backstory).total() < 100
    tell(backstory, wanted)
    with opened(module_database_url) as other:
        before = story(other)
        tell(other, wanted)
        assert story(other) - before == story(backstory)


def test_it_looks_like_a_companys_history(backstory: Backstory) -> None:
    setting, _ = tell(backstory, Demo(customers=60, seed=1, until=UNTIL))
    customers, deals = rows(backstory, "customers"), rows(backstory, "opportunities")
    assert len(customers) == 60
    stages = Counter(deal.stage for deal in deals.values())
    assert set(stages) == {"lead", "first_contact", "proposal", "negotiating", "won", "lost"}
    assert all(deal.lost_reason for deal in deals.values() if deal.stage == "lost")
    assert {c.type for c in customers.values()} == {"prospect", "interested", "customer"}
    assert {row.incomplete for row in (*customers.values(), *deals.values())} == {()}
    told = [e for e in events(backstory) if e.envelope.origin == "api"]
    began = setting.begin
    for event in told:
        at = event.envelope.occurred_at.astimezone(backstory.timezone)
        assert began <= at.date() < UNTIL
        if event.TOPIC != "User.Added":
            assert at.weekday() < 5
            assert 9 <= at.hour < 18
    assert {"Customer.Tagged", "Customer.Assigned", "Opportunity.AmountChanged"} <= {
        e.TOPIC for e in told
    }
    assert all(
        e.envelope.reason
        for e in told
        if e.TOPIC == "Customer.DetailsChanged" or e.TOPIC == "Opportunity.AmountChanged"
    )


def test_more_customers_are_added_to_what_is_there(backstory: Backstory) -> None:
    tell(backstory, SMALL)
    before = story(backstory)
    tell(backstory, Demo(customers=30, years=1, seed=3, until=UNTIL))
    assert before - story(backstory) == Counter()
    assert len(rows(backstory, "customers")) == 30


def test_nothing_is_asked_for_that_is_so_already(backstory: Backstory) -> None:
    _, telling = tell(backstory, Demo(customers=300, years=2, seed=2, until=UNTIL))
    assert telling.new == telling.commands


def test_two_seeds_are_two_companies_side_by_side(backstory: Backstory) -> None:
    tell(backstory, SMALL)
    tell(backstory, Demo(customers=25, years=1, seed=5, until=UNTIL))
    assert len(rows(backstory, "customers")) == 50


def test_without_a_day_it_goes_by_the_demo_that_is_there(backstory: Backstory) -> None:
    tell(backstory, SMALL)
    _, again = tell(backstory, Demo(customers=25, years=1, seed=3))
    assert again.new == 0


def test_another_span_for_the_same_company_is_refused(backstory: Backstory) -> None:
    tell(backstory, SMALL)
    before = last(backstory)
    with pytest.raises(OtherDemo, match="another --seed"):
        tell(backstory, Demo(customers=25, years=1, seed=3, until=date(2024, 2, 1)))
    with pytest.raises(OtherDemo, match="today is"):
        tell(backstory, Demo(seed=6, until=date(2999, 1, 1)))
    assert last(backstory) == before


def test_companies_and_people_are_many_valid_and_invented() -> None:
    companies = [names.company(seed, n) for seed in (1, 2, 9) for n in range(7_000)]
    assert len({canonical(company.name) for company in companies}) == len(companies)
    assert len({canonical(names.company(1, n).name) for n in range(75_000)}) == 75_000
    people = [names.person(n) for n in range(400)]
    assert len({person.login for person in people}) > 300
    for number in (0, 9_999, 10_000, 123_456, 99_999_999):
        valid_phone(names.mobile(number))
    valid_email(f"{people[0].login}@example.com")


def test_what_it_prints_is_true(tmp_path: Path) -> None:
    arguments = ("demo", "--serve", "--customers", "12", "--until", UNTIL.isoformat())
    with serving(tmp_path / "data", *arguments) as (process, address):
        assert process.stdout is not None
        said = ""
        while "curl" not in said:
            said += process.stdout.readline()
        key = re.findall(r"^API key: (\S+)$", said, re.MULTILINE)[0]
        places = re.findall(rf"{re.escape(address)}(\S+)$", said, re.MULTILINE)
        assert len(places) == 6
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}) as client:
            for place in places:
                answer = client.get(place, timeout=10)
                assert answer.status_code == 200, (place, answer.text)
                if "json" in answer.headers["content-type"]:
                    assert answer.json()["items"], place
        [curl] = re.findall(r"^  (curl .*)$", said, re.MULTILINE)
        if shutil.which("curl") is None:
            pytest.skip("there is no curl here to paste it to")
        pasted = subprocess.run(["bash", "-c", curl], capture_output=True, timeout=30)
        assert b'"stage":"won"' in pasted.stdout
