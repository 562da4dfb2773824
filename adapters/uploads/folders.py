"""Folders for files while they are looked at: nobody else's, and gone when their process is."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time

PREFIX = "backstory-upload-"
NEW_SECONDS = 60.0
_LOCK = ".lock"


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder, taken away afterwards; if the process is killed, by the next that starts."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        path = Path(name)
        with (path / _LOCK).open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield path


def sweep() -> None:
    """Take away what processes left that were killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if time() - left.stat().st_mtime < NEW_SECONDS:
                continue  # Its process may not have come to lock it.
            with (left / _LOCK).open("r+") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except OSError:  # Somebody has it, or is about to, or it is another user's.
            continue
