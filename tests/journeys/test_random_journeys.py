"""Any journey: whatever is asked of customers and all that belongs to them, in any order, the views
are a fold of the log, nothing hangs in the air, and no earlier day is changed by a later one."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from adapters import registry
from adapters.keys import Keyring
from adapters.postgres.views.parts import by_part
from adapters.postgres.views.tables import View
from adapters.seeds import LOCAL, seed
from aggregates.base import Aggregate, having, markers
from aggregates.errors import DomainError
from aggregates.events import Event
from aggregates.interaction import Interactive
from aggregates.values import Ref
from commands.application import Application
from commands.base import COMMANDS, Command, Meta
from commands.requests import Caller, Receipt, Request
from projections.base import Projection, Row
from tests.adapters.projecting import World as Log
from tests.adapters.projecting import folded
from tests.spec import default_codes
from tests.strategies import World, instances

registry.load()
KINDS = ("Customer", "Contact", "Opportunity", "Ticket", "Task")
ASKED = sorted(n for n, c in COMMANDS.items() if c.AGGREGATE.KIND in KINDS and c.is_for_people())
CHANGES = [name for name in ASKED if not COMMANDS[name].CREATES]
CREATES = [name for name in ASKED if COMMANDS[name].CREATES]
TABLES = [p for p in Projection.registry.values() if p.kinds & {*KINDS}]
SOME_DAYS = [datetime(2026, 1, day, 4, tzinfo=UTC) for day in (5, 10, 15)]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
_names = count(1)


def codes() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for dictionary, code in default_codes():
        found.setdefault(dictionary, []).append(code)
    return found


PLACES = {
    kind: [UUID(int=1_000 * number + place) for place in range(4)]
    for number, kind in enumerate(KINDS, start=1)
}
"""What is drawn where a record is to be named: what there is differs from journey to journey, and
what is drawn must not."""
WORLD = World(ids={**PLACES, "User": [LOCAL]}, codes=codes())


def one_of(known: Sequence[UUID], number: int) -> UUID:
    return known[number % len(known)]


class Journey(RuleBasedStateMachine):
    """One organisation: its log, its write side, and views that are caught up now and then."""

    log: Log
    application: Application
    topics: set[str]
    """Of all that happened on any journey."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: dict[str, list[UUID]] = {kind: [] for kind in KINDS} | {"User": [LOCAL]}
        self.seen: list[tuple[int, dict[str, dict[UUID, Row]]]] = []
        """Positions at which the views were looked at, and what they showed."""
        self.has_changed = False
        self.last = 0
        """Position of what happened last."""
        for _ in range(3):
            self.begin()

    def begin(self) -> None:
        """A customer with all that can belong to one, so that there is something to go on with."""
        person = {"name": "王芳", "phone": "13812345678"}
        body = {"industry": "software", "source": "website", "primary_contact": person}
        self.make("customers/register", name=f"公司{next(_names)}有限公司", **body)
        of = {"customer_id": self.ids["Customer"][-1]}
        amount = {"amount": "100", "currency": "CNY"}
        self.make("opportunities/open", title="展厅照明", amount=amount, **of)
        self.make("tickets/open", subject="灯不亮", kind="complaint", priority="urgent", **of)
        about = self.ids["Ticket"][-1]
        self.make("tasks/plan", subject="回访", due_at="2026-06-01T09:00:00Z", about=about)
        said = {"channel": "visit", "subject": "参观"}
        record = COMMANDS["customers/record-interaction"].model_validate(said)
        self.ask(record, of["customer_id"], SOME_DAYS[1])

    def make(self, name: str, /, **fields: Any) -> None:
        self.ask(COMMANDS[name].model_validate(fields), None, SOME_DAYS[0])

    def ask(self, command: Command[Any], id: UUID | None, at: datetime | None) -> None:
        request = Request(command, id, Meta(reason="因为", occurred_at=at))
        with suppress(DomainError):
            receipt = self.application.dispatch(request, Caller(LOCAL))
            self.last = max(self.last, receipt.position)
            self.note(receipt)

    def note(self, receipt: Receipt) -> None:
        for event in self.log.log.stream(receipt.id, limit=1):
            known = self.ids[event.kind]
            if event.stream_id not in known:
                known.append(event.stream_id)
                for contact in self.log.log.begun([event.stream_id], 0, 9):
                    if contact.kind == "Contact" and contact.stream_id not in self.ids["Contact"]:
                        self.ids["Contact"].append(contact.stream_id)

    @rule(data=st.data(), name=st.sampled_from(CREATES), at=st.none() | st.sampled_from(SOME_DAYS))
    def create(self, data: st.DataObject, name: str, at: datetime | None) -> None:
        command = self.placed(data.draw(instances(COMMANDS[name], WORLD)))
        if name == "customers/register":
            command = command.model_copy(update={"name": f"公司{next(_names)}有限公司"})
        self.ask(command, None, at)

    @rule(
        data=st.data(),
        names=st.lists(st.sampled_from(CHANGES), min_size=8, max_size=16),
        at=st.none() | st.sampled_from(SOME_DAYS),
    )
    def change(self, data: st.DataObject, names: list[str], at: datetime | None) -> None:
        for name in names:
            of, drawn = COMMANDS[name].AGGREGATE, data.draw(st.integers(0, 1_000))
            id = one_of(self.ids[of.KIND], drawn)
            command = self.placed(data.draw(instances(COMMANDS[name], WORLD)))
            self.ask(self.about_something(command, of, id, drawn), id, at)
        self.has_changed = True

    def placed(self, command: Command[Any]) -> Command[Any]:
        """The command with records in the places where drawn ones stand for them."""
        text = command.model_dump_json(exclude_unset=True)
        for kind, places in PLACES.items():
            for number, place in enumerate(places if self.ids[kind] else ()):
                text = text.replace(str(place), str(one_of(self.ids[kind], number)))
        return type(command).model_validate_json(text)

    def about_something(
        self, command: Command[Any], of: type[Aggregate], id: UUID, drawn: int
    ) -> Command[Any]:
        """What is drawn at random names no interaction and no version that is there."""
        aggregate = self.application.repository.get(of, id)
        if command.VERB == "revert" and aggregate.version > 1:
            version = drawn % (aggregate.version - 1) + 1
            return command.model_copy(update={"to_version": version})
        known = getattr(aggregate, "interactions", ())
        if "interaction_id" in type(command).model_fields and known:
            return command.model_copy(update={"interaction_id": one_of(known, drawn)})
        return command

    @precondition(lambda self: self.has_changed)
    @rule(batch=st.integers(1, 7))
    def look(self, batch: int) -> None:
        """Catch up in small steps and remember what is shown."""
        self.catch_up(batch)
        position = self.log.log.head().position
        self.seen.append((position, self.shown(position)))
        self.has_changed = False

    def catch_up(self, batch: int) -> None:
        """Project everything that happened, however late it is published."""
        assert self.log.log.wait_for_head(self.last - 1, 60) is not None
        self.log.catch_up(batch)

    def streams(self) -> list[UUID]:
        return [id for kind in KINDS for id in self.ids[kind]]

    def shown(self, moment: int) -> dict[str, dict[UUID, Row]]:
        return {p.table: self.log.as_of(View(p), moment, self.expected(p, moment)) for p in TABLES}

    def expected(self, projection: Projection[Any], moment: int | None) -> dict[UUID, Row]:
        """Folded here and now from the log: up to a position, or all in the order of occurrence."""
        events = self.log.events(self.streams())
        mine = [e for of in events.values() for e in of if e.TOPIC in projection.topics]
        rows = {}
        for id, of_row in by_part(projection, mine).items():
            row = folded(projection, self.in_order(projection, of_row, moment))
            if row is not None:
                rows[id] = row
        return rows

    @staticmethod
    def in_order(projection: Projection[Any], events: Any, moment: int | None) -> list[Event]:
        if moment is not None:
            return [e for e in events if e.envelope.position <= moment]
        return sorted(
            events,
            key=lambda e: (not projection.begins(e), e.envelope.occurred_at, e.envelope.position),
        )

    def teardown(self) -> None:
        self.catch_up(3)
        for projection in TABLES:
            expected = self.expected(projection, None)
            assert self.log.rows(View(projection), expected) == expected, projection.table
            self.nothing_hangs_in_the_air(expected)
        for position, shown in self.seen:
            assert self.shown(position) == shown
            assert shown == {p.table: self.expected(p, position) for p in TABLES}
        self.topics.update(e.TOPIC for of in self.log.events(self.streams()).values() for e in of)

    def nothing_hangs_in_the_air(self, rows: dict[UUID, Row]) -> None:
        """Whatever a row names is a record."""
        for row in rows.values():
            for field, annotation in type(row).fields.items():
                is_reference = field == "customer_id" or any(markers(annotation, Ref))
                value = getattr(row, field)
                for id in value if isinstance(value, tuple) else (value,):
                    if is_reference and id is not None:
                        assert self.log.log.stream(id, limit=1), (row, field)


@pytest.fixture
def journey(database_url: str) -> Iterator[type[Journey]]:
    with Log(database_url, TABLES) as log:
        keyring = Keyring(bytes(32))
        zone = ZoneInfo("Asia/Shanghai")
        now = count()
        application = Application(
            log.log, log.mapper, keyring, zone, lambda: NOW + timedelta(seconds=next(now))
        )
        seed(application, log.log)
        log.build()

        class Here(Journey):
            pass

        Here.log, Here.application, Here.topics = log, application, set()
        yield Here
        application.close()


JOURNEYS = [12, pytest.param(300, marks=[pytest.mark.soak, pytest.mark.timeout(3_600)])]


@pytest.mark.parametrize("journeys", JOURNEYS)
def test_any_journey_is_told_as_it_was(journey: type[Journey], journeys: int) -> None:
    assert {a.KIND for a in having(Interactive)} <= {*KINDS}
    run_state_machine_as_test(
        journey,
        settings=settings(
            max_examples=journeys,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert len(journey.topics) > 30, journey.topics
    rebuilt_views_are_the_same(journey.log)


def rebuilt_views_are_the_same(log: Log) -> None:
    head = log.log.head().position
    for view in map(View, TABLES):
        rows = log.rows(view)
        moments = (head, head // 2, head // 3, SOME_DAYS[1])
        shown = [log.as_of(view, moment, rows) for moment in moments]
        log.rebuilder.rebuild(view.projection)
        assert log.rows(view) == rows
        assert [log.as_of(view, moment, rows) for moment in moments] == shown
