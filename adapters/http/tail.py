"""The tail: the newest events, read once for all streams that wait for them.

However many clients wait, one thread waits for the head and each new stretch of the log is read
and encoded once; a client that is behind reads its own way up.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Event as Flag

from adapters.http import answers
from adapters.http.asking import Reading
from adapters.http.cloudevents import cloud_events
from adapters.http.context import Context

BATCH = 200
_KEPT = 16
"""Stretches kept for others that stand at the same position."""
_LOOK_SECONDS = 0.5
"""How often the thread looks whether anybody still waits."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some events in a row, as frames of an event stream."""

    frames: bytes
    last: int
    """Position of the last one."""


class Tail:
    """Serves every event stream of one process. To be used in one event loop."""

    def __init__(self, context: Context, reading: Reading) -> None:
        self._context, self._reading = context, reading
        self._closing = Flag()
        self._followers = 0
        self._head = -1
        self._moved = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._stretches: OrderedDict[int, asyncio.Task[Stretch | None]] = OrderedDict()

    def close(self) -> None:
        """Let every stream end soon; callable from any thread and from a signal's handler."""
        self._closing.set()

    @property
    def is_closing(self) -> bool:
        return self._closing.is_set()

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """While inside, the head is watched."""
        self._followers += 1
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            self._followers -= 1

    async def past(self, position: int, timeout: float) -> bool:
        """Wait until the head is past a position; False when it is not in time, or at the end."""
        try:
            async with asyncio.timeout(timeout):
                while self._head <= position and not self.is_closing:
                    await self._moved.wait()
        except TimeoutError:
            return False
        return self._head > position

    async def stretch(self, after: int) -> Stretch | None:
        """The events right after a position; None: there are none yet."""
        task = self._stretches.get(after)
        if task is None:
            task = asyncio.create_task(self._reading.read(self._read, after))
            task.add_done_callback(lambda done: self._keep_only_found(after, done))
            self._stretches[after] = task
            if len(self._stretches) > _KEPT:
                self._stretches.popitem(last=False)
        return await asyncio.shield(task)

    def _keep_only_found(self, after: int, done: "asyncio.Task[Stretch | None]") -> None:
        has_failed = done.cancelled() or done.exception() is not None
        is_empty = has_failed or done.result() is None
        if is_empty and self._stretches.get(after) is done:
            del self._stretches[after]

    def _read(self, after: int) -> Stretch | None:
        stored = self._context.log.log(after, None, BATCH)
        if not stored:
            return None
        frames = [
            b"id: %d\ndata: %b\n\n" % (event["position"], answers.dumped(event))
            for event in cloud_events(self._context.mapper, stored)
        ]
        return Stretch(b"".join(frames), stored[-1].position)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="tail") as thread:
            try:
                while self._followers and not self.is_closing:
                    wait = self._context.log.wait_for_head
                    head = await loop.run_in_executor(thread, wait, self._head, _LOOK_SECONDS)
                    if head is not None:
                        self._head = head.position
                        self._wake()
            finally:
                self._wake()

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
