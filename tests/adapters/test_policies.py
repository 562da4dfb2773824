"""Policies at work: each request once, none for history, whatever fails seen and tried again."""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.policies import parking, requests, tracking
from adapters.policies.runner import PolicyRunner
from adapters.policies.tracking import OtherLog
from adapters.postgres.views.leading import connect
from adapters.postgres.views.rebuild import Rebuilder
from adapters.postgres.views.tracking import Superseded
from aggregates.customer import Customer
from aggregates.events import Event
from aggregates.task import Task
from commands.customer import TagCustomer
from commands.policies import Answer, Ask, At, Cancel, Policy
from commands.ports import Overloaded
from commands.requests import Caller, Receipt, Request
from commands.task import AssignTask, ChangeTaskDetails, CompleteTask, PlanTask, RescheduleTask
from projections.base import Projection
from tests.adapters.leading import take_lead
from tests.policing import Policed, named, policed, run
from tests.write_side import CALLER, registration


def tag_new_customer(event: Customer.Registered) -> Iterable[Answer]:
    yield Ask(TagCustomer(tags=("new",)), event.envelope.stream_id)


def follow_up(event: Customer.Registered) -> Iterable[Answer]:
    """Makes records: done twice, it would show."""
    due_at = event.envelope.recorded_at + timedelta(days=30)
    ask = Ask(PlanTask(subject="首次回访", due_at=due_at, about=event.envelope.stream_id))
    yield ask
    yield At(event.envelope.recorded_at + timedelta(days=1), ask, str(event.envelope.stream_id))


TAG = Policy(tag_new_customer, (Customer.Registered,))
FOLLOW_UP = Policy(follow_up, (Customer.Registered,))


@pytest.fixture
def world(database_url: str) -> Iterator[Policed]:
    with policed(database_url) as world:
        yield world


def eventually(is_so: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def asked(world: Policed) -> int:
    """How many commands of policies have recorded something."""
    [(count,)] = world.connection.execute(
        "SELECT count(DISTINCT command_id) FROM backstory.events"
        " WHERE origin = 'policy' AND causation_id IS NOT NULL"
    )
    return int(count)


# What is asked


def test_a_request_is_made_at_once_in_the_name_of_policies(world: Policed) -> None:
    world.begin(named(TAG))
    caller = Caller(UUID(int=77))
    customer = world.side.do(registration(), caller=caller).id
    world.settle(named(TAG))
    registered, tagged = world.side.log.stream(customer)
    assert tagged.topic == "Customer.Tagged"
    assert (tagged.origin, tagged.on_behalf_of) == ("policy", UUID(int=77))
    assert tagged.causation_id == registered.event_id
    assert tagged.correlation_id == registered.correlation_id
    assert world.listed("waiting") == []


def test_what_is_due_later_waits_and_a_later_request_of_its_key_takes_its_place(
    world: Policed,
) -> None:
    def chase(event: Event) -> Iterable[Answer]:
        if isinstance(event, Task.Completed):
            yield Cancel("chase")
            return
        at = event.envelope.recorded_at + timedelta(days=event.envelope.version)
        said = ChangeTaskDetails(subject=f"after {event.envelope.version}")
        yield At(at, Ask(said, event.envelope.stream_id), "chase")

    policies = named(Policy(chase, (Task.Planned, Task.DetailsChanged, Task.Completed)))
    world.begin(policies)
    due_at = world.clock.now + timedelta(days=90)
    task = world.side.do(PlanTask(subject="x", due_at=due_at)).id
    world.settle(policies)
    [first] = world.listed("waiting")
    world.side.do(ChangeTaskDetails(subject="y"), task)
    world.settle(policies)
    [second] = world.listed("waiting")
    assert (second.key, second.event_id) == ("chase", f"{task}:2")
    assert second.id != first.id
    world.side.do(CompleteTask(), task)
    world.clock.advance(days=30)
    world.settle(policies)
    assert world.listed("waiting") == []
    assert asked(world) == 0


@pytest.mark.parametrize("batch", [1, 1_000])
def test_what_may_only_be_put_off_is_never_brought_forward(world: Policed, batch: int) -> None:
    def remember(event: Event) -> Iterable[Answer]:
        if isinstance(event, Task.Assigned):
            yield Cancel("one")
        elif isinstance(event, Task.Planned | Task.Rescheduled) and event.due_at is not None:
            ask = Ask(ChangeTaskDetails(subject="x"), event.envelope.stream_id)
            yield At(event.due_at, ask, "one", only_later=True)

    policies = named(Policy(remember, (Task.Planned, Task.Rescheduled, Task.Assigned)))
    world.begin(policies)
    due = [world.clock.now + timedelta(days=n) for n in (10, 20, 15, 5)]
    task = world.side.do(PlanTask(subject="x", due_at=due[0])).id
    for moment in due[1:3]:
        world.side.do(RescheduleTask(due_at=moment), task)
    world.settle(policies, batch=batch)
    assert [one.due_at for one in world.listed("waiting")] == [due[1]]
    world.side.do(AssignTask(owner_id=CALLER.actor), task)
    world.side.do(RescheduleTask(due_at=due[3]), task)
    world.settle(policies, batch=batch)
    assert [one.due_at for one in world.listed("waiting")] == [due[3]], "cancelled in between"


def test_a_request_that_was_made_and_not_noted_is_not_made_again(
    world: Policed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after ``kill -9`` between the two."""
    world.begin(named(FOLLOW_UP))
    world.side.do(registration())
    with monkeypatch.context() as patch:
        patch.setattr(requests, "settle", cut)
        for _ in range(3):
            with pytest.raises(Cut):
                world.settle(named(FOLLOW_UP))
    assert (asked(world), len(world.listed("waiting"))) == (1, 2)
    world.settle(named(FOLLOW_UP))
    assert (asked(world), len(world.listed("waiting"))) == (1, 1)


def test_what_a_policy_decided_and_did_not_note_is_decided_again(
    world: Policed, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begin(named(FOLLOW_UP))
    world.side.do(registration())
    with monkeypatch.context() as patch:
        patch.setattr(parking, "park", cut)
        with pytest.raises(Cut):
            world.settle(named(FOLLOW_UP))
    assert world.listed("waiting") == []
    world.clock.advance(days=2)
    world.settle(named(FOLLOW_UP))
    assert (asked(world), world.listed("waiting")) == (2, [])


class Cut(Exception):
    """The process ends here."""


def cut(*_: object) -> None:
    raise Cut


# What is not asked


def test_a_new_policy_is_asked_of_nothing_that_was_before(world: Policed) -> None:
    before = world.side.do(registration()).id
    world.begin(named(TAG))
    after = world.side.do(registration()).id
    world.settle(named(TAG))
    assert world.side.topics(before) == ["Customer.Registered"]
    assert world.side.topics(after) == ["Customer.Registered", "Customer.Tagged"]


def test_a_policy_that_is_added_does_not_begin_where_the_others_are(world: Policed) -> None:
    world.begin(named(TAG))
    first = world.side.do(registration()).id
    world.begin(named(TAG, FOLLOW_UP))
    second = world.side.do(registration()).id
    world.settle(named(TAG, FOLLOW_UP), batch=1)
    assert world.side.topics(first) == ["Customer.Registered", "Customer.Tagged"]
    [waiting] = world.listed("waiting")
    assert (waiting.policy, waiting.stream_id) == ("follow-up", second)
    assert asked(world) == 3


def test_a_rebuild_of_the_views_asks_for_nothing(world: Policed) -> None:
    world.begin(named(TAG, FOLLOW_UP))
    for _ in range(3):
        world.side.do(registration())
    world.settle(named(TAG, FOLLOW_UP))
    before = (asked(world), len(world.listed("waiting")))
    rebuilder = Rebuilder(world.url, world.side.log, world.side.mapper)
    for _ in range(2):
        for projection in Projection.registry.values():
            rebuilder.rebuild(projection)
    world.settle(named(TAG, FOLLOW_UP))
    assert (asked(world), len(world.listed("waiting"))) == before


def test_a_request_that_its_policy_does_not_know_any_more_is_dropped(world: Policed) -> None:
    world.begin(named(FOLLOW_UP))
    customer = world.side.do(registration()).id
    world.settle(named(FOLLOW_UP))

    def follow_up(event: Customer.Registered) -> Iterable[Answer]:
        return ()

    changed = named(Policy(follow_up, (Customer.Registered,)))
    world.clock.advance(days=2)
    world.settle(changed)
    [dropped] = world.listed("dropped")
    assert (dropped.key, dropped.attempts) == (str(customer), 1)
    assert dropped.problem is not None
    assert dropped.problem["code"] == "no-longer-wanted"
    assert requests.retry(world.connection, dropped.id)
    world.settle(named(FOLLOW_UP))
    assert asked(world) == 2
    assert world.listed("dropped") == []


# What goes wrong


def test_a_refused_request_is_listed_with_its_problem_and_can_be_made_again(
    world: Policed,
) -> None:
    def reopen(event: Task.Completed) -> Iterable[Answer]:
        yield Ask(ChangeTaskDetails(subject="x"), event.envelope.stream_id)

    policies = named(Policy(reopen, (Task.Completed,)), TAG)
    world.begin(policies)
    task = world.side.do(PlanTask(subject="x", due_at=world.clock.now)).id
    world.side.do(CompleteTask(), task)
    customer = world.side.do(registration()).id
    world.settle(policies)
    [refused] = world.listed("refused")
    assert (refused.policy, refused.event_id) == ("reopen", f"{task}:2")
    assert refused.problem == {"code": "task-closed"}
    assert world.side.topics(customer)[1:] == ["Customer.Tagged"], "others go on"
    assert requests.retry(world.connection, refused.id)
    world.settle(policies)
    [again] = world.listed("refused")
    assert (again.id, again.attempts) == (refused.id, 2)
    assert requests.forget(world.connection, refused.id)
    assert world.listed("refused") == []


def test_an_invalid_request_names_its_fields_and_quotes_nothing(world: Policed) -> None:
    def clone(event: Customer.Registered) -> Iterable[Answer]:
        secret = "某个不存在的行业"
        yield Ask(registration(industry="x1", name=f"{secret}有限公司"))

    policies = named(Policy(clone, (Customer.Registered,)))
    world.begin(policies)
    world.side.do(registration())
    world.settle(policies)
    [refused] = world.listed("refused")
    errors = [{"field": "industry", "message": "code-unknown"}]
    assert refused.problem == {"code": "validation", "errors": errors}


class Busy:
    """An application that takes no more, for some requests."""

    def __init__(self, world: Policed, times: int) -> None:
        self._application, self.left = world.side.application, times

    def dispatch(self, request: Request, caller: Caller) -> Receipt:
        if isinstance(request.command, TagCustomer) and self.left:
            self.left -= 1
            raise Overloaded("later")
        return self._application.dispatch(request, caller)


def test_a_request_that_cannot_be_made_now_is_made_later_and_holds_up_no_other(
    world: Policed,
) -> None:
    policies = named(TAG, FOLLOW_UP)
    world.begin(policies)
    customer = world.side.do(registration()).id
    busy: Any = Busy(world, times=2)
    side = world.side
    runner = PolicyRunner(
        world.url, side.log, side.mapper, busy, policies=policies, now=world.clock
    )
    world.published()
    with connect(world.url) as connection:
        lead = take_lead(runner, connection)
        run(runner, lead)
        assert asked(world) == 1, "the other request was made"
        postponed = [one for one in world.listed("waiting") if one.policy == TAG.name]
        assert [one.attempts for one in postponed] == [1]
        world.clock.advance(seconds=1)
        run(runner, lead)
        world.clock.advance(minutes=1)
        run(runner, lead)
    assert busy.left == 0
    assert side.topics(customer) == ["Customer.Registered", "Customer.Tagged"]


def note_version(event: Customer.Tagged) -> Iterable[Answer]:
    """The policy as it was meant: its own tags are not noted."""
    if event.envelope.origin != "policy":
        said = TagCustomer(tags=(f"seen {event.envelope.version}",))
        yield Ask(said, event.envelope.stream_id)


def stumbles(event: Customer.Tagged) -> Iterable[Answer]:
    if "bad" in event.tags:
        raise KeyError("13812345678")
    return note_version(event)


stumbles.__name__ = note_version.__name__
MENDED, FAILING = (Policy(decide, (Customer.Tagged,)) for decide in (note_version, stumbles))


def tagged(world: Policed, id: UUID, *tags: str) -> None:
    for tag in tags:
        world.side.do(TagCustomer(tags=(tag,)), id)


def tags(world: Policed, id: UUID) -> tuple[str, ...]:
    customer = world.side.replayed(Customer, id)
    assert isinstance(customer, Customer)
    return customer.tags


def retry(world: Policed, policy: Policy, **how: bool) -> bool:
    [parked] = world.listed("parked")
    found = parking.find(world.connection, parked.id)
    assert found is not None
    return parking.retry(world.connection, world.side.log, world.side.mapper, policy, found, **how)


def test_a_policy_that_fails_parks_the_stream_and_others_go_on(world: Policed) -> None:
    world.begin(named(FAILING))
    one, two = (world.side.do(registration()).id for _ in range(2))
    tagged(world, one, "good", "bad", "better")
    tagged(world, two, "good")
    world.settle(named(FAILING))
    tagged(world, one, "best")
    world.settle(named(FAILING))
    assert tags(world, one) == ("good", "bad", "better", "seen 2", "best")
    assert tags(world, two) == ("good", "seen 2")
    [parked] = world.listed("parked")
    assert (parked.policy, parked.event_id) == ("note-version", f"{one}:3")
    assert parked.problem is not None
    assert parked.problem["error"].startswith("KeyError at tests/adapters/test_policies.py:")
    assert "13812345678" not in str(parked), "an error may quote what is personal"
    assert world.status()["note-version"].parked == 1


def test_a_parked_stream_is_shown_again_in_order_once_the_policy_is_mended(world: Policed) -> None:
    world.begin(named(FAILING))
    one = world.side.do(registration()).id
    tagged(world, one, "bad", "better")
    world.settle(named(FAILING))
    assert not retry(world, FAILING)
    assert len(world.listed("parked")) == 1
    assert retry(world, MENDED)
    assert world.listed("parked") == []
    world.settle(named(MENDED))
    assert tags(world, one) == ("bad", "better", "seen 2", "seen 3")
    tagged(world, one, "best")
    world.settle(named(MENDED))
    assert tags(world, one)[4:] == ("best", "seen 6")


def test_an_event_that_a_policy_cannot_answer_can_be_left_out(world: Policed) -> None:
    world.begin(named(FAILING))
    one = world.side.do(registration()).id
    tagged(world, one, "bad", "better")
    world.settle(named(FAILING))
    assert retry(world, FAILING, skip=True)
    world.settle(named(FAILING))
    assert tags(world, one) == ("bad", "better", "seen 3")


def test_a_log_that_was_restored_from_a_copy_stops_policies_loudly(world: Policed) -> None:
    world.begin(named(TAG))
    world.connection.execute("UPDATE backstory.policies SET position = position + 1000000")
    with world.runner(named(TAG)) as runner:
        assert eventually(lambda: runner.failure is not None)
        assert isinstance(runner.failure, OtherLog)
        assert "--from-now" in str(runner.failure)
    tracking.begin_anew(world.connection)
    customer = world.side.do(registration()).id
    world.settle(named(TAG))
    assert len(world.side.topics(customer)) == 2


# Leading


def test_a_superseded_leader_writes_nothing(world: Policed) -> None:
    world.begin(named(FOLLOW_UP))
    with connect(world.url) as first, connect(world.url) as second:
        old_runner, new_runner = (world.runner(named(FOLLOW_UP)) for _ in range(2))
        old = take_lead(old_runner, first)
        assert new_runner.lead(second) is None
        first.execute("SELECT pg_advisory_unlock_all()")  # as behind a pooler
        new = new_runner.lead(second)
        assert new is not None
        world.side.do(registration())
        world.published()
        with pytest.raises(Superseded):
            old_runner.step(old)
        assert world.listed("waiting") == []
        run(new_runner, new)
        world.clock.advance(days=2)
        with pytest.raises(Superseded):
            run(old_runner, old)
        run(new_runner, new)
    assert asked(world) == 2


def test_two_runners_at_once_make_each_request_once(world: Policed) -> None:
    world.begin(named(TAG, FOLLOW_UP))
    customers = []
    with world.runner(named(TAG, FOLLOW_UP)) as one, world.runner(named(TAG, FOLLOW_UP)) as two:
        for _ in range(6):
            customers += [world.side.do(registration()).id for _ in range(5)]
            world.connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'backstory policies'"
            )
        world.clock.advance(days=2)
        assert eventually(lambda: asked(world) >= 90)
        assert eventually(lambda: not world.listed("waiting"))
        assert one.failure is two.failure is None
    assert asked(world) == 90
    for customer in customers:
        assert world.side.topics(customer) == ["Customer.Registered", "Customer.Tagged"]
    assert world.listed("refused") == []


def test_policies_say_how_far_they_are(world: Policed) -> None:
    world.begin(named(FOLLOW_UP))
    world.side.do(registration())
    world.published()
    before = world.status()["follow-up"]
    assert before.lag_events > 0
    assert before.lag_seconds > 0
    world.settle(named(FOLLOW_UP))
    after = world.status()["follow-up"]
    assert (after.lag_seconds, after.waiting, after.refused) == (0.0, 1, 0)


def test_the_thread_makes_requests_by_itself_and_stops_at_once(world: Policed) -> None:
    world.begin(named(TAG))
    with world.runner(named(TAG)):
        customer = world.side.do(registration()).id
        assert eventually(lambda: len(world.side.topics(customer)) == 2)
        began = time.monotonic()
    assert time.monotonic() - began < 5


def test_what_is_due_and_what_was_fired_is_counted_from_the_release_that_counts(
    world: Policed,
) -> None:
    """The table of an earlier release has no column for it."""
    world.connection.execute("ALTER TABLE backstory.policies DROP COLUMN fired")
    world.begin()
    task = PlanTask(subject="x", due_at=world.clock.now + timedelta(hours=1))
    world.side.do(task)
    world.settle()
    policy = world.status()["mark-task-overdue"]
    assert (policy.waiting, policy.due, policy.fired) == (1, 0, 0)
    world.connection.execute(
        "UPDATE backstory.policy_requests SET fires_at = clock_timestamp() - interval '1 s'"
    )
    assert world.status()["mark-task-overdue"].due == 1
    world.clock.advance(hours=2)
    world.settle()
    policy = world.status()["mark-task-overdue"]
    assert (policy.waiting, policy.due, policy.fired) == (0, 0, 1)
