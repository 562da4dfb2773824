"""Signals: what ends a command before its time ends it in good order, and it says so."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from adapters.cli.failures import Failure
from adapters.remarks import Remark

SIGNALLED = 128
"""The exit code of who was ended by a signal, less the number of that."""


def stop_on_sigterm() -> None:
    """Let SIGTERM unwind the process as Ctrl-C does, so that Postgres is shut down cleanly."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt(number)

    signal.signal(signal.SIGTERM, stop)


@contextmanager
def goes_on_later() -> Iterator[None]:
    """For a command that goes on where it was when it is run again: a signal ends it, and its
    workers, in good order. Raises Failure then."""
    stop_on_sigterm()
    try:
        yield
    except KeyboardInterrupt as error:
        by = signal.Signals(*error.args) if error.args else signal.SIGINT
        raise Failure(Remark("command.stopped", by=by.name), SIGNALLED + by) from None
