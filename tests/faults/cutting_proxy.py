"""A stand-in for the server's socket that cuts, delays or severs a connection at a chosen byte."""

import os
import socket
import tempfile
import threading
from contextlib import suppress
from enum import Enum
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Way(Enum):
    """Which way bytes go."""

    TO_SERVER = "to the server"
    TO_CLIENT = "to the client"


class CuttingProxy:
    """Listens where ``url`` points to and passes bytes on, until it is told to cut.

    ``cut_after(way, n)`` lets n more bytes pass that way and then cuts both sides of that
    connection; connections made later are whole. ``sever_before_server`` cuts the client's side
    and keeps what it sent until ``deliver``.
    """

    def __init__(self, server_url: str) -> None:
        parameters = conninfo_to_dict(server_url)
        self._server = Path(str(parameters["host"])) / f".s.PGSQL.{parameters.get('port', 5432)}"
        self._folder = tempfile.mkdtemp(prefix="cut-")
        self.url = make_conninfo(server_url, host=self._folder, port=5432)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self._folder}/.s.PGSQL.5432")
        self._listener.listen()
        self._lock = threading.Lock()
        self._rule: tuple[Way, int] | None = None
        self._is_severing = False
        self._is_refusing = False
        self._clients: list[socket.socket] = []
        self._held: list[tuple[socket.socket, bytes]] = []
        self.passed = dict.fromkeys(Way, 0)
        self.cuts = 0
        self._sockets: list[socket.socket] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> "CuttingProxy":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        for end in (self._listener, *self._sockets):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        os.unlink(f"{self._folder}/.s.PGSQL.5432")
        os.rmdir(self._folder)

    def cut_after(self, way: Way, count: int) -> None:
        with self._lock:
            self._rule = (way, count)

    def sever_before_server(self) -> None:
        with self._lock:
            self._is_severing = True

    def deliver(self) -> None:
        """Send the server what a severed client had sent, long after."""
        for server, data in self._held:
            server.sendall(data)

    def drop_clients(self) -> None:
        """Cut the clients' side only: the server goes on with what it has."""
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._clients.clear()

    def refuse(self, is_refusing: bool = True) -> None:
        """Let nobody connect any more."""
        self._is_refusing = is_refusing

    def count(self) -> dict[Way, int]:
        """Bytes passed each way since the last count."""
        with self._lock:
            counted, self.passed = self.passed, dict.fromkeys(Way, 0)
        return counted

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                self._sockets += (client, server)
                try:
                    if self._is_refusing:
                        raise ConnectionRefusedError
                    server.connect(str(self._server))
                except OSError:
                    client.close()
                    continue
                self._clients.append(client)
                for ends in ((Way.TO_SERVER, client, server), (Way.TO_CLIENT, server, client)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, way: Way, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                allowed, then = self._decide(way, data, sink)
                if allowed:
                    sink.sendall(allowed)
                if then == "cut":
                    break
                if then == "sever":
                    source.shutdown(socket.SHUT_RDWR)
                    return
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _decide(self, way: Way, data: bytes, sink: socket.socket) -> tuple[bytes, str]:
        with self._lock:
            self.passed[way] += len(data)
            if self._is_severing and way is Way.TO_SERVER:
                self._is_severing = False
                self._held.append((sink, data))
                return b"", "sever"
            if self._rule is None or self._rule[0] is not way:
                return data, "pass"
            left = self._rule[1] - len(data)
            if left > 0:
                self._rule = (way, left)
                return data, "pass"
            count, self._rule = self._rule[1], None
            self.cuts += 1
            return data[:count], "cut"
