"""A write side of one's own, for whoever makes many commands: with caches that go with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from commands.application import Application
from commands.ports import Codec, EventLog, Keys


@contextmanager
def writing(
    log: EventLog, codec: Codec, keys: Keys, zone: ZoneInfo, reference_seconds: float
) -> Iterator[Application]:
    """With every rule on. ``reference_seconds``: how old what is known of a record may be that a
    command names."""
    application = Application(log, codec, keys, zone, reference_seconds=reference_seconds)
    try:
        yield application
    finally:
        application.close()
