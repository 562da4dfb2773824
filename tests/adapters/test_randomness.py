"""Randomness: what is handed out is handed out once."""

import os
from concurrent.futures import ThreadPoolExecutor

from adapters.randomness import BLOCK_BYTES, random_bytes

SIZE = 12


def drawn(count: int) -> list[bytes]:
    return [random_bytes(SIZE) for _ in range(count)]


def test_as_many_bytes_as_asked_for_and_none_of_them_twice() -> None:
    with ThreadPoolExecutor(4) as threads:
        values = [value for part in threads.map(drawn, [2_000] * 4) for value in part]
    assert {len(value) for value in values} == {SIZE}
    assert len(set(values)) == len(values)


def test_more_than_a_block_at_once() -> None:
    assert len(random_bytes(3 * BLOCK_BYTES)) == 3 * BLOCK_BYTES


def test_a_forked_process_is_handed_out_others() -> None:
    random_bytes(SIZE)  # A block is drawn, and not used up.
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, b"".join(drawn(20)))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    theirs = {told[at : at + SIZE] for at in range(0, len(told), SIZE)}
    assert len(theirs) == 20
    assert not theirs & set(drawn(400))
