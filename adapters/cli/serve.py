"""``backstory serve``: the service, until it is told to stop."""

import errno
import socket
import time
from contextlib import suppress
from typing import Annotated

import typer

from adapters.bootstrap import Backstory
from adapters.cli.failures import UNAVAILABLE, Failure
from adapters.cli.opening import Data, settings
from adapters.cli.signals import stop_on_sigterm
from adapters.settings import Role

WATCH_SECONDS = 0.5
GRACE_SECONDS = 5
"""How long open requests may take once the service is told to stop."""


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    data: Data = None,
    role: Annotated[Role | None, typer.Option(help="Which part of the service to run.")] = None,
) -> None:
    """Run the service, by default on 127.0.0.1:8000 with a Postgres of its own."""
    wanted = settings(data, host=host, port=port, role=role)
    if wanted.role == "relay":
        raise Failure("this version has no Kafka support: there is nothing for a relay to do")
    stop_on_sigterm()
    if wanted.role == "project":
        with Backstory(wanted) as backstory:
            project(backstory)
    else:
        with listen(wanted.host, wanted.port) as listening, Backstory(wanted) as backstory:
            run(backstory, listening)


def listen(host: str, port: int) -> socket.socket:
    """The socket, taken before anything is started. Raises Failure."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        said = f"cannot listen on {host}:{port}: {error.strerror or error}"
        raise Failure(f"{said}; {_way_out(error)}", UNAVAILABLE) from error


def _way_out(error: OSError) -> str:
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        return "choose another port with --port or BACKSTORY_PORT (0 takes a free one)"
    return "choose another address with BACKSTORY_HOST"


def address(listening: socket.socket) -> str:
    """The URL of what listens there."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(backstory: Backstory, listening: socket.socket, greeting: str = "") -> None:
    """Serve, in the role that the settings say, until SIGINT or SIGTERM."""
    import uvicorn  # with the web framework, half a second that other commands need not wait

    from adapters.http.app import create_app
    from adapters.http.server import Server

    app = create_app(backstory)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    with suppress(KeyboardInterrupt):  # How the server passes on the signal that ended it.
        if backstory.settings.role != "api":
            backstory.project()
        print(f"Backstory listens on {address(listening)}{greeting}", flush=True)
        Server(config, app.state.context).run(sockets=[listening])


def project(backstory: Backstory) -> None:
    """Keep the views up to date, and do nothing else, until SIGINT or SIGTERM.

    Raises Failure where projecting, or a policy, has stopped by itself.
    """
    with suppress(KeyboardInterrupt):
        backstory.project()
        standing_by = ", once the process that does so now ends" if backstory.is_standing_by else ""
        print(f"Backstory keeps the views up to date{standing_by}", flush=True)
        while (failure := backstory.runner.failure or backstory.policies.failure) is None:
            time.sleep(WATCH_SECONDS)
        raise Failure(f"projecting has stopped: {failure}", UNAVAILABLE)
