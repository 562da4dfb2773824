"""The published head: proved, never going back; an instant resolves for ever to the same one."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Thread

import psycopg
import pytest

from adapters.postgres.log.head import LogReplaced
from adapters.postgres.log.store import PostgresLog
from tests.adapters.log_units import position, unit


@pytest.fixture
def log(database_url: str) -> Iterator[PostgresLog]:
    with PostgresLog(database_url) as log:
        yield log


def test_an_empty_log_has_a_head_and_nothing_to_wait_for(log: PostgresLog) -> None:
    assert log.head().position == 0
    assert log.wait_for_head(0, 0.05) is None
    assert log.log() == []


def test_the_head_follows_a_commit_within_milliseconds(log: PostgresLog) -> None:
    delays = []
    for _ in range(30):
        stored = position(log.append([unit()])[0])
        committed_at = time.monotonic()
        head = log.wait_for_head(stored - 1, 5)
        delays.append(time.monotonic() - committed_at)
        assert head is not None
        assert head.position >= stored
    print(sorted(delays))
    assert sorted(delays)[15] < 0.1


def test_another_process_sees_the_head_move(log: PostgresLog, database_url: str) -> None:
    with PostgresLog(database_url) as other:
        stored = position(other.append([unit()])[0])
        assert log.wait_for_head(stored - 1, 5) is not None
        stored = position(log.append([unit()])[0])
        assert other.wait_for_head(stored - 1, 5) is not None


def test_the_leader_publishes_for_writers_that_are_gone(
    log: PostgresLog, database_url: str
) -> None:
    log.wait_for_head(0, 0.2)
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT backstory.show_floor(), backstory.draw(1)")

    assert log.wait_for_head(0, 5) is not None


def test_an_open_transaction_holds_the_head_below_what_it_may_hold(
    log: PostgresLog, database_url: str
) -> None:
    first = position(log.append([unit()])[0])
    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT backstory.show_floor()")
        later = position(log.append([unit()])[0])
        assert log.wait_for_head(first, 0.3) is None
        assert [event.position for event in log.log()] == [first]
        assert log.head_held_by == holder.info.backend_pid
        assert log.head_stalled_seconds > 0

        holder.rollback()

        head = log.wait_for_head(first, 5)
        assert head is not None
        assert head.position == later
        assert log.head_stalled_seconds == 0


def test_a_dead_leader_is_replaced(log: PostgresLog, database_url: str) -> None:
    log.wait_for_head(0, 0.2)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    with PostgresLog(database_url) as other, psycopg.connect(database_url) as connection:
        connection.execute(end, ("backstory head",))
        for one in (log, other):
            stored = position(one.append([unit()])[0])
            for reader in (log, other):
                assert reader.wait_for_head(stored - 1, 5) is not None
        leaders = "SELECT count(*) FROM pg_locks WHERE classid = 16979 AND objid = 3 AND granted"
        assert connection.execute(leaders).fetchone() == (1,)


def test_an_instant_resolves_to_the_last_head_at_or_before_it(log: PostgresLog) -> None:
    before = datetime.now(UTC) - timedelta(days=1)
    heads = []
    for _ in range(5):
        stored = position(log.append([unit(events=2)])[0])
        assert log.wait_for_head(stored - 1, 5) is not None
        heads.append(log.head())

    assert log.head_at(before) == 0
    for head, next_head in zip(heads, [*heads[1:], None], strict=True):
        assert log.head_at(head.at) == head.position
        if next_head is not None:
            assert log.head_at(next_head.at - timedelta(microseconds=1)) == head.position
    assert log.head_at(datetime.max.replace(tzinfo=UTC)) == heads[-1].position


def test_an_instant_that_has_passed_resolves_to_the_same_head_for_ever(
    log: PostgresLog, database_url: str
) -> None:
    """Asked for the very moment while heads are being published as fast as they can be."""
    answers: list[tuple[datetime, int]] = []
    is_done = False

    def publish() -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            while not is_done:
                connection.execute("SELECT backstory.show_floor(), backstory.draw(1)")
                connection.execute("SELECT * FROM backstory.publish_head()")

    threads = [Thread(target=publish) for _ in range(3)]
    for thread in threads:
        thread.start()
    with psycopg.connect(database_url, autocommit=True) as connection:
        for _ in range(500):
            row = connection.execute("SELECT clock_timestamp()").fetchone()
            assert row is not None
            answers.append((row[0], log.head_at(row[0])))
    is_done = True
    for thread in threads:
        thread.join()

    assert len({answer for _, answer in answers}) > 10
    assert [log.head_at(instant) for instant, _ in answers] == [answer for _, answer in answers]


def test_blocks_of_positions_never_overlap(database_url: str) -> None:
    def draw(_: int) -> list[range]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            query = "SELECT backstory.draw(7) FROM generate_series(1, 500)"
            return [range(row[0], row[0] + 7) for row in connection.execute(query)]

    with ThreadPoolExecutor(6) as threads:
        blocks = [block for blocks in threads.map(draw, range(6)) for block in blocks]

    assert sorted(position for block in blocks for position in block) == list(range(1, 21_001))


def test_another_log_in_its_place_is_noticed(log: PostgresLog, database_url: str) -> None:
    log.append([unit()])
    assert log.wait_for_head(0, 5) is not None
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE backstory.meta SET incarnation = gen_random_uuid()")

    with pytest.raises(LogReplaced, match="in the place of"):
        log.wait_for_head(10_000, 5)
    with pytest.raises(LogReplaced):
        log.log()


@pytest.mark.parametrize(
    "damage",
    [
        "SELECT setval('backstory.positions', 1)",
        "UPDATE backstory.head SET position = 1; SELECT setval('backstory.positions', 1)",
    ],
)
def test_a_log_that_went_back_is_noticed(log: PostgresLog, database_url: str, damage: str) -> None:
    log.append([unit(events=5)])
    assert log.wait_for_head(4, 5) is not None
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(damage.encode())

    with pytest.raises(LogReplaced):
        log.wait_for_head(10_000, 3)
