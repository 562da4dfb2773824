"""Random bytes for keys and nonces, drawn from the system a block at a time.

A system call lets go of the interpreter's lock, so a thread that makes one for each value waits
its turn behind all the others each time: that costs twenty times the call.
"""

import os
import threading

BLOCK_BYTES = 65_536


class _Drawn(threading.local):
    """What a thread has drawn and not handed out."""

    block = b""
    taken = 0


_drawn = _Drawn()


def random_bytes(count: int) -> bytes:
    """This many bytes that nobody was given before, here or in another process."""
    drawn = _drawn
    begin = drawn.taken
    bytes_left = len(drawn.block) - begin
    if bytes_left < count:
        drawn.block, begin = os.urandom(max(BLOCK_BYTES, count)), 0
    drawn.taken = begin + count
    return drawn.block[begin : begin + count]


def _discard() -> None:
    """Two processes must never hand out the same: a nonce is used once."""
    _drawn.block, _drawn.taken = b"", 0


os.register_at_fork(after_in_child=_discard)
