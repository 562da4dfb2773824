"""A whole Backstory on a test's database, its reads served over real HTTP."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from threading import Thread
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import uvicorn
from fastapi import FastAPI
from psycopg_pool import ConnectionPool

from adapters import registry
from adapters.attachments.contents import Contents
from adapters.attachments.scanning import scanner
from adapters.http import exports, feed, history, imports, openapi, reads, search, timeline, whole
from adapters.http.context import Context
from adapters.keys import Keyring
from adapters.mapper import Mapper
from adapters.postgres.contents import store as contents
from adapters.postgres.contents.store import PostgresChunks
from adapters.postgres.log.reading import Reader
from adapters.postgres.log.store import PostgresLog
from adapters.postgres.pairing import tables as pairing
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.postgres.views.positions import Positions
from adapters.postgres.views.runner import ProjectionRunner
from adapters.records import Records
from adapters.seeds import LOCAL, seed
from adapters.settings import Settings
from adapters.texts import Texts
from adapters.uploads import store as uploads
from commands.application import Application
from commands.base import Command, Meta
from commands.requests import Caller, Receipt, Request

SHANGHAI = ZoneInfo("Asia/Shanghai")
SCOPE = Scope(LOCAL)


class Served:
    """The parts of one process; a context manager."""

    def __init__(self, url: str, *, projecting: bool = True) -> None:
        registry.load()
        self._stack = ExitStack()
        enter = self._stack.enter_context
        self.settings = Settings(auth="off", database_url=url)
        self.timezone, self.texts = SHANGHAI, Texts(SHANGHAI)
        self.log = enter(PostgresLog(url, lanes=1, connections=2))
        self.mapper = Mapper(self.log, Keyring(bytes(32)))
        self.application = Application(self.log, self.mapper, Keyring(bytes(32)), SHANGHAI)
        self._stack.callback(self.application.close)
        seed(self.application, self.log)
        self.pool = enter(ConnectionPool(url, min_size=1, max_size=4, kwargs={"autocommit": True}))
        contents.install(url)
        uploads.install(url)
        self.contents = Contents(
            PostgresChunks(self.pool), self.mapper.subjects, Keyring(bytes(32))
        )
        self.scanner = scanner(None)
        reader = Reader(url, connections=2)
        self._stack.callback(reader.close)
        self.positions = Positions(reader)
        self.tracked, self.wait_until = self.positions.of, self.positions.wait_until
        self.status = lambda: SimpleNamespace(projections=())
        self.runner = ProjectionRunner(url, self.log, self.mapper, self.positions)
        self.rows = RowReader(self.pool, SHANGHAI)
        self.records = Records(self.log, self.mapper)
        if projecting:
            self.project()

    def project(self) -> None:
        """Start the projections, and wait until they are at the head."""
        self._stack.enter_context(self.runner)
        assert self.runner.wait_ready(60)
        with self.pool.connection() as connection:
            pairing.install(connection)

    def do(
        self,
        command: Command[Any],
        id: UUID | None = None,
        *,
        at: datetime | None = None,
        reason: str | None = None,
        origin: str = "api",
        incomplete: tuple[str, ...] = (),
    ) -> Receipt:
        """Carry out a command as the user ``local``."""
        meta = Meta(occurred_at=at, reason=reason, incomplete=incomplete)
        return self.application.dispatch(Request(command, id, meta), Caller(LOCAL, origin))

    def caught_up(self) -> int:
        """Wait until every view has read the whole log; the head."""
        head = self.published()
        for table in ("customers", "contacts", "opportunities", "users", "dictionary_entries"):
            assert self.wait_until(table, head, 20)
        return head

    def published(self) -> int:
        """Wait until all that is committed is published; the head."""
        [(last,)] = self._last()
        head = self.log.wait_for_head(last - 1, 10)
        assert head is not None
        return head.position

    def _last(self) -> list[Any]:
        with self.pool.connection() as connection:
            return connection.execute("SELECT max(position) FROM backstory.events").fetchall()

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


@contextmanager
def serving(parts: Served) -> Iterator[httpx.Client]:
    """A client of a server on this machine that answers the parts' reads."""
    context = Context(parts)  # type: ignore[arg-type]
    app, schemas = FastAPI(separate_input_output_schemas=False), openapi.Schemas()
    context.problems.install(app)
    for part in (history, timeline, whole, imports, feed, exports, reads, search):
        app.include_router(part.router(context, schemas))
    openapi.install(app, schemas)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the server does not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        feed.stop(context)
        server.should_exit = True
        thread.join(20)
        context.close()
        assert not thread.is_alive(), "streams keep the server from ending"
