"""A small HTTP load generator: keep-alive connections, one request at a time on each.

It speaks just enough HTTP/1.1 for the servers measured here, so that on two cores the servers,
and not their client, are what is measured. Run as a process of its own.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measure import percentile

HEADER_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Load:
    """What was measured: answers per second, and latencies in milliseconds."""

    rate: float
    p50: float
    p99: float
    failed: int


class _Client(asyncio.Protocol):
    """One connection: sends the next request as soon as the last is answered."""

    def __init__(self, requests: Callable[[], bytes | None], took: list[float]) -> None:
        self._requests, self._took = requests, took
        self._received = b""
        self.failed = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = self._requests()
        if request is None:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(HEADER_END)
        if not end or len(body) < _content_length(head):
            return
        self._took.append(time.perf_counter() - self._sent_at)
        self.failed += not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201"))
        self._received = b""
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def _content_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0])


def post(path: str, body: bytes, headers: str = "") -> bytes:
    """The bytes of one POST request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"{headers}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def load(
    port: int, clients: int, seconds: float, requests: Callable[[], bytes], warm_up: float = 1.0
) -> Load:
    """Load a server on 127.0.0.1 for a while; the warm-up does not count."""
    loop, took = asyncio.get_running_loop(), list[float]()
    begin = time.perf_counter() + warm_up
    end = begin + seconds

    def request() -> bytes | None:
        return requests() if time.perf_counter() < end else None

    connected = [
        await loop.create_connection(lambda: _Client(request, took), "127.0.0.1", port)
        for _ in range(clients)
    ]
    await asyncio.sleep(max(0.0, begin - time.perf_counter()))
    took.clear()
    protocols = [protocol for _, protocol in connected]
    await asyncio.wait_for(asyncio.gather(*(p.done for p in protocols)), seconds + 30)
    milliseconds = [t * 1000 for t in took]
    failed = sum(p.failed for p in protocols)
    return Load(
        len(took) / seconds, percentile(milliseconds, 0.5), percentile(milliseconds, 0.99), failed
    )


def main() -> None:
    """``python -m benchmarks.http_load PORT CLIENTS SECONDS FILE``: requests come from a file of
    one JSON list ``[path, body, headers]`` per line, sent in turn and over again."""
    port, clients, seconds, file = sys.argv[1:]
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    prepared = [post(p, b.encode(), h) for p, b, h in map(json.loads, lines)]
    sent = 0

    def requests() -> bytes:
        nonlocal sent
        sent += 1
        return prepared[sent % len(prepared)]

    print(json.dumps(asdict(asyncio.run(load(int(port), int(clients), float(seconds), requests)))))


if __name__ == "__main__":
    main()
