"""The command line in this process, for tests."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from adapters.cli import main
from tests.importing import SECRET


class Said(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


def commands(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs commands on a database, with the tests' master key."""
    monkeypatch.setenv("BACKSTORY_DATABASE_URL", url)
    monkeypatch.setenv("BACKSTORY_SECRET", SECRET)

    def run(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return run
