"""The server: uvicorn, whose event streams end as soon as it is told to."""

from types import FrameType

import uvicorn

from adapters.http import feed
from adapters.http.context import Context


class Server(uvicorn.Server):
    """Ends the streams on a signal: it waits for open requests, and a stream never ends itself."""

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        super().__init__(config)
        self._context = context

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        feed.stop(self._context)
        super().handle_exit(sig, frame)
