"""Servers that the benchmarks measure, each in a process of its own on 127.0.0.1."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.http_load import Load

START_SECONDS = 60.0
CLIENTS = 32


PYTHON = (sys.executable, "-m")
BACKSTORY = str(Path(sys.executable).with_name("backstory"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def process(arguments: Sequence[str], port: int, **environment: str) -> Iterator[int]:
    """A process that listens on the port; ended afterwards."""
    with subprocess.Popen(arguments, env={**os.environ, **environment}) as server:
        try:
            _wait_until_it_listens(server, port)
            yield port
        finally:
            server.terminate()
            server.wait(30)


def _wait_until_it_listens(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the server does not listen")


def measured(port: int, seconds: float, requests: Sequence[tuple[str, object, str]]) -> Load:
    """Load a server from another process with these (path, body, headers)."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for path, body, headers in requests:
            file.write(json.dumps([path, json.dumps(body), headers]) + "\n")
        file.flush()
        arguments = [str(port), str(CLIENTS), str(seconds), str(Path(file.name))]
        printed = subprocess.run(
            [sys.executable, "-m", "benchmarks.http_load", *arguments],
            capture_output=True,
            check=True,
            timeout=seconds + 60,
        ).stdout
    load = Load(**json.loads(printed))
    if load.failed:
        raise RuntimeError(f"{load.failed} requests were refused")
    return load
