"""The account a Postgres program runs under, since Postgres refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import IO


@dataclass(frozen=True)
class Account:
    """How to start a program: plainly, behind a prefix of commands, or as another user.

    `uid` and `gid` are set only where root hands its programs to an ordinary account.
    """

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def spawn(
        self, command: Sequence[str | Path], output: IO[bytes], *, tie: Signals
    ) -> "subprocess.Popen[bytes]":
        """Start a program that gets the signal `tie` when the calling *thread* ends."""
        return subprocess.Popen(
            [*self.prefix, *_tied(tie), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",  # Postgres 15 returns to its first folder, which may be closed to it.
            env=_environment(),
            start_new_session=True,  # Ctrl-C in a terminal is for us: we stop the server in turn.
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def can_run(self, *command: str | Path) -> bool:
        """Whether a short command can be started here and ends well."""
        try:
            with open(os.devnull, "wb") as nowhere:
                process = self.spawn(command, nowhere, tie=Signals.SIGKILL)
        except OSError:
            return False
        return ended_within(process, 30.0) == 0

    def give(self, path: Path) -> None:
        """Hand a file or folder of ours, not what is in it, to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def give_all(self, folder: Path) -> None:
        """Hand a folder of ours and all that is in it to the account."""
        self.give(folder)
        for path in folder.rglob("*"):
            self.give(path)


def ended_within(process: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """The return code of a process, or None if it had to be killed after so many seconds."""
    try:
        return process.wait(seconds)
    except BaseException as reason:
        process.kill()
        process.wait()
        if isinstance(reason, subprocess.TimeoutExpired):
            return None
        raise


def choose_account(cluster: Path) -> Account:
    """The account for a cluster folder, which need not exist yet.

    An ordinary user runs Postgres plainly. Root keeps to the account that owns the folder; for
    one of its own it takes a user namespace, where it has another number but keeps its files,
    and only if the kernel forbids those an ordinary account of the machine.
    """
    if os.geteuid() != 0:
        return Account()
    owner = _owner(cluster)
    if owner is not None:
        return owner
    ordinary = _ordinary_account()
    # Not any number will do: initdb looks up the name of the user it runs as.
    mapping = (f"--map-user={ordinary.pw_uid}", f"--map-group={ordinary.pw_gid}")
    namespace = Account(prefix=("unshare", "--user", *mapping))
    if namespace.can_run("true"):
        return namespace
    return Account(uid=ordinary.pw_uid, gid=ordinary.pw_gid)


def _owner(cluster: Path) -> Account | None:
    place = cluster if cluster.exists() else cluster.parent
    status = place.stat()
    return Account(uid=status.st_uid, gid=status.st_gid) if status.st_uid else None


def _ordinary_account() -> pwd.struct_passwd:
    accounts = {account.pw_name: account for account in pwd.getpwall() if account.pw_uid}
    ordinary = accounts.get("postgres") or accounts.get("nobody")
    return ordinary or next(iter(accounts.values()))


def _tied(tie: Signals) -> list[str]:
    """A prefix that has the kernel send a signal to the program when its parent thread ends."""
    program = shutil.which("setpriv")
    if program is None:
        return []
    prefix = [program, "--pdeathsig", tie.name.removeprefix("SIG")]
    probe = subprocess.run([*prefix, "true"], capture_output=True, timeout=30)
    return prefix if probe.returncode == 0 else []


def _environment() -> dict[str, str]:
    # PGDATA, PGPORT, PGOPTIONS and their kind are meant for other servers than this one.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
