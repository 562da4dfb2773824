"""A process of its own that owns an embedded Postgres, for tests that kill, crowd or starve it."""

import argparse
import contextlib
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).parents[2]
_CLONE_NEWUSER = 0x10000000


class Owner:
    """The owning process as its test sees it: pid, the server's pid and url, or the refusal."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.process = process
        self.pid = process.pid
        line = process.stdout.readline()
        assert line, f"the owner said nothing and ended with {process.wait(10)}"
        said = json.loads(line)
        self.refusal: str | None = said.get("refusal")
        self.url: str = said.get("url", "")
        self.server: int = said.get("server", 0)

    def kill(self) -> None:
        """Kill the process and see it gone."""
        self.process.kill()
        self.process.wait(10)

    def let_go(self) -> int:
        """Let the process end as a program ends, without a call of `stop`."""
        self.process.communicate(timeout=30)
        return self.process.returncode


@contextlib.contextmanager
def owning(data: Path, *flags: str, **how: Any) -> Iterator[Owner]:
    """Run an owner of the data folder; at the end it is killed, and its server has ended."""
    with launched(data, *flags, **how) as process:
        owner = Owner(process)
        yield owner
    assert eventually(lambda: has_ended(owner.server))


@contextlib.contextmanager
def launched(
    data: Path,
    *flags: str,
    python: str = sys.executable,
    environment: Mapping[str, str] | None = None,
    user: int | None = None,
    prefix: Sequence[str] = (),
) -> "Iterator[subprocess.Popen[str]]":
    """The same, waiting neither for what the process has to say nor for its server's end."""
    with open_folder() as sockets:  # Else a killed owner would leave one behind.
        process = subprocess.Popen(
            [*prefix, python, __file__, str(data), *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={
                **os.environ,
                "PYTHONPATH": python_path(),
                "TMPDIR": str(sockets),
                **(environment or {}),
            },
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every account can reach and use, which pytest's own is not."""
    folder = tempfile.TemporaryDirectory(prefix="e-", dir="/tmp", ignore_cleanup_errors=True)
    with folder as name:
        Path(name).chmod(0o1777)
        yield Path(name)


def write_down(url: str, number: int) -> None:
    """Commit a row."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


def kept(url: str) -> list[object]:
    """The numbers of the rows that are there."""
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM kept ORDER BY 1")]


def ask(url: str, question: str) -> tuple[object, ...]:
    """The one row that answers a question."""
    with psycopg.connect(url) as connection:
        answer = connection.execute(question).fetchone()
    assert answer is not None
    return answer


def server_pid(data: Path) -> int:
    """The pid of the server that runs in a data folder."""
    return int((data / "cluster" / "postmaster.pid").read_text().split()[0])


def python_path() -> str:
    """Where another Python finds this project and what it depends on."""
    return os.pathsep.join((str(ROOT), str(Path(psycopg.__file__).parents[1])))


def eventually(claim: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Whether a claim comes true in time."""
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    """Whether a process exists, be it as a zombie."""
    return Path(f"/proc/{pid}").exists()


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie that only its parent can bury."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def children_of(pid: int) -> list[int]:
    """The pids of a process's children."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _forbid_user_namespaces() -> None:
    """Enter a user namespace, as large as the machine's, below which there can be no other."""
    libc = ctypes.CDLL(None, use_errno=True)
    ready, entered = os.pipe()
    parent = os.getpid()
    helper = os.fork()
    if helper == 0:
        os.read(ready, 1)
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{parent}/{kind}").write_text("0 0 65536")
        os._exit(0)
    assert libc.unshare(_CLONE_NEWUSER) == 0, os.strerror(ctypes.get_errno())
    os.write(entered, b".")
    assert os.waitpid(helper, 0)[1] == 0
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--binaries", type=Path)
    parser.add_argument("--durable", action="store_true")
    parser.add_argument("--from-passing-thread", action="store_true")
    parser.add_argument("--forbid-namespaces", action="store_true")
    return parser.parse_args()


def _own(arguments: argparse.Namespace) -> None:
    from adapters.embedded.server import DataFolderInUse, EmbeddedPostgres

    server = EmbeddedPostgres(
        arguments.data, durable=arguments.durable, binaries=arguments.binaries
    )
    said: dict[str, object] = {}

    def start() -> None:
        try:
            server.start()
        except DataFolderInUse as refusal:
            said["refusal"] = str(refusal)
            return
        said.update(url=server.url, server=server_pid(arguments.data))

    if arguments.from_passing_thread:
        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
    else:
        start()
    print(json.dumps(said), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    given = _arguments()
    if given.forbid_namespaces:
        _forbid_user_namespaces()
    _own(given)
