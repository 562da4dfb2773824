"""Holding the garbage collector back while thousands of rows become objects."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_holding = 0
_was_enabled = True


@contextmanager
def uncollected() -> Iterator[None]:
    """No automatic collection meanwhile, in the whole process: for milliseconds only.

    Rows hold no cycles, yet every 700 new objects the collector would look through the young ones,
    again and again through the page that is being made: half of the time of a replay.
    """
    global _holding, _was_enabled
    with _lock:
        if _holding == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _holding += 1
    try:
        yield
    finally:
        with _lock:
            _holding -= 1
            if _holding == 0 and _was_enabled:
                gc.enable()
