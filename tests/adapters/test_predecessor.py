"""What an earlier owner left in the cluster, a server or its remains, against real processes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from adapters.embedded import predecessor
from adapters.embedded.account import choose_account
from adapters.embedded.binaries import find_binaries
from adapters.embedded.server import DataFolderInUse, EmbeddedPostgres
from tests.adapters.conditions import NOBODY, every_postgres, needs_root
from tests.adapters.embedded_owner import (
    Owner,
    ask,
    children_of,
    eventually,
    has_ended,
    kept,
    launched,
    open_folder,
    owning,
    server_pid,
    write_down,
)


@pytest.fixture
def reachable() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@every_postgres
def test_after_a_crash_of_the_server_start_recovers(tmp_path, binaries):
    with EmbeddedPostgres(tmp_path, binaries=binaries) as server:
        write_down(server.url, 1)
        os.kill(server_pid(tmp_path), signal.SIGKILL)
        assert eventually(lambda: not server.is_running())
        server.start()
        assert kept(server.url) == [1]


def test_children_that_outlive_a_crashed_server_are_ended(tmp_path):
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        busy = subprocess.Popen(
            [sys.executable, "-c", _COUNT_FOR_EVER, server.url], stderr=subprocess.DEVNULL
        )
        with busy:
            active = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^DO'"
            assert eventually(lambda: ask(server.url, active) == (1,))
            os.kill(server_pid(tmp_path), signal.SIGKILL)
            assert eventually(lambda: not server.is_running())
            server.start()
            assert busy.wait(20) != 0


_COUNT_FOR_EVER = """
import psycopg, sys
psycopg.connect(sys.argv[1]).execute("DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$")
"""


def test_a_stale_pid_file_naming_a_living_stranger_is_no_obstacle(tmp_path):
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        write_down(server.url, 1)
        pid_file = tmp_path / "cluster" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
            with server:
                assert kept(server.url) == [1]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_new_owner_need_not_wait_for_the_old_server(tmp_path):
    for number in range(3):
        with owning(tmp_path) as owner:
            write_down(owner.url, number)
            owner.process.kill()  # Not even waited for: it may still hold its lock.
            with EmbeddedPostgres(tmp_path) as server:
                assert kept(server.url) == list(range(number + 1))


@pytest.fixture
def without_setpriv(tmp_path) -> dict[str, str]:
    """An environment in which nothing ties a server to its owner."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("unshare", "true"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return {"PATH": str(folder)}


def leave_a_server(data: Path, environment: dict[str, str]) -> int:
    """The pid of a server, holding one row, that has outlived its owner."""
    with launched(data, environment=environment) as process:
        owner = Owner(process)
        write_down(owner.url, 1)
        owner.kill()
    time.sleep(0.5)
    assert not has_ended(owner.server), "these tests are about a server that stays"
    return owner.server


def test_a_server_that_outlives_its_owner_is_replaced(tmp_path, without_setpriv):
    data = tmp_path / "data"
    left = leave_a_server(data, without_setpriv)
    with EmbeddedPostgres(data) as server:
        assert has_ended(left)
        assert kept(server.url) == [1]


@pytest.mark.skipif(not shutil.which("ps"), reason="there is no ps here")
def test_it_is_found_on_systems_without_a_process_folder(tmp_path, without_setpriv, monkeypatch):
    monkeypatch.setattr(predecessor, "_PROCESSES", tmp_path / "absent")
    data = tmp_path / "data"
    left = leave_a_server(data, without_setpriv)
    with EmbeddedPostgres(data) as server:
        assert has_ended(left)
        assert kept(server.url) == [1]


@needs_root
def test_it_is_found_by_a_root_that_may_not_look_into_processes(reachable, without_setpriv):
    data = reachable / "data"
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    left = leave_a_server(data, without_setpriv)
    with owning(data, prefix=("setpriv", "--bounding-set", "-sys_ptrace")) as owner:
        assert has_ended(left)
        assert kept(owner.url) == [1]


def test_everything_killed_at_once_loses_nothing(tmp_path):
    with owning(tmp_path, "--durable") as owner:
        write_down(owner.url, 1)
        family = [owner.pid, owner.server, *children_of(owner.server)]
        assert len(family) > 4
        for pid in family:
            with suppress(ProcessLookupError):  # A child that has missed its parent already.
                os.kill(pid, signal.SIGKILL)
        with EmbeddedPostgres(tmp_path) as server:
            assert kept(server.url) == [1]
    assert "was not properly shut down" in (tmp_path / "postgres.log").read_text()


def test_a_server_started_by_hand_is_left_alone(tmp_path):
    server = EmbeddedPostgres(tmp_path, durable=False)
    with server:
        url = server.url
    sockets = Path("/tmp") / f"by-hand-{os.getpid()}"
    sockets.mkdir(mode=0o700)
    account = choose_account(tmp_path / "cluster")
    command = ["-D", str(tmp_path / "cluster"), "-k", str(sockets), "-h", ""]
    with open(os.devnull, "wb") as nowhere:
        by_hand = account.spawn(
            [find_binaries() / "postgres", *command], nowhere, tie=signal.SIGINT
        )
    with by_hand:
        try:
            there = f"{url.split('?')[0]}?host={sockets}"
            assert eventually(lambda: _accepts(there))
            with pytest.raises(DataFolderInUse, match=f"process {by_hand.pid}.*pg_ctl stop"):
                server.start()
            assert by_hand.poll() is None
        finally:
            by_hand.send_signal(signal.SIGINT)
            by_hand.wait(30)
    sockets.rmdir()


def _accepts(url: str) -> bool:
    return psycopg.pq.PGconn.ping(url.encode()) == psycopg.pq.Ping.OK
