"""Bulk load in several processes at once: folding is Python's work, and one Python is one core."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack, contextmanager
from multiprocessing import get_context

from adapters import registry
from adapters.keys import Keyring
from adapters.mapper import Mapper
from adapters.postgres.log.store import PostgresLog
from adapters.postgres.views.bulk import Slice, load
from adapters.postgres.views.decoding import EventReader
from adapters.postgres.views.tables import Place, View
from adapters.processes import end_with_parent
from projections.base import Projection

OpenReader = Callable[[], AbstractContextManager[EventReader]]
"""Opens a reader in a process of its own; must be picklable."""


@contextmanager
def open_mapper(url: str, master: bytes) -> Iterator[EventReader]:
    """A mapper for a worker: ``functools.partial(open_mapper, url, master_key)``."""
    with PostgresLog(url, lanes=1, connections=1) as log:
        yield Mapper(log, Keyring(master))


def load_all(
    url: str,
    open_reader: OpenReader,
    view: View,
    of: Sequence[Slice],
    head: int,
    check: Callable[[], None],
    workers: int,
) -> None:
    """Load slices in worker processes. Raises what ``bulk.load`` raises, or what ``check`` does."""
    pool = ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_begin, initargs=(open_reader,)
    )
    try:
        loading = [pool.submit(_load, url, view.name, view.place, one, head) for one in of]
        for done in as_completed(loading):
            done.result()
            check()
    finally:
        pool.shutdown(cancel_futures=True)


_opened: list[EventReader] = []


def _begin(open_reader: OpenReader) -> None:
    """In the worker: load the registries, open the reader, and end when the parent does."""
    end_with_parent()
    registry.load()
    stack = ExitStack()
    _opened.append(stack.enter_context(open_reader()))


def _load(url: str, table: str, place: Place, of: Slice, head: int) -> None:
    view = View(Projection.registry[table], place)
    load(url, _opened[0], view, of, head, lambda: None)
