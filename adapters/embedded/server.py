"""A Postgres server of our own in a data folder, for whoever has not set one up."""

import atexit
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from urllib.parse import quote
from weakref import WeakSet

import psycopg
from psycopg import sql
from psycopg.pq import PGconn, Ping

from adapters.embedded.account import Account, choose_account
from adapters.embedded.binaries import find_binaries, reachable_binaries
from adapters.embedded.cluster import SUPERUSER, check_version, make_cluster
from adapters.embedded.errors import (
    DataFolderInUse,
    EmbeddedPostgresError,
    MajorVersionMismatch,
    NoBinaries,
    NoFolder,
    StartFailed,
)
from adapters.embedded.owner_lock import OwnerLock
from adapters.embedded.postmaster import Postmaster
from adapters.embedded.predecessor import clear_predecessor
from adapters.embedded.settings import as_arguments, server_settings
from adapters.embedded.socket_folder import make_socket_folder, remove_socket_folder

__all__ = [
    "DataFolderInUse",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "MajorVersionMismatch",
    "NoBinaries",
    "StartFailed",
    "find_binaries",
]

DATABASE = "backstory"
PORT = "5432"  # Only the name of the socket: there is no TCP.
# Recovery after a crash reads up to max_wal_size of log, and on a slow disk that takes minutes.
_ACCEPT_SECONDS = 600.0
_LARGEST_LOG = 10_000_000
_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


class EmbeddedPostgres:
    """A Postgres server of our own in a data folder, alive from `start` to `stop`.

    The folder holds `cluster` (the data), `postgres.log`, `owner.lock`, and `binaries-*` where
    another account must run them. One process owns the folder at a time. The server ends with
    its owner, however that ends, and keeps every commit; with `durable=False`, for tests, it
    keeps them through the death of processes but not of the machine. `options` are server
    settings that override ours; `binaries` is a bin folder to use instead of `find_binaries()`.
    """

    def __init__(
        self,
        data: Path,
        *,
        durable: bool = True,
        options: Mapping[str, str] = _NO_OPTIONS,
        binaries: Path | None = None,
    ) -> None:
        self._data = Path(data).absolute()
        self._cluster = self._data / "cluster"
        self._durable = durable
        self._settings = server_settings(durable=durable, options=options)
        self._binaries = binaries
        self._lock = OwnerLock(self._data / "owner.lock")
        self._turn = threading.RLock()
        self._postmaster: Postmaster | None = None
        self._sockets: Path | None = None
        _alive.add(self)

    def start(self) -> "EmbeddedPostgres":
        """Own the folder and run its server until it accepts; nothing happens if it does already.

        Raises DataFolderInUse, MajorVersionMismatch, NoBinaries or StartFailed, and then has
        left neither a server nor the lock behind.
        """
        with self._turn:
            if not self.is_running():
                try:
                    self._start()
                except BaseException:
                    self.stop()
                    raise
        return self

    def stop(self) -> None:
        """Shut the server down and give the folder up; nothing happens unless we own it."""
        with self._turn:
            if not self._lock.is_held:
                return
            if self._postmaster is not None and not self._postmaster.stop():
                raise EmbeddedPostgresError(f"process {self._postmaster.pid} does not end")
            self._postmaster = None
            if self._sockets is not None:
                remove_socket_folder(self._sockets)
            self._sockets = None
            self._lock.release()
            atexit.unregister(self.stop)

    def __enter__(self) -> "EmbeddedPostgres":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the database `backstory`; raises EmbeddedPostgresError before `start`."""
        return self._url(DATABASE)

    def is_running(self) -> bool:
        """Whether this object, in the process that started it, has a living server."""
        return self._postmaster is not None and self._postmaster.is_running

    def _start(self) -> None:
        try:
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
            raise NoFolder(f"{self._data} cannot be a folder: {error.strerror}") from error
        self._own()
        account = choose_account(self._cluster)
        self._admit(account)
        binaries = reachable_binaries(self._binaries or find_binaries(), account, self._data)
        if self._cluster.exists():
            check_version(self._cluster, binaries)
            clear_predecessor(self._cluster)
        else:
            make_cluster(self._cluster, binaries, account, durable=self._durable)
        self._sockets = make_socket_folder(self._data, account)
        self._postmaster = Postmaster(self._command(binaries), account, self._log_file(account))
        self._await_acceptance(self._postmaster)
        self._make_database(self._postmaster)

    def _own(self) -> None:
        if not self._lock.is_held:
            self._lock.acquire()
            atexit.register(self.stop)

    def _admit(self, account: Account) -> None:
        """Let an account that is not ours pass through the data folder to what it owns."""
        if account.uid is None:
            return
        account.give(self._lock.file)
        status = self._data.stat()
        if status.st_uid != account.uid:
            self._data.chmod(status.st_mode | 0o011)
        if self._cluster.exists() and self._cluster.stat().st_uid != account.uid:
            account.give_all(self._cluster)

    def _command(self, binaries: Path) -> list[str | Path]:
        place = ("-D", self._cluster, "-k", str(self._sockets), "-h", "", "-p", PORT)
        # The last one wins: no option moves the server to where nobody, or everybody, finds it.
        return [binaries / "postgres", *as_arguments(self._settings), *place]

    def _log_file(self, account: Account) -> Path:
        log = self._data / "postgres.log"
        if log.exists() and log.stat().st_size > _LARGEST_LOG:
            log.replace(self._data / "postgres.log.1")
        descriptor = os.open(log, os.O_CREAT | os.O_NOFOLLOW, 0o600)
        os.close(descriptor)
        account.give(log)
        return log

    def _await_acceptance(self, postmaster: Postmaster) -> None:
        deadline = time.monotonic() + _ACCEPT_SECONDS
        while PGconn.ping(self._service_url.encode()) != Ping.OK:
            if not postmaster.is_running:
                raise StartFailed(f"Postgres in {self._data} ended:\n{postmaster.last_words()}")
            if time.monotonic() > deadline:
                waited = f"did not accept within {_ACCEPT_SECONDS:.0f} s"
                raise StartFailed(f"Postgres {waited}:\n{postmaster.last_words()}")
            time.sleep(0.02)

    def _make_database(self, postmaster: Postmaster) -> None:
        find = sql.SQL("SELECT FROM pg_database WHERE datname = {}").format(DATABASE)
        make = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE))
        try:
            with psycopg.connect(self._service_url, autocommit=True) as connection:
                connection.execute("SET statement_timeout = '60s'")
                if connection.execute(find).fetchone() is None:
                    connection.execute(make)
        except psycopg.Error as error:
            raise StartFailed(f"{error}\n{postmaster.last_words()}") from error

    @property
    def _service_url(self) -> str:
        return f"{self._url('postgres')}&connect_timeout=10"

    def _url(self, database: str) -> str:
        if self._sockets is None:
            raise EmbeddedPostgresError(f"the server in {self._data} has not been started")
        folder = quote(str(self._sockets), safe="")
        return f"postgresql://{SUPERUSER}@/{database}?host={folder}&port={PORT}"

    def _forget(self) -> None:
        """Leave the server to the process that this one was forked from."""
        self._turn = threading.RLock()
        self._postmaster = None
        self._lock.abandon()


# A forked child would otherwise stop its parent's server when it ends.
_alive: "WeakSet[EmbeddedPostgres]" = WeakSet()


def _forget_all() -> None:
    for server in _alive:
        server._forget()


os.register_at_fork(after_in_child=_forget_all)
