"""Leading: a thread that any number of processes may run, and that does its work in one of them."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from threading import Event, Thread
from types import TracebackType
from typing import ClassVar, Generic, Self, TypeVar

import psycopg

from adapters.postgres.views.decoding import is_passing

_log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 0.25
FOLLOWER_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
_SETTINGS = {
    # What is lost with the server is lost with its tracking, and done again.
    "synchronous_commit": "off",
    "statement_timeout": "120s",
    "lock_timeout": "30s",
    # A process that is frozen gives the lead up.
    "idle_session_timeout": "30s",
    "idle_in_transaction_session_timeout": "30s",
    # Tables grow from nothing under plans that are made once.
    "enable_seqscan": "off",
    "jit": "off",
}
L = TypeVar("L")


def connect(url: str, **settings: str) -> psycopg.Connection:
    """A connection with the limits that leading runs under."""
    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=3,
        tcp_user_timeout=5000,
        application_name="backstory projections",
    )
    for name, value in {**_SETTINGS, **settings}.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    return connection


class Leading(ABC, Generic[L]):
    """Follows until it has the lead, then leads until it is stopped or superseded.

    Goes on after errors that pass, with growing pauses; stops for good, loudly, where a person must
    decide: see ``failure``. ``L`` is one session's lead.
    """

    NAME: ClassVar[str]
    """Of the thread."""
    DOING: ClassVar[str]
    """What it does, for the operator: ``projecting``."""

    def __init__(self, url: str, settings: Mapping[str, str] | None = None) -> None:
        self._url, self._settings = url, dict(settings or {})
        self._stopping = Event()
        self._thread: Thread | None = None
        self._pause = 0.0
        self.failure: Exception | None = None
        """Why it has stopped by itself."""

    @abstractmethod
    def lead(self, connection: psycopg.Connection) -> L | None:
        """Take the lead, or None where another session has it."""

    @abstractmethod
    def go_on(self, lead: L) -> None:
        """Do the work until it is stopped."""

    def given_up(self) -> None:
        """What follows when the lead is lost, or was never had."""

    def start(self) -> Self:
        self._thread = Thread(target=self._run, name=self.NAME, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Finish what is at hand and give the lead up."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stopping.is_set() and self.failure is None:
            try:
                with connect(self._url, **self._settings) as connection:
                    self._follow_then_lead(connection)
            except Exception as error:
                self._take(error)
            finally:
                self.given_up()

    def _follow_then_lead(self, connection: psycopg.Connection) -> None:
        while not self._stopping.is_set():
            lead = self.lead(connection)
            if lead is not None:
                self.go_on(lead)
                return
            self._stopping.wait(FOLLOWER_SECONDS)

    def _take(self, error: Exception) -> None:
        """Go on after what passes, stop on what does not."""
        if is_passing(error):
            self._pause = min(max(0.05, self._pause * 2), LONGEST_PAUSE_SECONDS)
            _log.warning("%s again in %.2f s: %s", self.DOING, self._pause, error)
            self._stopping.wait(self._pause)
        else:
            self.failure = error
            _log.critical("%s has stopped: %s", self.DOING, error, exc_info=error)
