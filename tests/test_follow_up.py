"""Keeping in touch: who is told when, what takes it back, and the question who was forgotten."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from aggregates.customer import Customer
from aggregates.events import Event
from aggregates.interaction import Interactive
from aggregates.opportunity import Opportunity
from aggregates.user import User
from commands.base import COMMANDS
from commands.customer import AssignCustomer
from commands.follow_up import (
    EscalateFollowUp,
    MarkFollowUpOverdue,
    ResumeFollowUp,
    watch_follow_up,
)
from commands.policies import Answer, Ask, At, Cancel
from commands.repository import PAGE
from commands.user import AddUser, DisableUser
from tests.policing import Policed, policed
from tests.service import Service, running
from tests.spec import BEGINNING, RECORD, given, happened
from tests.write_side import opening, registration

OWNER, BOSS, CHIEF = (UUID(int=n) for n in (11, 12, 13))
WEEK = timedelta(days=7)
SINCE = BEGINNING + WEEK
OWNED = Customer.Registered(
    name="杭州云帆科技有限公司", industry="software", source="website", owner_id=OWNER
)
OVERDUE = Customer.FollowUpOverdue(follow_up_overdue_since=SINCE, flagged_to=OWNER)
ESCALATED = Customer.FollowUpEscalated(follow_up_escalated_to=BOSS)
VISIT = Customer.InteractionRecorded(interaction_id=UUID(int=1), channel="visit", subject="参观")
KEY, ESCALATION, RESUMPTION = str(RECORD), f"{RECORD}/escalation", f"{RECORD}/resumption"


def user(id: UUID, superior_id: UUID | None = None, *, active: bool = True) -> User:
    added = User.Added(login="x", name="x", superior_id=superior_id)
    return User.replay(id, [added] if active else [added, User.Disabled()])


# Rules


def test_an_owned_customer_is_flagged_to_its_owner_once() -> None:
    given(OWNED).when(MarkFollowUpOverdue(since=SINCE)).then(OVERDUE)
    given(OWNED, OVERDUE).when(MarkFollowUpOverdue(since=SINCE + WEEK)).changes_nothing()


@pytest.mark.parametrize(
    "history",
    [
        [OWNED.model_copy(update={"owner_id": None})],
        [OWNED, Customer.Archived()],
        [OWNED, Customer.Merged(into_id=UUID(int=2))],
    ],
)
def test_a_customer_without_owner_or_out_of_use_is_not_flagged(history: list[Event]) -> None:
    given(*history).when(MarkFollowUpOverdue(since=SINCE)).changes_nothing()


def test_then_it_is_flagged_to_the_nearest_superior_who_still_works_here() -> None:
    team = (user(OWNER, BOSS), user(BOSS, CHIEF), user(CHIEF))
    flagged = given(OWNED, OVERDUE)
    flagged.beside(*team).when(EscalateFollowUp(since=SINCE)).then(ESCALATED)
    gone = (user(OWNER, BOSS), user(BOSS, CHIEF, active=False), user(CHIEF))
    flagged.beside(*gone).when(EscalateFollowUp(since=SINCE)).then(
        Customer.FollowUpEscalated(follow_up_escalated_to=CHIEF)
    )
    flagged.beside(user(OWNER)).when(EscalateFollowUp(since=SINCE)).changes_nothing()
    circle = (user(OWNER, BOSS, active=False), user(BOSS, OWNER, active=False))
    flagged.beside(*circle).when(EscalateFollowUp(since=SINCE)).changes_nothing()
    given(OWNED, OVERDUE, ESCALATED).beside(*team).when(
        EscalateFollowUp(since=SINCE)
    ).changes_nothing()


@pytest.mark.parametrize(
    "since", [Customer.FollowUpResumed(), Customer.Assigned(owner_id=BOSS), Customer.Archived()]
)
def test_what_is_not_overdue_any_more_goes_no_further(since: Event) -> None:
    team = (user(OWNER, BOSS), user(BOSS, CHIEF), user(CHIEF))
    given(OWNED, OVERDUE, since).beside(*team).when(EscalateFollowUp(since=SINCE)).changes_nothing()


def test_an_interaction_takes_the_flags_off() -> None:
    flagged = given(OWNED, OVERDUE, ESCALATED)
    resumed = Customer.FollowUpResumed(until=SINCE)
    flagged.when(ResumeFollowUp(moment=BEGINNING)).then(resumed).leaves(
        follow_up_overdue_since=None, follow_up_escalated_to=None
    )
    flagged.when(ResumeFollowUp(moment=SINCE)).changes_nothing()
    given(OWNED).when(ResumeFollowUp(moment=BEGINNING)).changes_nothing()


def test_what_is_asked_too_early_is_asked_again() -> None:
    asked = MarkFollowUpOverdue(since=SINCE - timedelta(days=1))
    given(OWNED).when(asked).then(Customer.FollowUpRescheduled(until=SINCE))


def test_the_next_owner_begins_without_flags() -> None:
    given(OWNED, OVERDUE, ESCALATED).when(AssignCustomer(owner_id=BOSS)).leaves(
        follow_up_overdue_since=None, follow_up_escalated_to=None, owner_id=BOSS
    )


# The policy


def answers(event: Event, at: datetime = BEGINNING, **envelope: Any) -> list[Answer]:
    found: Iterable[Answer] = watch_follow_up(happened(event, at=at, **envelope))
    return list(found)


MARK = At(SINCE, Ask(MarkFollowUpOverdue(since=SINCE), RECORD, SINCE), KEY, only_later=True)


@pytest.mark.parametrize("event", [OWNED, Customer.Assigned(owner_id=OWNER), Customer.Restored()])
def test_an_owner_has_seven_days(event: Event) -> None:
    assert answers(event) == [MARK, Cancel(ESCALATION)]


def test_without_an_owner_nobody_has() -> None:
    assert answers(OWNED.model_copy(update={"owner_id": None})) == []


def test_who_is_brought_in_by_an_import_has_them_from_then_on() -> None:
    recorded_at = BEGINNING + timedelta(days=900)
    [mark, _] = answers(OWNED, origin="import", recorded_at=recorded_at)
    assert isinstance(mark, At)
    assert mark.due_at == recorded_at + WEEK


@pytest.mark.parametrize(
    "event",
    [
        VISIT,
        Opportunity.InteractionRecorded(interaction_id=UUID(int=1), channel="call", subject="x"),
    ],
)
def test_an_interaction_anywhere_puts_it_off_and_takes_the_flags_off(event: Event) -> None:
    assert answers(event) == [
        MARK,
        Cancel(ESCALATION),
        At(None, Ask(ResumeFollowUp(moment=BEGINNING), RECORD), RESUMPTION),
    ]


def test_an_interaction_of_long_ago_puts_nothing_off() -> None:
    assert answers(VISIT, recorded_at=BEGINNING + WEEK) == []


@pytest.mark.parametrize(
    "event", [Customer.FollowUpResumed(until=SINCE), Customer.FollowUpRescheduled(until=SINCE)]
)
def test_whoever_is_told_a_moment_is_asked_then(event: Event) -> None:
    sooner_or_later = At(SINCE, MARK.ask, KEY)
    assert answers(event) == [sooner_or_later, Cancel(ESCALATION)]
    assert answers(Customer.FollowUpResumed()) == [Cancel(ESCALATION)]


def test_the_superior_is_asked_another_seven_days_later() -> None:
    at = BEGINNING + WEEK
    assert answers(OVERDUE) == [At(at, Ask(EscalateFollowUp(since=SINCE), RECORD, at), ESCALATION)]


@pytest.mark.parametrize("event", [Customer.Archived(), Customer.Merged(into_id=UUID(int=2))])
def test_of_a_customer_out_of_use_nothing_is_asked(event: Event) -> None:
    assert answers(event) == [Cancel(KEY), Cancel(ESCALATION)]


# On a real log


@pytest.fixture
def world(database_url: str) -> Iterator[Policed]:
    with policed(database_url) as world:
        yield world


def add_user(world: Policed, superior_id: UUID | None = None) -> UUID:
    login = f"u{uuid4().hex[:8]}"
    return world.side.do(AddUser(login=login, name="王伟", superior_id=superior_id)).id


def owned(world: Policed, owner: UUID, days_ago: float) -> UUID:
    at = world.clock.now - timedelta(days=days_ago)
    return world.side.do(registration(owner_id=owner), occurred_at=at).id


def speak(world: Policed, kind: str, id: UUID, days_ago: float | None = None) -> None:
    """By the driven clock where ``days_ago`` says so, else by the database's."""
    said = {"channel": "visit", "subject": "参观"}
    command = COMMANDS[f"{kind}/record-interaction"].model_validate(said)
    at = None if days_ago is None else world.clock.now - timedelta(days=days_ago)
    world.side.do(command, id, occurred_at=at)


def flags(world: Policed, id: UUID) -> list[str]:
    return [t for t in world.side.topics(id) if t.startswith("Customer.FollowUp")]


def test_first_the_owner_then_the_superior_is_told_until_somebody_speaks(world: Policed) -> None:
    boss = add_user(world)
    owner = add_user(world, boss)
    customer = owned(world, owner, 6.5)
    opportunity = world.side.do(opening(customer)).id
    forgotten = owned(world, owner, 15)
    world.settle()
    assert flags(world, customer) == []
    *_, overdue, escalated = world.side.events(forgotten)
    assert isinstance(overdue, Customer.FollowUpOverdue)
    assert overdue.flagged_to == owner
    assert isinstance(escalated, Customer.FollowUpEscalated)
    assert escalated.follow_up_escalated_to == boss
    week_before = world.clock.now - timedelta(days=8)
    assert abs(overdue.envelope.occurred_at - week_before) < timedelta(seconds=5)
    speak(world, "customers", forgotten)
    speak(world, "opportunities", opportunity)
    world.settle()
    assert flags(world, forgotten)[2:] == ["Customer.FollowUpResumed"]
    world.clock.advance(days=1)
    world.settle()
    assert flags(world, customer) == [], "a talk about its opportunity counts"
    world.clock.advance(days=6, hours=1)
    world.settle()
    assert flags(world, customer) == ["Customer.FollowUpOverdue"]
    assert world.listed("refused") == world.listed("dropped") == world.listed("parked") == []


def test_an_older_interaction_that_is_entered_later_does_not_shorten_the_time(
    world: Policed,
) -> None:
    customer = owned(world, add_user(world), 30)
    speak(world, "customers", customer)
    speak(world, "customers", customer, days_ago=6)
    world.settle()
    world.clock.advance(days=2)
    world.settle()
    assert flags(world, customer) == []
    world.clock.advance(days=6)
    world.settle()
    assert flags(world, customer) == ["Customer.FollowUpOverdue"]


def test_a_late_entry_before_the_flag_takes_it_off_again(world: Policed) -> None:
    customer = owned(world, add_user(world), 8)
    world.settle()
    assert flags(world, customer) == ["Customer.FollowUpOverdue"]
    speak(world, "customers", customer, days_ago=3)
    world.settle()
    assert flags(world, customer) == ["Customer.FollowUpOverdue", "Customer.FollowUpResumed"]
    record = world.side.replayed(Customer, customer)
    assert isinstance(record, Customer)
    assert record.follow_up_overdue_since is None


def test_who_takes_a_customer_over_has_seven_days_of_their_own(world: Policed) -> None:
    boss, next_owner = add_user(world), add_user(world)
    customer = owned(world, add_user(world, boss), 8)
    world.settle()
    world.side.do(AssignCustomer(owner_id=next_owner), customer)
    world.settle()
    world.clock.advance(days=6.9)
    world.settle()
    assert flags(world, customer) == ["Customer.FollowUpOverdue"], "and no word to the superior"
    world.clock.advance(days=0.2)
    world.settle()
    *_, overdue = world.side.events(customer)
    assert isinstance(overdue, Customer.FollowUpOverdue)
    assert overdue.flagged_to == next_owner


def merge(world: Policed, loser: UUID, into: UUID) -> None:
    world.side.do(COMMANDS["customers/merge"].model_validate({"into_id": into}), loser)


def test_what_is_said_to_a_merged_customer_counts_for_who_goes_on(world: Policed) -> None:
    """Said on the merged one's opportunity, which goes on belonging to it."""
    kept, middle, merged = (owned(world, add_user(world), 1) for _ in range(3))
    opportunity = world.side.do(opening(merged)).id
    merge(world, merged, middle)
    merge(world, middle, kept)
    world.settle()
    world.clock.advance(days=5)
    speak(world, "opportunities", opportunity, days_ago=0)
    world.settle()
    world.clock.advance(days=2)
    world.settle()
    assert flags(world, kept) == ["Customer.FollowUpRescheduled"], "not before seven days are over"
    world.clock.advance(days=5, hours=1)
    world.settle()
    assert flags(world, kept)[1:] == ["Customer.FollowUpOverdue"]
    assert flags(world, merged) == flags(world, middle) == []
    speak(world, "opportunities", opportunity, days_ago=0)
    world.settle()
    assert flags(world, kept)[2:] == ["Customer.FollowUpResumed"]


def test_a_merge_and_its_end_are_looked_at_again(world: Policed) -> None:
    kept, merged = owned(world, add_user(world), 8), owned(world, add_user(world), 9)
    speak(world, "customers", merged, days_ago=2)
    world.settle()
    assert flags(world, kept) == ["Customer.FollowUpOverdue"]
    merge(world, merged, kept)
    world.settle()
    assert flags(world, kept)[1:] == ["Customer.FollowUpResumed"]
    world.side.do(COMMANDS["customers/unmerge"](), merged)
    world.settle()
    assert flags(world, kept)[2:] == ["Customer.FollowUpOverdue"]
    assert flags(world, merged) == []
    assert world.listed("refused") == world.listed("dropped") == world.listed("parked") == []


def retract(world: Policed, kind: str, id: UUID) -> None:
    *_, last = (e for e in world.side.events(id) if isinstance(e, Interactive.InteractionRecorded))
    said = {"interaction_id": last.interaction_id, "reason": "记错了客户"}
    world.side.do(COMMANDS[f"{kind}/retract-interaction"].model_validate(said), id)


def test_a_retracted_interaction_buys_no_time(world: Policed) -> None:
    customer = owned(world, add_user(world), 8)
    world.settle()
    speak(world, "customers", customer)
    world.settle()
    retract(world, "customers", customer)
    world.settle()
    marked, resumed, again = flags(world, customer)
    assert (marked, resumed) == ("Customer.FollowUpOverdue", "Customer.FollowUpResumed")
    assert again == "Customer.FollowUpOverdue"
    row = world.side.replayed(Customer, customer)
    assert isinstance(row, Customer)
    assert row.follow_up_overdue_since == world.side.log.stream(customer)[0].occurred_at + WEEK


def test_then_the_remaining_interactions_say_when_the_next_is_due(world: Policed) -> None:
    customer, elsewhere = owned(world, add_user(world), 30), owned(world, add_user(world), 1)
    opportunity = world.side.do(opening(customer)).id
    speak(world, "customers", customer, days_ago=5)
    speak(world, "opportunities", opportunity, days_ago=1)
    speak(world, "customers", customer, days_ago=6)
    world.settle()
    retract(world, "customers", customer)
    move = COMMANDS["opportunities/move"].model_validate({"customer_id": elsewhere})
    world.side.do(move, opportunity)
    world.settle()
    assert flags(world, customer) == [], "the one of six days ago was not what counted"
    retract(world, "opportunities", opportunity)
    world.settle()
    assert flags(world, customer) == ["Customer.FollowUpRescheduled"]
    assert flags(world, elsewhere) == []
    world.clock.advance(days=2, hours=1)
    world.settle()
    assert flags(world, customer)[1:] == ["Customer.FollowUpOverdue"]
    assert world.listed("refused") == world.listed("dropped") == world.listed("parked") == []


def test_however_many_were_retracted_of_a_merged_customer_who_goes_on_is_looked_at(
    world: Policed,
) -> None:
    """More than are read at once, on a record of the merged one."""
    kept, merged = owned(world, add_user(world), 8), owned(world, add_user(world), 8)
    opportunity = world.side.do(opening(merged)).id
    merge(world, merged, kept)
    for hours in range(PAGE + 3):
        speak(world, "opportunities", opportunity, days_ago=1 + hours / 24)
    world.settle()
    before = flags(world, kept)
    assert before in ([], ["Customer.FollowUpRescheduled"]), "it was asked before or after"
    interactions = world.side.replayed(Opportunity, opportunity).interactions  # type: ignore[attr-defined]
    for id in interactions:
        said = {"interaction_id": id, "reason": "记错了客户"}
        retraction = COMMANDS["opportunities/retract-interaction"].model_validate(said)
        world.side.do(retraction, opportunity)
    world.settle()
    assert flags(world, kept)[-1] == "Customer.FollowUpOverdue"
    row = world.side.replayed(Customer, kept)
    assert isinstance(row, Customer)
    assert row.follow_up_overdue_since == world.side.log.stream(kept)[0].occurred_at + WEEK
    assert world.listed("refused") == world.listed("dropped") == world.listed("parked") == []


def test_an_archived_customer_is_left_in_peace_until_it_is_restored(world: Policed) -> None:
    customer = owned(world, add_user(world), 6)
    world.side.do(COMMANDS["customers/archive"](), customer)
    world.settle()
    world.clock.advance(days=20)
    world.settle()
    assert flags(world, customer) == []
    world.side.do(COMMANDS["customers/restore"](), customer)
    world.settle()
    assert flags(world, customer) == ["Customer.FollowUpOverdue"]


def test_nobody_is_told_who_was_locked_out(world: Policed) -> None:
    chief = add_user(world)
    boss = add_user(world, chief)
    owner = add_user(world, boss)
    world.side.do(DisableUser(), boss)
    customer = owned(world, owner, 15)
    world.settle()
    *_, escalated = world.side.events(customer)
    assert isinstance(escalated, Customer.FollowUpEscalated)
    assert escalated.follow_up_escalated_to == chief


# The question


@pytest.fixture(scope="module")
def service(module_database_url: str) -> Iterator[Service]:
    with running(module_database_url) as service:
        yield service


def ago(**by: float) -> dict[str, str]:
    return {"occurred_at": (datetime.now(UTC) - timedelta(**by)).isoformat()}


def asked(service: Service, after: int, **parameters: Any) -> dict[str, dict[str, Any]]:
    answer = service.client.get(
        "/v1/queries/overdue-customers", params={"after": after, **parameters}
    )
    assert answer.status_code == 200, answer.text
    return {line["customer_id"]: line for line in answer.json()["items"]}


def spoken(service: Service, kind: str, id: str, **by: float) -> dict[str, Any]:
    body = {"channel": "call", "subject": "近况", "meta": ago(**by)}
    return service.made(f"{kind}/{id}/record-interaction", body)


def team(service: Service) -> tuple[str, str]:
    boss = service.made("users/add", {"login": f"b{uuid4().hex}", "name": "李雷"})["id"]
    body = {"login": f"o{uuid4().hex}", "name": "王伟", "superior_id": boss}
    return service.made("users/add", body)["id"], boss


def test_the_forgotten_are_listed_with_owner_superior_days_and_last_interaction(
    service: Service,
) -> None:
    owner, boss = team(service)
    made: dict[str, Any] = {"owner_id": owner, "meta": ago(days=100)}
    silent, spoke, lately, about = (service.customer(**made) for _ in range(4))
    unowned = service.customer(meta=ago(days=100))
    fresh = service.customer(owner_id=owner)
    spoken(service, "customers", spoke, days=9)
    spoken(service, "customers", spoke, days=20)
    spoken(service, "customers", lately, days=6.9)
    opportunity = service.opportunity(about, meta=ago(days=90))
    last = spoken(service, "opportunities", opportunity, days=1)["position"]
    found = asked(service, last)
    assert silent in found
    assert spoke in found
    assert not {lately, about, unowned, fresh} & found.keys()
    line = found[spoke]
    assert (line["owner"], line["superior"], line["superior_id"]) == ("王伟", "李雷", boss)
    assert (line["days"], found[silent]["days"]) == (9, 100)
    assert found[silent]["last_interaction_at"] is None
    assert list(asked(service, last, owner_id=owner)) == [silent, spoke], "the longest first"
    assert asked(service, last, owner_id=boss) == {}
    assert set(asked(service, last, superior_id=boss)) == {silent, spoke}
    assert set(asked(service, last, owner_id=owner, days=10)) == {silent}
    day = ago(days=80)["occurred_at"]
    then = asked(service, last, owner_id=owner, as_of=day)
    assert {line["days"] for line in then.values()} == {20}
    assert set(then) == {silent, spoke, lately, about}
    recorded = asked(service, last, owner_id=owner, as_of=last)
    assert set(recorded) == {silent, spoke}


def test_what_was_said_to_a_duplicate_counts_and_what_is_out_of_use_is_not_listed(
    service: Service,
) -> None:
    owner, _ = team(service)
    made: dict[str, Any] = {"owner_id": owner, "meta": ago(days=100)}
    kept, duplicate, archived = (service.customer(**made) for _ in range(3))
    spoken(service, "customers", duplicate, days=2)
    service.made(f"customers/{archived}/archive")
    last = service.made(f"customers/{duplicate}/merge", {"into_id": kept})["position"]
    assert asked(service, last, owner_id=owner) == {}
    last = service.made(f"customers/{duplicate}/unmerge")["position"]
    assert set(asked(service, last, owner_id=owner)) == {kept}


def test_a_retracted_interaction_does_not_count(service: Service) -> None:
    owner, _ = team(service)
    customer = service.customer(owner_id=owner, meta=ago(days=100))
    receipt = spoken(service, "customers", customer, days=1)
    assert asked(service, receipt["position"], owner_id=owner) == {}
    [row] = service.client.get(
        "/v1/interactions", params={"customer_id": customer, "after": receipt["position"]}
    ).json()["items"]
    body = {"interaction_id": row["id"], "reason": "记错了客户"}
    last = service.made(f"customers/{customer}/retract-interaction", body)["position"]
    assert set(asked(service, last, owner_id=owner)) == {customer}


def test_flags_are_shown_on_the_customer_and_told_in_its_history(service: Service) -> None:
    owner, boss = team(service)
    customer = service.customer(owner_id=owner, meta=ago(days=15))
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while True:
        row = service.client.get(f"/v1/customers/{customer}").json()
        if row["follow_up_escalated_to"] is not None:
            break
        assert datetime.now(UTC) < deadline
    assert row["follow_up_escalated_to"] == boss
    history = service.client.get(f"/v1/customers/{customer}/history").json()["items"]
    sentences = [item["sentence"] for item in history if "FollowUp" in item["event"]]
    assert sentences == [
        "提醒王伟：已有七天没有联系客户",
        "上报给李雷：负责人王伟又有七天没有联系客户",
    ]


def test_callers_who_are_no_policy_cannot_flag(service: Service) -> None:
    body = {"since": "2026-03-01T10:00:00Z"}
    answer = service.post(f"customers/{service.customer()}/mark-follow-up-overdue", body)
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == ["command"]
