"""The event store: every outcome of an append, and what reads give back."""

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from adapters.postgres.log.leaf import leaf_of
from adapters.postgres.log.schema import install
from adapters.postgres.log.store import PostgresLog
from commands.ports import (
    Append,
    Committed,
    Known,
    Moved,
    Overloaded,
    Snapshot,
    SubjectTaken,
    Taken,
)
from tests.adapters.log_units import command, event, position, receipts, stream_of, unit

KEY, OTHER_KEY = b"k" * 16, b"o" * 16


@pytest.fixture
def log(database_url: str) -> Iterator[PostgresLog]:
    with PostgresLog(database_url) as log:
        yield log


def settle(log: PostgresLog, upto: int) -> None:
    assert log.wait_for_head(upto - 1, 5) is not None


def test_what_was_appended_is_read_back_byte_for_byte(log: PostgresLog) -> None:
    stream, customer, cause = uuid4(), uuid4(), uuid4()
    occurred_at = datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    row = command(
        stream,
        2,
        on_behalf_of=uuid4(),
        origin="import",
        reason=b"\x00sealed\xff",
        causation_id=f"{cause}:3",
        fingerprint=b"f" * 32,
    )
    given = Append(
        (row,),
        (
            event(stream, 1, payload=b'{"a":"\xe5\x8c\x97"}', customer_id=customer),
            event(stream, 2, topic="Customer.Renamed", schema_version=7, occurred_at=occurred_at),
        ),
    )

    [outcome] = log.append([given])

    first, second = log.stream(stream)
    assert receipts(outcome) == (log.receipts([row.command_id])[row.command_id],)
    assert (first.payload, first.customer_id, first.version) == (
        b'{"a":"\xe5\x8c\x97"}',
        customer,
        1,
    )
    assert first.occurred_at == first.recorded_at
    assert (second.topic, second.schema_version, second.occurred_at) == (
        "Customer.Renamed",
        7,
        occurred_at,
    )
    for stored in (first, second):
        assert (stored.command_id, stored.actor, stored.on_behalf_of) == (
            row.command_id,
            row.actor,
            row.on_behalf_of,
        )
        assert (stored.origin, stored.reason) == ("import", b"\x00sealed\xff")
        assert (stored.correlation_id, stored.causation_id) == (row.correlation_id, f"{cause}:3")
    assert second.position == first.position + 1 == position(outcome)


def test_a_stream_is_read_in_part(log: PostgresLog) -> None:
    given = unit(events=5)
    log.append([given])

    def versions(**part: int) -> list[int]:
        return [stored.version for stored in log.stream(stream_of(given), **part)]

    assert versions() == [1, 2, 3, 4, 5]
    assert versions(after=2) == [3, 4, 5]
    assert versions(after=1, upto=4, limit=2) == [2, 3]
    assert versions(upto=0) == []


def test_streams_are_read_together(log: PostgresLog) -> None:
    one, two = unit(events=2), unit(events=3)
    log.append([one, two])

    found = log.streams([stream_of(two), stream_of(one), uuid4()])

    assert {of: [e.version for e in events] for of, events in found.items()} == {
        stream_of(one): [1, 2],
        stream_of(two): [1, 2, 3],
    }


def test_news_of_several_streams_are_read_together(log: PostgresLog) -> None:
    one, two, three = unit(events=2), unit(events=5), unit(events=1)
    log.append([one, two, three])

    asked = {stream_of(one): 0, stream_of(two): 1, stream_of(three): 1, uuid4(): 0}
    found = log.since(asked, limit=3)

    assert {of: [e.version for e in events] for of, events in found.items()} == {
        stream_of(one): [1, 2],
        stream_of(two): [2, 3, 4],
    }


def test_a_version_that_is_taken_has_moved(log: PostgresLog) -> None:
    given = unit(events=2)
    log.append([given])

    assert log.append([unit(stream_of(given), 2)]) == [Moved(stream_of(given), 2)]
    assert len(log.stream(stream_of(given))) == 2


def test_a_version_that_leaves_a_gap_has_moved(log: PostgresLog) -> None:
    given = unit()
    log.append([given])

    assert log.append([unit(stream_of(given), 3)]) == [Moved(stream_of(given), 3)]
    assert isinstance(log.append([unit(stream_of(given), 2)])[0], Committed)


def test_a_command_id_that_is_stored_is_known_by_its_receipt(log: PostgresLog) -> None:
    given = unit(events=2)
    [first] = log.append([given])

    [again] = log.append([given])

    assert again == Known(receipts(first))
    assert len(log.stream(stream_of(given))) == 2


def test_known_comes_before_every_other_reason(log: PostgresLog) -> None:
    subject = uuid4()
    given = unit(reserve=((KEY, uuid4()),), subject_keys=((subject, b"wrapped"),))
    other = given._replace(reserve=((KEY, uuid4()),))
    [first] = log.append([given])

    assert log.append([other]) == [Known(receipts(first))]


def test_moved_comes_before_taken_and_taken_before_the_subject(log: PostgresLog) -> None:
    subject, holder = uuid4(), uuid4()
    given = unit(reserve=((KEY, holder),), subject_keys=((subject, b"wrapped"),))
    log.append([given])
    rest: dict[str, Any] = {"reserve": ((KEY, uuid4()),), "subject_keys": ((subject, b"other"),)}

    assert log.append([unit(stream_of(given), **rest)]) == [Moved(stream_of(given), 1)]
    assert log.append([unit(**rest)]) == [Taken(KEY, holder)]
    assert log.append([unit(subject_keys=((subject, b"other"),))]) == [SubjectTaken(subject)]
    assert log.subject_keys([subject, uuid4()]) == {subject: b"wrapped"}


def test_a_reservation_is_no_conflict_for_its_holder(log: PostgresLog) -> None:
    stream = uuid4()
    mine = ((KEY, stream),)

    assert all(
        isinstance(outcome, Committed)
        for outcome in (
            *log.append([unit(stream, 1, reserve=mine)]),
            *log.append([unit(stream, 2, reserve=(*mine, (OTHER_KEY, stream)))]),
        )
    )
    assert log.holders([KEY, OTHER_KEY, b"n" * 16]) == {KEY: stream, OTHER_KEY: stream}


def test_a_release_frees_a_key_of_the_releasing_holder_only(log: PostgresLog) -> None:
    one, two = uuid4(), uuid4()
    log.append([unit(one, reserve=((KEY, one),))])

    log.append([unit(two, 1, release=((KEY, two),))])
    assert log.holders([KEY]) == {KEY: one}

    log.append([unit(one, 2, release=((KEY, one),), reserve=((OTHER_KEY, one),))])
    assert log.holders([KEY, OTHER_KEY]) == {OTHER_KEY: one}
    assert isinstance(log.append([unit(two, 2, reserve=((KEY, two),))])[0], Committed)


def test_a_refused_unit_releases_nothing(log: PostgresLog) -> None:
    one, two = uuid4(), uuid4()
    log.append([unit(one, reserve=((KEY, one),)), unit(two, reserve=((OTHER_KEY, two),))])

    swap = unit(one, 2, release=((KEY, one),), reserve=((OTHER_KEY, one),))

    assert log.append([swap]) == [Taken(OTHER_KEY, two)]
    assert log.holders([KEY, OTHER_KEY]) == {KEY: one, OTHER_KEY: two}


def test_a_key_can_change_hands_in_one_unit(log: PostgresLog) -> None:
    one, two = uuid4(), uuid4()
    log.append([unit(one, reserve=((KEY, one),))])

    handed_over = unit(two, release=((KEY, one),), reserve=((KEY, two),))

    assert isinstance(log.append([handed_over])[0], Committed)
    assert log.holders([KEY]) == {KEY: two}


def test_marks_are_shared_and_taken_away(log: PostgresLog) -> None:
    one, two = sorted([uuid4(), uuid4()])
    log.append([unit(one, mark=((KEY, one),)), unit(two, mark=((KEY, two), (KEY, two)))])
    assert log.marked([KEY, OTHER_KEY]) == {KEY: (one, two)}

    log.append([unit(one, 2, unmark=((KEY, one),), mark=((OTHER_KEY, one),))])
    assert log.marked([KEY, OTHER_KEY]) == {KEY: (two,), OTHER_KEY: (one,)}


def test_a_no_op_keeps_its_command_and_answers_the_current_version(log: PostgresLog) -> None:
    given = unit(events=3)
    [stored] = log.append([given])
    no_op = Append((command(stream_of(given), 3, status=200),), ())

    [outcome] = log.append([no_op])

    assert position(outcome) == position(stored)
    assert receipts(outcome)[0].version == 3
    assert log.append([no_op]) == [Known(receipts(outcome))]


def test_a_unit_of_several_commands_is_stored_whole(log: PostgresLog) -> None:
    one, two = uuid4(), uuid4()
    both = Append(
        (command(two), command(one, 2), command(one, 2, status=200)),
        (event(two, 1), event(one, 1, 1), event(two, 2), event(one, 2, 1)),
    )

    [outcome] = log.append([both])

    first, second, third = receipts(outcome)
    events = sorted([*log.stream(one), *log.stream(two)], key=lambda e: e.position)
    assert [(e.stream_id, e.version) for e in events] == [(two, 1), (one, 1), (two, 2), (one, 2)]
    assert (first.position, second.position) == (events[0].position, events[3].position)
    assert third.position == second.position


def test_a_unit_of_several_commands_is_refused_whole(log: PostgresLog) -> None:
    taken, free = uuid4(), uuid4()
    log.append([unit(taken)])
    both = Append((command(free), command(taken)), (event(free), event(taken, 1, 1)))

    assert log.append([both]) == [Moved(taken, 1)]
    assert log.stream(free) == []
    assert log.receipts([row.command_id for row in both.commands]) == {}


def test_of_a_mixed_batch_the_rest_commit_in_order(log: PostgresLog) -> None:
    holder, stream, subject = uuid4(), uuid4(), uuid4()
    known = unit(stream, reserve=((KEY, holder),), subject_keys=((subject, b"w"),))
    [before] = log.append([known])
    good = [unit(events=2, reserve=((bytes([n]) * 16, uuid4()),)) for n in range(4)]

    outcomes = log.append(
        [
            good[0],
            known,
            good[1],
            unit(stream, 1),
            unit(reserve=((KEY, uuid4()),)),
            good[2],
            unit(subject_keys=((subject, b"x"),)),
            good[3],
        ]
    )

    assert outcomes[1] == Known(receipts(before))
    assert outcomes[3] == Moved(stream, 1)
    assert outcomes[4] == Taken(KEY, holder)
    assert outcomes[6] == SubjectTaken(subject)
    for given, outcome in zip(good, (outcomes[n] for n in (0, 2, 5, 7)), strict=True):
        assert [e.position for e in log.stream(stream_of(given))] == [
            position(outcome) - 1,
            position(outcome),
        ]


def test_units_that_share_a_key_are_stored_in_the_order_they_came(log: PostgresLog) -> None:
    stream = uuid4()
    units = [unit(stream, version) for version in range(1, 101)]

    outcomes = log.append(units)

    assert [receipts(outcome)[0].version for outcome in outcomes] == list(range(1, 101))
    positions = [position(outcome) for outcome in outcomes]
    assert positions == sorted(positions)


def test_of_many_that_want_one_thing_one_gets_it(log: PostgresLog) -> None:
    stream = uuid4()
    with ThreadPoolExecutor(16) as threads:
        outcomes = list(threads.map(lambda _: log.append([unit(stream)])[0], range(64)))

    assert sum(isinstance(outcome, Committed) for outcome in outcomes) == 1
    assert sum(outcome == Moved(stream, 1) for outcome in outcomes) == 63


def test_of_units_submitted_together_each_has_its_own_answer(log: PostgresLog) -> None:
    taken, unstorable = uuid4(), uuid4()
    log.append([unit(taken)])
    bad = Append((command(unstorable, name="nul\x00"),), (event(unstorable),))
    given = [unit(), unit(taken), bad, unit()]

    first, second, third, last = log.submit_all(given).result(30)

    assert isinstance(first, Committed)
    assert isinstance(last, Committed)
    assert second == Moved(taken, 1)
    assert isinstance(third, psycopg.DataError)
    assert log.submit_all([]).result(0) == []


def test_many_more_than_one_batch_holds_have_one_answer_each(log: PostgresLog) -> None:
    stream = uuid4()
    given = [unit(stream, version) for version in range(1, 40)] + [unit() for _ in range(1_500)]

    answers = log.submit_all(given).result(60)

    assert len(answers) == len(given)
    assert all(isinstance(answer, Committed) for answer in answers)
    stored = [one.receipts[0].command_id for one in answers if isinstance(one, Committed)]
    assert stored == [one.commands[0].command_id for one in given]


def test_a_sequence_that_was_set_back_is_said_at_once(log: PostgresLog, database_url: str) -> None:
    log.append([unit() for _ in range(3)])
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT setval('backstory.positions', 1)")

    with pytest.raises(psycopg.errors.UniqueViolation, match="events_position"):
        log.append([unit()])


def test_a_unit_no_database_could_hold_hurts_nobody_else(log: PostgresLog) -> None:
    stream = uuid4()
    bad = Append((command(stream, name="nul\x00"),), (event(stream),))
    good = [unit() for _ in range(8)]

    futures = [log.submit(given) for given in (*good[:4], bad, *good[4:])]

    with pytest.raises(psycopg.DataError):
        futures[4].result()
    assert all(isinstance(f.result(), Committed) for f in (*futures[:4], *futures[5:]))


@pytest.mark.parametrize(
    "broken",
    [
        Append((), ()),
        Append((command(UUID(int=1)),), (event(UUID(int=1), 1), event(UUID(int=1), 3))),
        Append((command(UUID(int=1)),), (event(UUID(int=1), 1), event(UUID(int=1), 1))),
        Append((command(UUID(int=1)),), (event(UUID(int=1), 1, 1),)),
        Append((command(UUID(int=1), command_id=UUID(int=5)),) * 2, ()),
        unit(reserve=((KEY, UUID(int=1)), (KEY, UUID(int=2)))),
        unit(occurred_at=datetime(2026, 1, 1)),
    ],
)
def test_what_is_no_unit_is_refused_at_once(log: PostgresLog, broken: Append) -> None:
    with pytest.raises(ValueError, match=r".+"):
        log.submit(broken)


@pytest.mark.parametrize("table", ["events", "commands", "heads"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_is_recorded_cannot_be_changed(
    log: PostgresLog, database_url: str, table: str, change: str
) -> None:
    settle(log, position(log.append([unit()])[0]))
    column = "position" if table == "heads" else "stream_id"
    statement = change.format(f"backstory.{table}", column, column)

    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.errors.RestrictViolation),
    ):
        connection.execute(statement.encode())


def test_the_log_is_read_in_order_up_to_the_head(log: PostgresLog) -> None:
    customer = uuid4()
    units = [unit(events=3, customer_id=customer if n % 2 else None) for n in range(20)]
    last = max(position(outcome) for outcome in log.append(units))
    settle(log, last)

    everything = log.log()

    assert [e.position for e in everything] == list(range(1, 61))
    assert log.log(10, 20) == everything[10:20]
    assert log.log(10, limit=5) == everything[10:15]
    assert log.log(55, 10_000) == everything[55:]
    assert log.log(customer_id=customer) == [e for e in everything if e.customer_id == customer]
    assert log.log(stream_id=stream_of(units[3])) == log.stream(stream_of(units[3]))
    assert log.log(kinds=["customer"], topics=["Customer.Registered"], limit=3) == everything[:3]
    assert log.log(kinds=["ticket"]) == log.log(topics=[]) == []
    assert [e for batch in log.scan(5, batch=7) for e in batch] == everything[5:]


def test_a_leaf_can_be_recomputed_and_covers_every_column(log: PostgresLog) -> None:
    stream = uuid4()
    row = command(stream, 2, on_behalf_of=uuid4(), reason=b"r", causation_id="c")
    at = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    log.append(
        [Append((row,), (event(stream, occurred_at=at, customer_id=uuid4()), event(stream, 2)))]
    )

    for stored in log.stream(stream):
        assert leaf_of(stored) == stored.leaf
        for field in dataclasses.fields(stored):
            changed = dataclasses.replace(stored, **{field.name: _other(stored, field.name)})
            assert (leaf_of(changed) == stored.leaf) is (field.name in ("position", "leaf"))


def _other(stored: object, name: str) -> Any:
    value: Any = getattr(stored, name)
    if value is None:
        return b"" if name == "reason" else "" if name == "causation_id" else UUID(int=1)
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, bytes):
        return value + b"\x00"
    if isinstance(value, str):
        return value + "x"
    return UUID(int=value.int ^ 1) if isinstance(value, UUID) else value + 1


def test_a_value_moved_into_the_next_column_changes_the_leaf(log: PostgresLog) -> None:
    log.append([given := unit()])
    [stored] = log.stream(stream_of(given))

    shifted = dataclasses.replace(
        stored, kind=stored.kind + stored.topic[0], topic=stored.topic[1:]
    )

    assert leaf_of(shifted) != stored.leaf


def test_snapshots_go_forward(log: PostgresLog) -> None:
    stream = uuid4()
    assert log.snapshot(stream) is None
    log.save_snapshot(Snapshot(stream, 10, 1, b"ten"))
    log.save_snapshot(Snapshot(stream, 5, 1, b"five"))
    assert log.snapshot(stream) == Snapshot(stream, 10, 1, b"ten")
    log.save_snapshot(Snapshot(stream, 5, 2, b"of another revision"))
    assert log.snapshot(stream) == Snapshot(stream, 5, 2, b"of another revision")


def test_numbers_are_drawn_once_whoever_draws(log: PostgresLog) -> None:
    assert log.next_numbers("KH-2026", 3) == range(1, 4)
    with ThreadPoolExecutor(8) as threads:
        drawn = list(threads.map(lambda n: log.next_numbers("KH-2026", n % 3 + 1), range(90)))

    numbers = [number for numbers in drawn for number in numbers]
    assert sorted(numbers) == list(range(4, 4 + sum(n % 3 + 1 for n in range(90))))
    assert log.next_numbers("KH-2027", 1) == range(1, 2)
    with pytest.raises(ValueError, match="0 numbers"):
        log.next_numbers("KH-2026", 0)


def test_a_closed_log_has_stored_what_waited_and_takes_nothing_more(database_url: str) -> None:
    log = PostgresLog(database_url)
    futures = [log.submit(unit()) for _ in range(2_000)]
    log.close()

    assert all(isinstance(future.result(0), Committed) for future in futures)
    with pytest.raises(Overloaded):
        log.submit(unit()).result(0)


def test_a_cancelled_unit_is_not_stored_unless_it_is_on_its_way(log: PostgresLog) -> None:
    stream = uuid4()
    units = [unit(stream, version) for version in range(1, 200)]
    futures = [log.submit(given) for given in units]

    cancelled = futures[-1].cancel()

    assert isinstance(futures[-2].result(60), Committed)
    assert cancelled is (len(log.stream(stream)) == 198)


def test_the_schema_can_be_installed_by_many_at_once(postgres_url: str, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA backstory CASCADE")

    with ThreadPoolExecutor(8) as threads:
        incarnations = set(threads.map(install, [database_url] * 8))

    assert len(incarnations) == 1
    assert install(database_url) in incarnations


def test_an_upgrade_of_the_schema_does_not_disturb_a_log_that_is_open(
    log: PostgresLog, database_url: str
) -> None:
    log.append([unit()])
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE backstory.meta SET schema_hash = 'of an older build'")

    incarnation = install(database_url)

    assert isinstance(log.append([unit()])[0], Committed)
    assert install(database_url) == incarnation
