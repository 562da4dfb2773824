"""Spooling: a file that a thread writes while it is sent, as fast as each of them can.

The writer never waits for the reader: a slow client holds a file, not a transaction, until it has
taken all of it or takes nothing any more. What cannot be finished breaks the transfer, which the
client notices: it is never ended as if complete.
"""

import asyncio
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from typing import IO

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

CHUNK = 256 * 1024
"""Bytes."""
LOOK_SECONDS = 0.5
"""How often is looked whether the client is still there, before anything was sent."""
STALLED_SECONDS = 60.0
"""A client that takes nothing for so long is cut off."""

_log = logging.getLogger(__name__)


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class TransferBroken(Exception):
    """The answer could not be finished: the connection is cut, so that it does not look whole."""


class Spool:
    """One such file, without a name on disk. The event loop's side reads, a thread writes.

    ``released`` is called on the event loop once neither needs the file any more.
    """

    def __init__(self, released: Callable[[], None]) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever is last
        self._loop = asyncio.get_running_loop()
        self._moved = asyncio.Event()
        self._size, self._is_begun, self._is_done = 0, False, False
        self._failure: BaseException | None = None
        self._is_wanted, self._users = True, 2
        self._stop: Callable[[], None] | None = None
        self._released = released

    # The writer's side

    @property
    def is_wanted(self) -> bool:
        return self._is_wanted

    def when_unwanted(self, stop: Callable[[], None]) -> None:
        self._stop = stop

    def advance(self, *, readable: bool) -> None:
        size = 0
        if readable:
            self.file.flush()
            size = os.fstat(self.file.fileno()).st_size
        self._tell(self._advanced, size)

    def run(self, executor: Executor, work: Callable[["Spool"], None]) -> None:
        """Let the work write the file."""
        executor.submit(self._written, work)

    def _written(self, work: Callable[["Spool"], None]) -> None:
        failure: BaseException | None = None
        try:
            if self._is_wanted:
                work(self)
        except BaseException as error:
            failure = error
        self._stop = None
        self._tell(self._ended, failure)

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # The loop is closed: nobody listens.
            self._loop.call_soon_threadsafe(what, *arguments)

    # The event loop's side

    def _advanced(self, size: int) -> None:
        self._size, self._is_begun = max(self._size, size), True
        self._moved.set()

    def _ended(self, failure: BaseException | None) -> None:
        self._failure, self._is_done = failure, True
        self._moved.set()
        self._left()

    async def begun(self, request: Request) -> None:
        """Wait until the answer can be begun. Raises what the writer raised, or ClientGone."""
        while not (self._is_begun or self._is_done):
            self._moved.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), LOOK_SECONDS)
            if await request.is_disconnected():
                raise ClientGone
        if self._failure is not None:
            raise self._failure

    async def chunks(self) -> AsyncIterator[bytes]:
        """All that is written, as it is. Raises TransferBroken."""
        at = 0
        while True:
            self._moved.clear()
            while at < self._size:
                data = os.pread(self.file.fileno(), min(CHUNK, self._size - at), at)
                at += len(data)
                yield data
            if self._failure is not None:
                _log.error("an answer was cut off: %r", self._failure)
                raise TransferBroken from self._failure
            if self._is_done and at == self._size:
                return
            await self._moved.wait()

    def close(self) -> None:
        """Nobody reads any more: the writer stops soon."""
        if self._is_wanted:
            self._is_wanted = False
            stop = self._stop
            if stop is not None:
                self._loop.run_in_executor(None, _quietly, stop)
            self._left()

    def _left(self) -> None:
        self._users -= 1
        if not self._users:
            self.file.close()
            self._released()


def _quietly(stop: Callable[[], None]) -> None:
    with suppress(Exception):  # What is to be stopped may have ended by itself.
        stop()


class SpooledResponse(StreamingResponse):
    """Sends a spool, and lets go of it however that ends."""

    def __init__(self, spool: Spool, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(spool.chunks(), media_type=media_type, headers=headers)
        self._spool = spool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_soon(message: Message) -> None:
            try:
                await asyncio.wait_for(send(message), STALLED_SECONDS)
            except TimeoutError:
                raise TransferBroken("the client takes nothing") from None

        try:
            await super().__call__(scope, receive, send_soon)
        finally:
            self._spool.close()
