"""Processes that are killed while they make requests of policies: each is made once."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from adapters.policies import tracking
from commands.task import PlanTask
from tests.faults.policing import FOLLOW_UP, policies
from tests.write_side import WriteSide, write_side_on

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60
_EVENTS = "SELECT topic, stream_id, convert_from(payload, 'UTF8') FROM backstory.events"
_OPEN = (
    "SELECT state, count(*) FROM backstory.policy_requests"
    " WHERE due_at IS NULL OR due_at < clock_timestamp() OR state <> 'waiting' GROUP BY state"
)


@contextmanager
def process(url: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that runs the policies, killed at the end of the block."""
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.policing", url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "running\n"
        yield running
    finally:
        running.kill()
        running.wait(20)
        assert running.stdout is not None
        running.stdout.close()


def planned(side: WriteSide, count: int) -> set[str]:
    """Tasks whose moments come at once, some by and by."""
    tasks = set()
    for n in range(count):
        due_at = datetime.now(UTC) + timedelta(seconds=1 + n % 5)
        task = PlanTask(subject=f"任务 {n}", due_at=due_at, remind_at=due_at)
        tasks.add(str(side.do(task).id))
    return tasks


def counted(connection: psycopg.Connection, tasks: set[str]) -> Counter[str]:
    """How many things of each kind happened to the tasks, and how many follow-ups there are."""
    found: Counter[str] = Counter()
    for topic, stream_id, payload in connection.execute(_EVENTS):
        if str(stream_id) in tasks:
            found[topic] += 1
        elif topic == "Task.Planned":
            assert FOLLOW_UP in payload
            found["follow-up"] += 1
    return found


@pytest.mark.parametrize(
    ("count", "rounds"),
    [
        pytest.param(150, 5, marks=pytest.mark.timeout(300)),
        pytest.param(2_000, 60, marks=[pytest.mark.soak, pytest.mark.timeout(1_800)]),
    ],
)
def test_each_request_is_made_once(database_url: str, count: int, rounds: int) -> None:
    chance = random.Random(7)
    with (
        write_side_on(database_url) as side,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        tracking.begin(connection, policies())
        tasks = planned(side, count)
        for _ in range(rounds):
            with process(database_url):
                time.sleep(chance.uniform(0, 0.6))
        done_before = counted(connection, tasks)
        with process(database_url), process(database_url):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while counted(connection, tasks)["follow-up"] < count:
                assert time.monotonic() < deadline, counted(connection, tasks)
                time.sleep(0.1)
            while connection.execute(_OPEN).fetchall():
                assert time.monotonic() < deadline, connection.execute(_OPEN).fetchall()
                time.sleep(0.1)
        happened = counted(connection, tasks)
    assert done_before["Task.BecameOverdue"] > 0, "nothing was killed in its work"
    assert happened == {
        "Task.Planned": count,
        "Task.Reminded": count,
        "Task.BecameOverdue": count,
        "follow-up": count,
    }
