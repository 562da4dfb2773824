"""The server process as a child of ours, which lives no longer than we do."""

import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path
from signal import SIGINT

from adapters.embedded.account import Account
from adapters.embedded.errors import StartFailed
from adapters.embedded.predecessor import end_server

_SPAWN_SECONDS = 60.0


class Postmaster:
    """A running server, its log, and the thread that is its parent.

    The kernel's parent-death signal follows the *thread* that made the child, with setpriv as
    with prctl: a server started from a passing worker thread is shut down when that thread ends.
    So a thread of its own starts the server and waits for it. It ends only after the server or
    with the whole process, and it reaps the server the moment it ends.
    """

    def __init__(self, command: list[str | Path], account: Account, log: Path) -> None:
        self._command = command
        self._account = account
        self._log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        self._ended = threading.Event()
        self._spawned: Future[subprocess.Popen[bytes]] = Future()
        threading.Thread(target=self._live, name="postmaster-parent", daemon=True).start()
        try:
            self._process = self._spawned.result(_SPAWN_SECONDS)
        except OSError as error:
            raise StartFailed(f"{command[0]} could not be started: {error}") from error

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the server has not ended yet."""
        return not self._ended.is_set()

    def stop(self) -> bool:
        """End the server, gently first; False if it is still there after that, minutes later."""
        return not self.is_running or end_server(self._process.send_signal, self._ended.wait)

    def last_words(self, lines: int = 20) -> str:
        """The last lines the server has logged since it was started."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def _live(self) -> None:
        try:
            process = self._spawn()
        except BaseException as error:
            self._spawned.set_exception(error)
            return
        self._spawned.set_result(process)
        process.wait()
        self._ended.set()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            self._log.chmod(0o600)
            return self._account.spawn(self._command, log, tie=SIGINT)
