"""Rehearsing: a dry run keeps in memory what it has entered, so it has a process of its own."""

import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from threading import Event

from pydantic import SecretStr

from adapters.bootstrap import Backstory
from adapters.processes import end_with_parent
from adapters.remarks import Remark
from adapters.settings import Settings
from adapters.uploads.running import AWAY, Run, Stopping
from adapters.uploads.sealing import Sealing
from adapters.uploads.store import Store, Stored
from commands.ports import OutcomeUnknown

LOOK_SECONDS = 0.2
AGAIN = 75
"""The exit code of one that is to be tried again."""
ENDED = Remark("upload.ended")


def rehearse(backstory: Backstory, row: Stored, is_stopping: Callable[[], bool]) -> None:
    """Rehearse an upload and wait for that. Raises Stopping, and OutcomeUnknown where the database
    is away."""
    settings = backstory.settings.model_copy(
        update={
            "database_url": backstory.url,
            "secret": SecretStr(backstory.keyring.master.hex()),
        }
    )
    process = get_context("spawn").Process(target=_run, args=(settings, row), daemon=True)
    process.start()
    while process.is_alive():
        process.join(LOOK_SECONDS)
        if is_stopping():
            process.terminate()
            process.join()
            raise Stopping
    if process.exitcode == AGAIN:
        raise OutcomeUnknown("the database is away")
    if process.exitcode:
        store, sealing = Store(backstory.pool), Sealing(backstory.contents)
        Run(backstory, store, sealing, row, Event()).fail(ENDED)


def _run(settings: Settings, row: Stored) -> None:
    """In the process."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Backstory(settings) as backstory:
            Run(backstory, Store(backstory.pool), Sealing(backstory.contents), row, Event()).run()
    except AWAY:
        sys.exit(AGAIN)
