"""Nonces: no two are the same, whoever draws them."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from adapters.nonces import NONCE_BYTES, TOGETHER, nonce

FORKED = """
import os
from adapters.nonces import nonce

drawn = {nonce()}
reads, writes = os.pipe()
if os.fork() == 0:
    os.write(writes, b"".join(nonce() for _ in range(100)))
    os._exit(0)
os.wait()
theirs = os.read(reads, 10_000)
drawn |= {nonce() for _ in range(100)} | {theirs[n : n + 12] for n in range(0, len(theirs), 12)}
print(len(drawn))
"""


def test_no_two_are_the_same_whichever_thread_draws_them() -> None:
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(lambda _: nonce(), range(10 * TOGETHER)))
    assert {len(one) for one in drawn} == {NONCE_BYTES}
    assert len(set(drawn)) == len(drawn)


def test_a_forked_process_draws_others() -> None:
    found = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, timeout=60)
    assert found.stdout == b"201\n", found.stderr
