"""The lock that makes one living process the owner of a data folder."""

import fcntl
import os
import time
from pathlib import Path

from adapters.embedded.errors import DataFolderInUse

# A process that was just killed holds its lock until the kernel has taken its memory apart.
_DYING_SECONDS = 2.0


class OwnerLock:
    """An exclusive flock on a file that names its holder's pid.

    The kernel drops it when the holder dies, however it dies: there is no stale lock. The file
    stays for ever, because removing a lock file lets two processes lock two files of one name.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object, in this process, holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock; raises DataFolderInUse, naming the owner's pid, if a process keeps it."""
        descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            self._lock(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock up; nothing happens where it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self.abandon()

    def abandon(self) -> None:
        """Forget the lock in a forked child, which shares it: its parent goes on holding it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _lock(self, descriptor: int) -> None:
        deadline = time.monotonic() + _DYING_SECONDS
        while not _try_to_lock(descriptor):
            owner = _pid_in(descriptor)
            if owner == os.getpid() or time.monotonic() > deadline:
                raise DataFolderInUse(self._refusal(owner))
            time.sleep(0.02)

    def _refusal(self, owner: int | None) -> str:
        if owner == os.getpid():
            return f"{self.file.parent} is already in use by this process (pid {owner})"
        by = f"process {owner}" if owner else "another process"
        return f"{self.file.parent} is in use by {by}: stop it, or choose another data folder"


def _try_to_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None
