"""What is in a data folder: a cluster, and the server that another process runs on it."""

from pathlib import Path
from urllib.parse import quote

from psycopg.pq import PGconn, Ping

from adapters.embedded.cluster import SUPERUSER
from adapters.embedded.server import DATABASE

_PORT_LINE, _SOCKET_LINE = 3, 4


def has_cluster(data: Path) -> bool:
    """Whether a server has ever been started in the folder."""
    return (data / "cluster").exists()


def url_of_running(data: Path) -> str | None:
    """The address of the server that runs in the folder and accepts connections, if one does.

    It ends with the process that owns it, so a connection may break at any time.
    """
    try:
        lines = (data / "cluster" / "postmaster.pid").read_text(errors="replace").splitlines()
    except OSError:
        return None
    if len(lines) <= _SOCKET_LINE or not lines[_SOCKET_LINE]:
        return None
    folder = quote(lines[_SOCKET_LINE], safe="")
    url = f"postgresql://{SUPERUSER}@/{DATABASE}?host={folder}&port={lines[_PORT_LINE]}"
    return url if PGconn.ping(f"{url}&connect_timeout=5".encode()) == Ping.OK else None
