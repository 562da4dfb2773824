"""The whole service in the test's process: a real server on a port of its own, and a client."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import uvicorn
from psycopg import sql
from psycopg.conninfo import make_conninfo

from adapters.bootstrap import Backstory
from adapters.http.app import create_app
from adapters.settings import Settings

SECRET = "5e" * 32
CONTACT = {"name": "王芳", "phone": "13812345678"}
READ_SECONDS = 120.0
"""How long a test waits for a view: a busy machine builds them slowly."""
_names = count(1)


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """An empty database on a server, dropped afterwards."""
    name = f"service_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield make_conninfo(server_url, dbname=name)
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        connection.execute(drop.format(sql.Identifier(name)))


class Service:
    """A running service, as a program that calls it sees it."""

    def __init__(self, client: httpx.Client, backstory: Backstory) -> None:
        self.client, self.backstory = client, backstory

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """POST to /v1; a header ``If-Match`` is the argument ``if_match``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = {} if body is None else body
        return self.client.post(f"/v1/{path}", json=body, headers=named)

    def made(self, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """The receipt of a command that must be accepted."""
        response = self.post(path, body, **headers)
        assert response.status_code in (200, 201), response.text
        receipt: dict[str, Any] = response.json()
        return receipt

    def read(self, path: str, query: Any = None, **headers: str) -> dict[str, Any]:
        """GET from /v1, asking again, as told to, while a view is not that far yet."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        deadline = time.monotonic() + READ_SECONDS
        while True:
            response = self.client.get(f"/v1/{path}", params=query, headers=named)
            if response.status_code != 503 or time.monotonic() > deadline:
                break
            time.sleep(float(response.headers["Retry-After"]))
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def customer(self, **changes: Any) -> str:
        """The id of a new customer."""
        return str(self.made("customers/register", registering(**changes))["id"])

    def opportunity(self, customer_id: str | None = None, **changes: Any) -> str:
        """The id of a new opportunity."""
        amount = {"amount": "12000", "currency": "CNY"}
        body = {
            "title": "展厅照明",
            "customer_id": customer_id or self.customer(),
            "amount": amount,
        }
        return str(self.made("opportunities/open", {**body, **changes})["id"])


def registering(**changes: Any) -> dict[str, Any]:
    """A body that registers a customer of a new name."""
    body = {"industry": "software", "source": "website", "primary_contact": CONTACT}
    return {"name": f"杭州云帆 {next(_names)} 号有限公司", **body, **changes}


@contextmanager
def running(database_url: str, *, auth: str = "off", **settings: Any) -> Iterator[Service]:
    """The service on a database, projecting, until the block ends."""
    given = {"database_url": database_url, "secret": SECRET, "auth": auth, **settings}
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        Backstory(Settings(**given)) as backstory,
    ):
        backstory.project()
        config = uvicorn.Config(create_app(backstory), log_level="warning", lifespan="on")
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not server.started and time.monotonic() < deadline:
                time.sleep(0.01)
            host, port = listening.getsockname()
            with httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client:
                yield Service(client, backstory)
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive(), "the server did not stop"
