"""What an earlier owner may have left in a cluster: a server, its children, a pid file."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from signal import Signals

from adapters.embedded.errors import DataFolderInUse, StartFailed
from adapters.embedded.socket_folder import is_socket_folder

Signal = Callable[[Signals], object]
Ended = Callable[[float], bool]

# Fast shutdown; shutdown that leaves recovery to the next start; the end. Each one keeps what was
# committed. Thirty seconds are a shutdown checkpoint of full buffers on a slow disk.
_LADDER = ((Signals.SIGINT, 30.0), (Signals.SIGQUIT, 10.0), (Signals.SIGKILL, 10.0))
_PROCESSES = Path("/proc")


def end_server(signal: Signal, has_ended: Ended) -> bool:
    """Stop a server ever more firmly; False if it is still there after all of it."""
    for step, seconds in _LADDER:
        signal(step)
        if has_ended(seconds):
            return True
    return False


def clear_predecessor(cluster: Path) -> None:
    """Leave no server in the cluster folder; the caller holds the owner lock.

    A server of a dead owner is stopping by itself, or would stay for ever: asking it to stop is
    right for both. Raises DataFolderInUse if the server is not one of ours, so that somebody's
    hand-started server is left alone, and StartFailed if a server cannot be ended.
    """
    pid_file = cluster / "postmaster.pid"
    lines = _lines(pid_file)
    pid = abs(int(lines[0])) if lines else None
    if pid is not None and _serves(pid, cluster):
        if _is_foreign(lines):
            raise DataFolderInUse(
                f"a Postgres that Backstory did not start (process {pid}) runs in {cluster}: "
                f"stop it with 'pg_ctl stop -D \"{cluster}\"'"
            )
        _end(pid, cluster)
    for orphan in _servers(cluster):
        _end(orphan, cluster)
    if pid is not None and _exists(pid):
        pid_file.unlink(missing_ok=True)  # Its number is another program's now.


def _lines(pid_file: Path) -> list[str]:
    try:
        lines = pid_file.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return lines if lines and lines[0].strip().removeprefix("-").isdecimal() else []


def _is_foreign(lines: list[str]) -> bool:
    is_single_user = lines[0].startswith("-")
    return is_single_user or (len(lines) > 4 and not is_socket_folder(Path(lines[4])))


def _servers(cluster: Path) -> list[int]:
    numbers = [int(entry.name) for entry in _PROCESSES.glob("[0-9]*")]
    return [pid for pid in numbers if _serves(pid, cluster)]


def _serves(pid: int, cluster: Path) -> bool:
    """Whether a living process is a Postgres program at work in the cluster folder."""
    if not _PROCESSES.is_dir():
        return str(cluster) in _ask_ps(pid, "command=")
    process = _PROCESSES / str(pid)
    try:
        if (process / "comm").read_text().strip() not in ("postgres", "postmaster"):
            return False
        return _works_in(process, cluster)
    except (FileNotFoundError, ProcessLookupError):  # It has ended, perhaps as a zombie.
        return False


def _works_in(process: Path, cluster: Path) -> bool:
    try:
        return (process / "cwd").samefile(cluster)
    except PermissionError:  # Another account's process, and this root may not look into it.
        return os.fsencode(cluster) in (process / "cmdline").read_bytes().split(b"\0")


def _ask_ps(pid: int, column: str) -> str:
    command = ["ps", "-ww", "-p", str(pid), "-o", column]
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip()


def _has_ended(pid: int) -> bool:
    """Whether a process is gone, or dead and only not yet reaped by its parent.

    One that is about to end has lost its command line, but not yet the server's shared memory.
    """
    if not _exists(pid):
        return True
    if not _PROCESSES.is_dir():
        return _ask_ps(pid, "stat=")[:1] in ("", "Z")
    try:
        status = (_PROCESSES / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] in "ZX"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _end(pid: int, cluster: Path) -> None:
    def signal(step: Signals) -> None:
        if _serves(pid, cluster):
            os.kill(pid, step)

    def has_ended(seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not _has_ended(pid):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    if not end_server(signal, has_ended):
        raise StartFailed(f"process {pid} works in {cluster} and could not be ended")
