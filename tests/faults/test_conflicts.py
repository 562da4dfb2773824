"""Three processes want the same things: nobody waits in a circle, and each is told the truth."""

import pickle
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import UUID, uuid4

import psycopg

from adapters.postgres.log.store import PostgresLog
from commands.ports import (
    Append,
    Committed,
    Known,
    Moved,
    Outcome,
    StoredReceipt,
    SubjectTaken,
    Taken,
)
from tests.adapters.log_units import command, event

ROOT = Path(__file__).parents[2]
EACH = 1_000
Asked = list[tuple[Append, Outcome]]


def test_three_processes_in_conflict_each_get_the_right_outcome(
    database_url: str, tmp_path: Path
) -> None:
    asked = contend(database_url, tmp_path)
    refused = [outcome for _, outcome in asked if not isinstance(outcome, Committed)]
    print({kind.__name__: count(asked, kind) for kind in (Committed, Known, Moved, Taken)})

    assert len(asked) == 3 * EACH
    assert 0.2 <= len(refused) / len(asked) <= 0.6
    for kind in (Known, Moved, Taken, SubjectTaken):
        assert count(asked, kind) > 0, kind
    assert deadlocks(database_url) == 0
    with PostgresLog(database_url) as log:
        Model(asked).check(log, database_url)


def contend(url: str, folder: Path) -> Asked:
    files = [folder / f"contender-{number}" for number in range(3)]
    command = [sys.executable, "-m", "tests.faults.contender", url]
    processes = [
        subprocess.Popen([*command, str(file), str(seed), str(EACH)], cwd=ROOT)
        for seed, file in enumerate(files)
    ]
    assert [process.wait(100) for process in processes] == [0, 0, 0]
    return [pair for file in files for pair in pickle.loads(file.read_bytes())]


def count(asked: Asked, kind: type) -> int:
    return sum(isinstance(outcome, kind) for _, outcome in asked)


def deadlocks(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


class Model:
    """What must be in the store, from what the contenders were told."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.events: dict[tuple[UUID, int], UUID] = {}
        self.receipts: dict[UUID, StoredReceipt] = {}
        self.subjects: dict[UUID, bytes] = {}
        self.holders: dict[bytes, UUID] = {}
        self.ever_held: dict[bytes, set[UUID]] = defaultdict(set)
        committed = [(unit, out) for unit, out in asked if isinstance(out, Committed)]
        for unit, outcome in sorted(committed, key=lambda pair: pair[1].receipts[0].position):
            self._commit(unit, outcome)

    def _commit(self, unit: Append, outcome: Committed) -> None:
        for receipt in outcome.receipts:
            assert receipt.command_id not in self.receipts
            self.receipts[receipt.command_id] = receipt
        for row in unit.events:
            at = (row.stream_id, row.version)
            assert at not in self.events, "two were told that they got one version"
            assert row.version == 1 or (row.stream_id, row.version - 1) in self.events
            self.events[at] = unit.commands[row.command].command_id
        for key, holder in unit.release:
            if self.holders.get(key) == holder:
                del self.holders[key]
        for key, holder in unit.reserve:
            assert self.holders.setdefault(key, holder) == holder, "two hold one key"
            self.ever_held[key].add(holder)
        for subject, wrapped in unit.subject_keys:
            assert subject not in self.subjects
            self.subjects[subject] = wrapped

    def check(self, log: PostgresLog, url: str) -> None:
        for unit, outcome in self.asked:
            self._check_refusal(unit, outcome)
        assert log.receipts([c.command_id for u, _ in self.asked for c in u.commands]) == (
            self.receipts
        )
        assert log.subject_keys(list(self.subjects)) == self.subjects
        with psycopg.connect(url) as connection:
            held = connection.execute("SELECT key, holder FROM backstory.reservations")
            assert dict(held.fetchall()) == self.holders
            stored = connection.execute(
                "SELECT stream_id, version, command_id FROM backstory.events"
            )
            assert {(row[0], row[1]): row[2] for row in stored} == self.events

    def _check_refusal(self, unit: Append, outcome: Outcome) -> None:
        ids = [command.command_id for command in unit.commands]
        if isinstance(outcome, Known):
            assert [self.receipts[receipt.command_id] for receipt in outcome.receipts] == list(
                outcome.receipts
            )
        elif isinstance(outcome, Moved):
            winner = self.events[(outcome.stream_id, outcome.version)]
            assert winner not in ids
        elif isinstance(outcome, Taken):
            assert outcome.key in [key for key, _ in unit.reserve]
            assert outcome.holder in self.ever_held[outcome.key]
        elif isinstance(outcome, SubjectTaken):
            assert outcome.subject in self.subjects
        if not isinstance(outcome, Committed | Known):
            assert not set(ids) & set(self.receipts)


def test_what_is_wanted_in_opposite_orders_is_never_waited_for_in_a_circle(
    database_url: str,
) -> None:
    """Two writers want the same many things at the same moment, named in opposite orders."""
    rounds, width = 12, 2_000
    with PostgresLog(database_url) as one, PostgresLog(database_url) as other:
        for number in range(rounds):
            streams = [uuid4() for _ in range(width)]
            start = Barrier(2)

            def want(
                log: PostgresLog, streams: list[UUID], number: int = number, start: Barrier = start
            ) -> Outcome:
                commands = tuple(command(stream) for stream in streams)
                events = tuple(event(stream, 1, n) for n, stream in enumerate(streams))
                keys = tuple((stream.bytes, stream) for stream in streams)
                start.wait(10)
                unit = Append(commands, events, reserve=keys if number % 2 else ())
                return log.append([unit])[0]

            with ThreadPoolExecutor(2) as threads:
                asked = [
                    threads.submit(want, one, streams),
                    threads.submit(want, other, streams[::-1]),
                ]
                outcomes = [future.result(30) for future in asked]
            assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Committed", "Moved"]
    assert deadlocks(database_url) == 0
