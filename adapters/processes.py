"""What processes do when they begin: they collect garbage seldom, and workers end when whoever
began them does, however that ends."""

import atexit
import gc
import os
from multiprocessing import parent_process
from threading import Thread

COLLECT_EVERY = 50_000
"""Objects made, beyond those gone again, between two looks of the garbage collector."""


def collect_seldom() -> None:
    """To be called when everything is loaded. Caches hold many small objects for long: looking
    through them often finds nothing."""
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 20, 50)
    atexit.register(gc.freeze)  # Else the process looks through all of them once more, to end.


def end_with_parent() -> None:
    """To be called at the beginning of a worker process."""
    Thread(target=_wait, name="backstory-parent", daemon=True).start()


def _wait() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
