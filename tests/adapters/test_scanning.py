"""The virus scanner's client, against a server that speaks clamd's protocol.

A real clamd takes a gigabyte of signatures; what is tested here is the conversation.
"""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from pydantic import ValidationError

from adapters.attachments.ports import ScannerUnavailable
from adapters.attachments.scanning import Clamd, scanner
from adapters.settings import Settings
from tests.adapters.attached_files import EICAR, PDF

Answer = Callable[[bytes], bytes]


def verdict(content: bytes) -> bytes:
    """What clamd says of a content."""
    found = b"Eicar-Test-Signature FOUND" if EICAR in content else b"OK"
    return b"stream: " + found + b"\0"


@contextmanager
def clamd(answer: Answer = verdict, *, most: int = 10_000_000, path: str = "") -> Iterator[str]:
    """A clamd that takes at most so many bytes; its address."""
    family = socket.AF_UNIX if path else socket.AF_INET
    with socket.socket(family) as listening:
        listening.bind(path or ("127.0.0.1", 0))
        listening.listen()
        thread = Thread(target=_serve, args=(listening, answer, most), daemon=True)
        thread.start()
        yield f"unix://{path}" if path else "tcp://{}:{}".format(*listening.getsockname())
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _serve(listening: socket.socket, answer: Answer, most: int) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as stream:
            try:
                _converse(connection, stream.read, answer, most)
            except OSError:
                continue


def _converse(
    connection: socket.socket, read: Callable[[int], bytes], answer: Answer, most: int
) -> None:
    if read(10) != b"zINSTREAM\0":
        connection.sendall(b"UNKNOWN COMMAND\0")
        return
    content = b""
    while (head := read(4)) and (length := struct.unpack(">I", head)[0]):
        content += read(length)
        if len(content) > most:
            connection.sendall(b"INSTREAM size limit exceeded. ERROR\0")
            return
    if len(head) == 4:
        connection.sendall(answer(content))


def scanned(address: str, *parts: bytes) -> str | None:
    scan = Clamd(address).begin()
    try:
        for part in parts:
            scan.feed(part)
        return scan.verdict()
    finally:
        scan.close()


def test_a_virus_is_found_wherever_the_parts_are_cut(tmp_path: Path) -> None:
    with clamd() as address:
        assert scanned(address, PDF) is None
        assert scanned(address, b"") is None
        for cut in range(0, len(EICAR), 9):
            assert scanned(address, EICAR[:cut], EICAR[cut:]) == "Eicar-Test-Signature"
    with clamd(path=str(tmp_path / "clamd.ctl")) as address:
        assert scanned(address, EICAR) == "Eicar-Test-Signature"


def test_a_scanner_that_cannot_say_is_never_taken_for_a_clean_file() -> None:
    with clamd(most=100) as address, pytest.raises(ScannerUnavailable):
        scanned(address, *[bytes(64 * 1024)] * 200)
    for said in (b"", b"stream: \0", b"stream: OK ERROR\0", b"COMMAND READ TIMED OUT\0"):
        with clamd(lambda _, said=said: said) as address, pytest.raises(ScannerUnavailable):  # type: ignore[misc]
            scanned(address, PDF)
    with pytest.raises(ScannerUnavailable):
        scanned(address, PDF)  # nobody listens there any more


def test_without_a_scanner_nobody_looks() -> None:
    scan = scanner(None).begin()
    scan.feed(EICAR)
    assert scan.verdict() is None
    assert isinstance(scanner("tcp://localhost:3310"), Clamd)


@pytest.mark.parametrize("address", ["localhost:3310", "http://clamd", "tcp://", "unix://"])
def test_an_address_that_is_none_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(ValidationError, match="tcp://HOST:PORT"):
        Settings(clamd=address)
