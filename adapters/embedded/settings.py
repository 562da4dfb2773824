"""The settings our own server runs with: sensible for a laptop, all of them overridable."""

import os
from collections.abc import Mapping
from pathlib import Path

_GIBIBYTE = 2**30
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_LAPTOP = {
    "max_connections": "100",
    "max_wal_size": "4GB",
    "wal_compression": "pglz",  # The one method that every build has.
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_FOR_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def server_settings(*, durable: bool, options: Mapping[str, str]) -> dict[str, str]:
    """Server settings by name; `options` win over ours."""
    shared_buffers = "256MB" if _memory() >= 2 * _GIBIBYTE else "64MB"
    ours = {"shared_buffers": shared_buffers, **_LAPTOP, **({} if durable else _FOR_TESTS)}
    return {**ours, **options}


def as_arguments(settings: Mapping[str, str]) -> list[str]:
    """The settings as arguments of the `postgres` program."""
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _memory() -> int:
    """Bytes of memory we may use: the machine's, or less in a container."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _CGROUP_LIMIT.read_text().strip() if _CGROUP_LIMIT.exists() else ""
    return min(machine, int(limit)) if limit.isdecimal() else machine
