"""The embedded Postgres against real servers: what it gives, what it refuses, how it fails."""

import os
import stat
from pathlib import Path

import pytest

from adapters.embedded.binaries import find_binaries, major_version
from adapters.embedded.server import (
    DataFolderInUse,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    MajorVersionMismatch,
    StartFailed,
)
from tests.adapters.conditions import EVERY, every_postgres, needs_two_majors
from tests.adapters.embedded_owner import ask, is_alive, kept, server_pid, write_down


@every_postgres
def test_it_gives_a_utf8_database_that_knows_chinese_and_capitals(tmp_path, binaries):
    with EmbeddedPostgres(tmp_path, durable=False, binaries=binaries) as server:
        assert ask(server.url, "SELECT current_database(), current_setting('server_encoding')") == (
            "backstory",
            "UTF8",
        )
        places = "SELECT datcollate, datctype FROM pg_database WHERE datname = 'backstory'"
        assert ask(server.url, places) == ("C.UTF-8", "C.UTF-8")
        assert ask(server.url, "SELECT lower('ÉCOLE'), '华为' ~ '^\\w+$', 'Z' < 'a'") == (
            "école",
            True,
            True,
        )
        assert ask(server.url, "SHOW data_checksums") == ("on",)
        assert ask(server.url, "SHOW timezone") == ("UTC",)


@every_postgres
def test_rows_and_address_outlast_a_stop(tmp_path, binaries):
    server = EmbeddedPostgres(tmp_path / "new" / "data", binaries=binaries)
    with server:
        first_url = server.url
        write_down(server.url, 1)
    with server:
        assert server.url == first_url
        assert kept(server.url) == [1]


def test_start_and_stop_can_be_repeated(tmp_path):
    server = EmbeddedPostgres(tmp_path, durable=False)
    server.stop()
    assert server.start() is server.start()
    pid = server_pid(tmp_path)
    assert server.is_running()
    server.stop()
    server.stop()
    assert not server.is_running()
    assert not is_alive(pid), "a zombie is left"


def test_there_is_no_address_before_the_start(tmp_path):
    with pytest.raises(EmbeddedPostgresError, match="has not been started"):
        _ = EmbeddedPostgres(tmp_path).url


def test_only_the_owner_gets_in_and_only_by_the_socket(tmp_path):
    data = tmp_path / "data"
    with EmbeddedPostgres(data, durable=False) as server:
        assert ask(server.url, "SHOW listen_addresses") == ("",)
        (sockets,) = ask(server.url, "SHOW unix_socket_directories")
        folder = Path(str(sockets))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert stat.S_IMODE((data / "postgres.log").stat().st_mode) == 0o600
        assert stat.S_IMODE((data / "owner.lock").stat().st_mode) == 0o600
    assert not folder.exists()


def test_no_option_opens_tcp_or_moves_the_socket(tmp_path):
    moves = {"listen_addresses": "127.0.0.1", "port": "1", "unix_socket_directories": "/tmp"}
    with EmbeddedPostgres(tmp_path, durable=False, options=moves) as server:
        assert ask(server.url, "SHOW listen_addresses") == ("",)
        assert ask(server.url, "SHOW port") == ("5432",)
    access = (tmp_path / "cluster" / "pg_hba.conf").read_text().splitlines()
    hosts = [line.split() for line in access if line.startswith("host")]
    assert {line[-1] for line in hosts} == {"reject"}


def test_a_socket_folder_taken_by_another_is_not_used(tmp_path):
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        usual = Path(str(ask(server.url, "SHOW unix_socket_directories")[0]))
    usual.symlink_to(tmp_path)
    try:
        with EmbeddedPostgres(tmp_path, durable=False) as server:
            assert Path(str(ask(server.url, "SHOW unix_socket_directories")[0])) != usual
    finally:
        usual.unlink()


def test_settings_suit_a_laptop_and_options_win(tmp_path):
    options = {"max_connections": "17", "work_mem": "5MB"}
    with EmbeddedPostgres(tmp_path, options=options) as server:
        assert ask(server.url, "SHOW max_connections") == ("17",)
        assert ask(server.url, "SHOW work_mem") == ("5MB",)
        assert ask(server.url, "SHOW max_wal_size") == ("4GB",)
        assert ask(server.url, "SHOW wal_compression") == ("pglz",)
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert ask(server.url, f"SHOW {name}") == ("on",)
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        assert ask(server.url, "SHOW max_connections") == ("100",)
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert ask(server.url, f"SHOW {name}") == ("off",)


@every_postgres
def test_long_chinese_and_spaced_paths_are_fine(tmp_path, binaries, monkeypatch):
    data = tmp_path / ("客户 关系,管理's " * 5) / ('a "quoted" $HOME ' * 10) / ("很长" * 30)
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with EmbeddedPostgres(data, durable=False, binaries=binaries) as server:
        assert len(os.fsencode(data)) > 400
        write_down(server.url, 1)
        assert kept(server.url) == [1]


def test_relative_folders_stay_where_they_were(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = EmbeddedPostgres(Path("data"), durable=False)
    monkeypatch.chdir("/")
    with server:
        assert (tmp_path / "data" / "cluster").is_dir()


def test_one_process_owns_a_folder_once(tmp_path):
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        with pytest.raises(DataFolderInUse, match=f"this process .pid {os.getpid()}"):
            EmbeddedPostgres(tmp_path, durable=False).start()
        assert ask(server.url, "SELECT 1") == (1,)
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        assert ask(server.url, "SELECT 1") == (1,)


def test_a_forked_child_neither_owns_nor_stops_the_server(tmp_path):
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        child = os.fork()
        if child == 0:
            verdict = 1
            try:
                server.stop()
                verdict = int(server.is_running())
                server.start()
            except DataFolderInUse:
                os._exit(verdict)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0
        assert ask(server.url, "SELECT 1") == (1,)


@needs_two_majors
def test_another_major_version_is_refused_with_a_way_out(tmp_path):
    older, newer = EVERY[1], EVERY[0]
    with EmbeddedPostgres(tmp_path, durable=False, binaries=older) as server:
        write_down(server.url, 1)
    with pytest.raises(MajorVersionMismatch) as refusal:
        EmbeddedPostgres(tmp_path, durable=False, binaries=newer).start()
    for advice in (
        f"Postgres {major_version(older)}",
        f"Postgres {major_version(newer)}",
        str(tmp_path / "cluster"),
        "pg_dump",
        "pg_upgrade",
        "install",
    ):
        assert advice in str(refusal.value)
    with EmbeddedPostgres(tmp_path, durable=False, binaries=older) as server:
        assert kept(server.url) == [1]


def test_a_failed_start_quotes_the_log_and_frees_the_folder(tmp_path):
    for _ in range(2):
        with pytest.raises(StartFailed, match="invalid value for parameter"):
            EmbeddedPostgres(tmp_path, options={"wal_level": "nonsense"}).start()
    with EmbeddedPostgres(tmp_path, durable=False) as server:
        assert ask(server.url, "SELECT 1") == (1,)


def test_a_failed_initdb_says_why_and_leaves_nothing(tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "postgres").symlink_to(find_binaries() / "postgres")
    (broken / "initdb").write_text("#!/bin/sh\necho the disk is made of cheese; exit 3\n")
    (broken / "initdb").chmod(0o755)
    data = tmp_path / "data"
    with pytest.raises(StartFailed, match="ended with 3:\nthe disk is made of cheese"):
        EmbeddedPostgres(data, binaries=broken).start()
    assert [path.name for path in data.iterdir()] == ["owner.lock"]


def test_a_folder_that_is_no_cluster_is_left_alone(tmp_path):
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "letter.txt").write_text("dear")
    with pytest.raises(StartFailed, match="not a Postgres cluster"):
        EmbeddedPostgres(tmp_path).start()
    assert (tmp_path / "cluster" / "letter.txt").read_text() == "dear"


def test_a_large_log_is_set_aside(tmp_path):
    (tmp_path / "postgres.log").write_bytes(b"x" * 10_000_001)
    with EmbeddedPostgres(tmp_path, durable=False):
        assert (tmp_path / "postgres.log").stat().st_size < 100_000
        assert (tmp_path / "postgres.log.1").stat().st_size == 10_000_001
