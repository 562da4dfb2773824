"""The tail oracle: whatever writers do, a reader sees what was committed, in order, each once."""

import random
import signal
import subprocess
import sys
import time
from array import array
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psycopg

ROOT = Path(__file__).parents[2]


class Role:
    """A process of the oracle and the file of positions it leaves."""

    def __init__(self, folder: Path, number: int, role: str, url: str, seed: int, seconds: float):
        self.role, self.seed = role, seed
        self.file = folder / f"{number}-{role}"
        self.file.touch()
        command = [sys.executable, "-m", "tests.faults.tail_roles", role, url, str(self.file)]
        self.process = subprocess.Popen(
            [*command, str(seed), str(seconds)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def positions(self) -> "array[int]":
        found = array("q")
        data = self.file.read_bytes()
        found.frombytes(data[: len(data) // 8 * 8])  # a kill can cut the last one short
        return found

    def finish(self, final: int | None = None, timeout: float = 60) -> None:
        """Tell a reader how far to read; wait for the end, which must be a good one."""
        _, _ = self.process.communicate(None if final is None else f"{final}\n", timeout)
        assert self.process.returncode == 0, f"{self.role} ended with {self.process.returncode}"

    def __enter__(self) -> "Role":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@dataclass
class Verdict:
    """What happened in one run."""

    committed: int
    acknowledged: int
    readers: int
    skipped: int
    repeated_or_out_of_order: int
    invented: int
    lost: int
    """Acknowledged, but not there."""
    kills: int = 0
    wrong: list[str] = field(default_factory=list)


def run(
    url: str,
    folder: Path,
    *,
    seconds: float,
    writers: int,
    readers: int,
    naive: bool,
    seed: int = 1,
) -> Verdict:
    """Writers, disturbers, killed clients, and readers that start at every moment."""
    chance = random.Random(seed)
    roles: list[Role] = []
    kills = 0
    with ExitStack() as stack:

        def start(role: str, seed: int, seconds: float = seconds) -> Role:
            made = stack.enter_context(Role(folder, len(roles), role, url, seed, seconds))
            roles.append(made)
            return made

        for number in range(writers):
            start("write", seed + number)
        for number in range(2):
            start("disturb", seed + 100 + number)
        until = time.monotonic() + seconds
        victim = start("write", seed + 200)
        kill_at = time.monotonic() + 2
        reader_every = seconds / (readers + 1)
        read_at = time.monotonic()
        followers = 0
        while time.monotonic() < until:
            time.sleep(0.05)
            if time.monotonic() > read_at and followers < readers:
                name = "read_naively" if naive else "read"
                start(name, 0 if followers % 2 == 0 else _some_position(url, chance))
                followers += 1
                read_at = time.monotonic() + reader_every
            if time.monotonic() > kill_at:
                victim.process.send_signal(signal.SIGKILL)
                kills += 1
                victim = start("write", seed + 200 + kills)
                kill_at = time.monotonic() + chance.uniform(1.5, 4)
        victim.process.send_signal(signal.SIGKILL)
        for role in roles:
            if role.role in ("write", "disturb") and role.process.poll() is None:
                role.finish()
        truth = _settled(url)
        for role in roles:
            if role.role.startswith("read"):
                role.finish(truth[-1])
        return _judge(truth, roles, kills + 1)


def _some_position(url: str, chance: random.Random) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT position FROM backstory.head").fetchone()
    assert row is not None
    return chance.randint(0, row[0])


def _settled(url: str) -> "array[int]":
    """Every committed position, once no transaction of a killed client is left."""
    busy = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'backstory writer'"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        deadline = time.monotonic() + 20
        while connection.execute(busy).fetchone() != (0,) and time.monotonic() < deadline:
            time.sleep(0.05)
        rows = connection.execute("SELECT position FROM backstory.events ORDER BY position")
        return array("q", [row[0] for row in rows])


def _judge(truth: "array[int]", roles: list[Role], kills: int) -> Verdict:
    committed = set(truth)
    acknowledged: set[int] = set()
    verdict = Verdict(len(truth), 0, 0, 0, 0, 0, 0, kills)
    for role in roles:
        positions = role.positions()
        if not role.role.startswith("read"):
            acknowledged.update(positions)
            continue
        verdict.readers += 1
        expected = [position for position in truth if position > role.seed]
        seen = set(positions)
        verdict.skipped += len(set(expected) - seen)
        verdict.invented += len(seen - committed)
        in_order = all(a < b for a, b in pairwise(positions))
        verdict.repeated_or_out_of_order += not in_order
    verdict.acknowledged = len(acknowledged)
    verdict.lost = len(acknowledged - committed)
    return verdict
