"""What tests of the embedded Postgres need to find on the machine."""

import os
from pathlib import Path

import pytest

from adapters.embedded.binaries import find_binaries, major_version

NOBODY = 65534
DEBIAN = Path("/usr/lib/postgresql/15/bin")
EVERY = [find_binaries(), *([DEBIAN] if DEBIAN.is_dir() else [])]

every_postgres = pytest.mark.parametrize(
    "binaries", EVERY, ids=[f"postgres-{major_version(folder)}" for folder in EVERY]
)
needs_two_majors = pytest.mark.skipif(len(EVERY) < 2, reason="there is only one Postgres here")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for other accounts")
