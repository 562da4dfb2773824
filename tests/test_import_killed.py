"""An import that is killed goes on when it is started again, and nothing is entered twice."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from tests.importing import SECRET, counts, events, imported, last, opened, write_csv
from tests.killing import SECONDS, wall

ROWS = 900
MAPPING = """
kind = "opportunities"
external = { system = "old", id = "id" }
occurred_at = "opened"
[fields]
title = "title"
summary = "title"
customer_id = { column = "customer", by = "name" }
[[then]]
when = { stage = "Won" }
command = "win"
fields.won_on = "closed"
fields.amount = { column = "amount", currency = "USD" }
[[then]]
when = { stage = "Lost" }
command = "lose"
fields.lost_on = "closed"
fields.lost_reason = { constant = "not_recorded" }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    rows = [
        [
            str(n),
            f"机床 {n}",
            "",
            ("Open", "Won", "Lost")[n % 3],
            "2017-03-01",
            "2017-05-02",
            str(n),
        ]
        for n in range(ROWS)
    ]
    columns = ["id", "title", "customer", "stage", "opened", "closed", "amount"]
    return write_csv(tmp_path / "deals.csv", [columns, *rows])


def command(url: str, file: Path, kind: str) -> tuple[list[str], dict[str, str]]:
    arguments = ["import", kind, str(file), "--mapping", str(file.parent / "m.toml")]
    environment = {"BACKSTORY_DATABASE_URL": url, "BACKSTORY_SECRET": SECRET}
    return [sys.executable, "-m", "adapters.cli", *arguments], {**os.environ, **environment}


def run(url: str, file: Path, kind: str = "opportunities") -> str:
    """The counts that a whole import reports."""
    arguments, environment = command(url, file, kind)
    done = subprocess.run(
        arguments, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    return "\n".join(line for line in done.stdout.splitlines() if " rows read = " in line)


def _told(line: str) -> list[int]:
    """Created, updated, skipped."""
    return [int(n.replace(",", "")) for n in line.split()[4:9:2]]


def run_until(
    url: str, file: Path, position: int, kind: str = "opportunities", *, lost: bool = True
) -> None:
    """Begin an import and kill it as it stores what lies behind a position of the log."""
    arguments, environment = command(url, file, kind)
    with (
        wall(url, position) as end,
        subprocess.Popen(
            arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process,
    ):
        end.kill(process, lost=lost)


def content(backstory: Backstory) -> Counter[tuple[Any, ...]]:
    """What the log says, without the ids, numbers and times that are new in each."""
    names: dict[Any, str] = {}
    said: Counter[tuple[Any, ...]] = Counter()
    for event in events(backstory):
        payload = event.model_dump(mode="json", exclude_unset=True, exclude={"number"})
        envelope = event.envelope
        if event.TOPIC == "Opportunity.Opened":
            names[envelope.stream_id] = payload["external"]["id"]
        if envelope.stream_id in names:
            key = (names[envelope.stream_id], envelope.version, event.TOPIC)
            said[(*key, str(payload), envelope.occurred_at, envelope.origin)] += 1
    return said


@pytest.fixture
def other_url(module_database_url: str) -> str:
    return module_database_url


@pytest.fixture
def begun(database_url: str) -> Iterator[int]:
    with opened(database_url) as backstory:
        yield last(backstory)


def test_killed_twice_and_run_again_the_log_says_the_same_as_unbroken(
    database_url: str, other_url: str, begun: int, file: Path
) -> None:
    run_until(database_url, file, begun + 150)
    run_until(database_url, file, begun + 900, lost=False)
    resumed = run(database_url, file)
    mapping = file.parent / "m.toml"
    with opened(database_url) as broken, opened(other_url) as unbroken:
        whole = imported(unbroken, "opportunities", file, mapping)
        assert counts(whole) == (ROWS, 0, 0, 0)
        assert content(broken) == content(unbroken)
        assert content(broken).total() == ROWS * 5 // 3
        assert set(content(broken).values()) == {1}
        before = last(broken)
        now, in_all = resumed.splitlines()
        created, updated, skipped = _told(now)
        assert created + updated + skipped == ROWS
        assert 0 < skipped < ROWS
        assert in_all.startswith("in all runs of this import: ")
        assert _told(in_all.partition(": ")[2]) == [ROWS, 0, 0]
        again = imported(broken, "opportunities", file, mapping)
        assert counts(again) == (0, 0, ROWS, 0)
        assert again.in_all == {"created": ROWS, "updated": 0, "skipped": 0, "refused": 0}
        assert last(broken) == before
