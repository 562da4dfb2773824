"""Nonces: random bytes that are used once, many fetched from the system at a time.

Each system call lets go of the interpreter's lock, and to get it back costs a busy process many
times what the call does.
"""

import os

NONCE_BYTES = 12
TOGETHER = 256

_left: list[bytes] = []
os.register_at_fork(after_in_child=_left.clear)  # What the parent uses is used.


def nonce() -> bytes:
    """Twelve bytes that nobody was given before. Thread-safe."""
    try:
        return _left.pop()
    except IndexError:
        fetched = os.urandom(NONCE_BYTES * TOGETHER)
        first, *others = (fetched[n : n + NONCE_BYTES] for n in range(0, len(fetched), NONCE_BYTES))
        _left.extend(others)
        return first
