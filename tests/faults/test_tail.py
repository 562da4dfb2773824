"""Nobody who follows the log misses an event, whatever writers do; and a hung one stops nobody."""

import os
import time
from pathlib import Path

import psycopg
import pytest

from adapters.postgres.log.store import PostgresLog
from tests.adapters.log_units import unit
from tests.faults.tail_oracle import Role, Verdict, run


def assert_nothing_was_missed(verdict: Verdict, at_least: int) -> None:
    print(verdict)
    assert (verdict.skipped, verdict.invented, verdict.repeated_or_out_of_order) == (0, 0, 0)
    assert verdict.lost == 0
    assert verdict.committed >= at_least
    assert verdict.readers >= 3
    assert verdict.acknowledged > 0


def test_readers_see_what_was_committed_in_order_each_once(
    database_url: str, tmp_path: Path
) -> None:
    verdict = run(database_url, tmp_path, seconds=20, writers=2, readers=6, naive=False)

    assert_nothing_was_missed(verdict, 50_000)


def test_the_oracle_catches_a_reader_that_trusts_what_it_sees(
    database_url: str, tmp_path: Path
) -> None:
    verdict = run(database_url, tmp_path, seconds=6, writers=1, readers=3, naive=True)

    print(verdict)
    assert verdict.skipped > 0
    assert verdict.lost == 0


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_million_events_are_followed_without_a_gap(database_url: str, tmp_path: Path) -> None:
    seconds = float(os.environ.get("BACKSTORY_SOAK_SECONDS", "420"))
    verdict = run(database_url, tmp_path, seconds=seconds, writers=3, readers=8, naive=False)

    assert_nothing_was_missed(verdict, 1_000_000)


@pytest.mark.parametrize(
    "seconds", [8, pytest.param(60, marks=[pytest.mark.soak, pytest.mark.timeout(300)])]
)
def test_a_hung_transaction_slows_nobody_and_holds_the_head_no_longer_than_it_hangs(
    database_url: str, tmp_path: Path, seconds: int
) -> None:
    with PostgresLog(database_url) as log:
        append_for(log, 1)
        before = append_for(log, seconds / 2)
        with Role(tmp_path, 0, "hang", database_url, 0, seconds + 1) as hung:
            assert hung.process.stdout is not None
            assert hung.process.stdout.readline() == "hanging\n"
            held_at = log.head().position
            during = append_for(log, seconds)
            stalled, holder = log.head_stalled_seconds, log.head_held_by
            assert log.head().position <= held_at + 600  # what was in flight when it began
            assert stalled > seconds * 0.8
            assert holder is not None
            hung.finish()
        let_go = time.monotonic()
        last = last_position(database_url)
        assert log.wait_for_head(last - 1, 5) is not None
        print(f"{before:.0f}/s before, {during:.0f}/s meanwhile, {time.monotonic() - let_go:.3f} s")
        # Other tests run beside the short one; whom the hung one holds up, it holds up for good.
        assert during >= (0.8 if seconds > 8 else 0.3) * before
        assert log.head_stalled_seconds == 0


def append_for(log: PostgresLog, seconds: float) -> float:
    """Units per second, 64 on their way at any time."""
    until = time.monotonic() + seconds
    started, stored = time.monotonic(), 0
    while time.monotonic() < until:
        stored += len(log.append([unit() for _ in range(64)]))
    return stored / (time.monotonic() - started)


def last_position(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT max(position) FROM backstory.events").fetchone()
    assert row is not None
    return int(row[0])
