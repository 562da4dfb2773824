"""Worker processes: they end when whoever began them does, however that ends."""

import os
from multiprocessing import parent_process
from threading import Thread


def end_with_parent() -> None:
    """To be called at the beginning of a worker process."""
    Thread(target=_wait, name="backstory-parent", daemon=True).start()


def _wait() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
