"""The private folder, with a short path, that holds a server's Unix socket."""

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from adapters.embedded.account import Account

_PREFIX = "backstory-"
# A socket address has 107 bytes. Ours needs "/backstory-", 16 digits and "/.s.PGSQL.5432".
_LONGEST_BASE = 60


def is_socket_folder(folder: Path) -> bool:
    """Whether a folder has the name of one that `make_socket_folder` makes."""
    return folder.name.startswith(_PREFIX)


def make_socket_folder(data: Path, account: Account) -> Path:
    """An empty folder that only the account can enter; the same one each time for a data folder.

    A lasting name keeps the server's address over restarts, and a killed owner leaves one
    folder behind, not one for each time. If somebody else has taken the name, it is a random one.
    """
    folder = _base() / (_PREFIX + _digest(data))
    if folder.is_symlink() or folder.exists():
        if not _is_ours(folder, account):
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_base()))
        else:
            shutil.rmtree(folder)
    folder.mkdir(mode=0o700, exist_ok=True)
    account.give(folder)
    return folder


def remove_socket_folder(folder: Path) -> None:
    """Remove the folder of a server that has ended."""
    shutil.rmtree(folder, ignore_errors=True)


def _base() -> Path:
    base = tempfile.gettempdir()
    # A comma or a quote would have a meaning in the server's list of folders.
    is_fit = len(os.fsencode(base)) <= _LONGEST_BASE and not set(base) & set(",\"'")
    return Path(base if is_fit else "/tmp")


def _digest(data: Path) -> str:
    status = data.stat()
    identity = f"{data.resolve()}:{status.st_dev}:{status.st_ino}"
    return hashlib.sha256(os.fsencode(identity)).hexdigest()[:16]


def _is_ours(folder: Path, account: Account) -> bool:
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid in (os.geteuid(), account.uid)
