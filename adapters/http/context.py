"""What the routes are given: the process's parts, and how a request becomes a caller."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Request

from adapters.bootstrap import READ_CONNECTIONS, Backstory
from adapters.http.auth import Authentication, caller_or_none
from adapters.http.problems import Problems
from adapters.uploads.uploads import Uploads
from commands.requests import Caller

T = TypeVar("T")


class Context:
    """One process's parts, as routes see them."""

    def __init__(self, backstory: Backstory) -> None:
        self.settings = backstory.settings
        self.application = backstory.application
        self.log = backstory.log
        self.mapper = backstory.mapper
        self.timezone = backstory.timezone
        self.texts = backstory.texts
        self.pool = backstory.pool
        self.contents = backstory.contents
        self.scanner = backstory.scanner
        self.uploads = Uploads(backstory)
        self.tracked = backstory.tracked
        self.wait_until = backstory.wait_until
        self.status = backstory.status
        self.problems = Problems(backstory.texts)
        self._authentication = Authentication(
            backstory.application.repository, is_on=backstory.settings.auth == "on"
        )
        self._threads = ThreadPoolExecutor(READ_CONNECTIONS, thread_name_prefix="reads")
        self.row: Callable[[str, UUID], Awaitable[dict[str, Any] | None]]
        """The record as it is now, from the log, None where there is none to show; set by the
        reads, and never raises."""

    async def caller(self, request: Request) -> Caller:
        """Who asks. Raises Unauthenticated."""
        caller = caller_or_none(self._authentication, request)
        if caller is None:
            caller = await asyncio.to_thread(self._authentication.caller, request)
        return caller

    async def read(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do blocking work that reads the database, without holding up the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, work, *arguments)

    def close(self) -> None:
        self._threads.shutdown()
