"""Scanning for viruses: by clamd, or by nobody where none is set up.

clamd's ``INSTREAM`` command (https://docs.clamav.net/manual/Usage/Scanning.html#clamd): chunks with
their lengths before them, then a length of zero; the answer is one line.
"""

import socket
import struct
from contextlib import suppress
from urllib.parse import urlsplit

from adapters.attachments.ports import Scan, Scanner, ScannerUnavailable

TIMEOUT_SECONDS = 60.0
PORT = 3310
_LENGTH = struct.Struct(">I")
_FOUND, _CLEAN = " FOUND", "stream: OK"
_LONGEST_ANSWER = 4_096


class Nobody:
    """Looks at nothing, and finds nothing."""

    def begin(self) -> Scan:
        return self

    def feed(self, data: bytes) -> None: ...

    def verdict(self) -> str | None:
        return None

    def close(self) -> None: ...


class Clamd:
    """A clamd at ``tcp://host:3310`` or ``unix:///run/clamav/clamd.ctl``."""

    def __init__(self, address: str) -> None:
        """Raises ValueError where that is no such address."""
        self._where = parsed(address)

    def begin(self) -> Scan:
        try:
            return _Stream(self._connected())
        except OSError as error:
            raise ScannerUnavailable(f"clamd cannot be reached: {error}") from error

    def _connected(self) -> socket.socket:
        if isinstance(self._where, tuple):
            return socket.create_connection(self._where, TIMEOUT_SECONDS)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT_SECONDS)
        try:
            connection.connect(self._where)
        except OSError:
            connection.close()
            raise
        return connection


def parsed(address: str) -> tuple[str, int] | str:
    """Host and port, or the path of a socket. Raises ValueError."""
    url = urlsplit(address)
    if url.scheme == "unix" and url.path:
        return url.path
    if url.scheme == "tcp" and url.hostname:
        return url.hostname, url.port or PORT
    raise ValueError("must be tcp://HOST:PORT or unix:///PATH")


def scanner(address: str | None) -> Scanner:
    """The scanner at an address; without one, nobody."""
    return Nobody() if address is None else Clamd(address)


class _Stream:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._send(b"zINSTREAM\0")

    def feed(self, data: bytes) -> None:
        if data:
            self._send(_LENGTH.pack(len(data)) + data)

    def verdict(self) -> str | None:
        self._send(_LENGTH.pack(0))
        answer = self._answer()
        if answer == _CLEAN:
            return None
        if answer.endswith(_FOUND):
            return answer.removeprefix("stream: ").removesuffix(_FOUND)
        raise ScannerUnavailable(f"clamd could not scan: {answer!r}")

    def close(self) -> None:
        self._connection.close()

    def _send(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError as error:
            said = ""  # It says why it ended: for one, that the stream is longer than it takes.
            with suppress(ScannerUnavailable):
                said = self._answer()
            self.close()
            raise ScannerUnavailable(f"clamd does not listen: {said or error}") from error

    def _answer(self) -> str:
        answer = b""
        try:
            while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
                more = self._connection.recv(_LONGEST_ANSWER)
                if not more:
                    break
                answer += more
        except OSError as error:
            raise ScannerUnavailable(f"clamd does not answer: {error}") from error
        return answer.rstrip(b"\0\n").decode("utf-8", "replace")
