"""Telling in several processes: deciding commands is Python's work, and one Python is one core.

Customers have nothing to do with each other, so each process tells every n-th one's story with
connections of its own. What they have told is counted in memory that they share.
"""

import os
from collections.abc import Callable, MutableSequence
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import astuple, fields
from multiprocessing import get_context
from time import monotonic

from adapters import registry
from adapters.bootstrap import Backstory
from adapters.demo.diary import Setting
from adapters.demo.story import stories
from adapters.demo.teller import REFERENCE_SECONDS, Teller, Telling
from adapters.keys import Keyring
from adapters.mapper import Mapper
from adapters.postgres.log.store import PostgresLog
from adapters.processes import collect_seldom, end_with_parent
from adapters.writing import writing
from commands.application import Application

CUSTOMERS_EACH = 250
"""So many are told sooner than another process has begun."""
LOOK_EVERY = 0.2
"""Seconds between two looks at how far the workers are."""
Counts = MutableSequence[int]
"""What each worker's ``Telling`` holds, one after the other; at the end, whether to stop."""


class Stopped(Exception):
    """The one who asked for it wants no more of it."""


def worth_having(customers: int) -> int:
    """How many processes should tell so many customers' stories here."""
    return max(1, min(os.cpu_count() or 1, customers // CUSTOMERS_EACH))


def tell_side_by_side(
    backstory: Backstory,
    application: Application,
    setting: Setting,
    workers: int,
    telling: Telling,
    progress: Callable[[Telling], None],
) -> None:
    """Tell all customers' stories by so many processes, this one among them. Raises what a worker
    or ``progress`` raises."""
    begun, own, others = astuple(telling), Telling(), workers - 1
    looked_at = 0.0
    context = get_context("spawn")
    counts: Counts = context.Array("q", len(begun) * workers + 1, lock=False)
    given = (backstory.url, backstory.keyring.master, setting, counts)
    pool = ProcessPoolExecutor(others, context, initializer=_begin, initargs=given)

    def look() -> None:
        for one in theirs:
            if one.done():
                one.result()
        counts[: len(begun)] = astuple(own)
        for n, field in enumerate(fields(Telling)):
            setattr(telling, field.name, begun[n] + sum(counts[n : -1 : len(begun)]))
        progress(telling)

    def look_now_and_then(_: Telling) -> None:
        nonlocal looked_at
        if monotonic() - looked_at >= LOOK_EVERY:
            looked_at = monotonic()
            look()

    try:
        theirs = [pool.submit(_tell, number, workers) for number in range(1, workers)]
        teller = Teller(application, backstory.log, own, look_now_and_then)
        mine = range(0, setting.customers, workers)
        teller.tell(stories(setting, mine), of_customers=True)
        while wait(theirs, LOOK_EVERY).not_done:
            look()
        look()
    finally:
        counts[-1] = True
        pool.shutdown()


class _Worker:
    """What a worker process was given."""

    url: str
    master: bytes
    setting: Setting
    counts: Counts


def _begin(url: str, master: bytes, setting: Setting, counts: Counts) -> None:
    """In the worker, once."""
    end_with_parent()
    _Worker.url, _Worker.master, _Worker.setting, _Worker.counts = url, master, setting, counts
    registry.load()
    collect_seldom()


def _tell(number: int, workers: int) -> None:
    """In the worker: tell every story whose turn it is in process ``number`` of so many."""
    counts, setting = _Worker.counts, _Worker.setting

    def say(telling: Telling) -> None:
        if counts[-1]:
            raise Stopped
        told = astuple(telling)
        counts[number * len(told) : (number + 1) * len(told)] = told

    mine = range(number, setting.customers, workers)
    keyring = Keyring(_Worker.master)
    with (
        PostgresLog(_Worker.url) as log,
        writing(log, Mapper(log, keyring), keyring, setting.zone, REFERENCE_SECONDS) as application,
    ):
        Teller(application, log, Telling(), say).tell(stories(setting, mine), of_customers=True)
