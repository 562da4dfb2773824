"""The composition root: one function builds a process of Backstory from its settings."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TypeVar
from zoneinfo import ZoneInfo

import psycopg
from psycopg_pool import ConnectionPool

from adapters import registry
from adapters.attachments.collecting import Collector
from adapters.attachments.contents import Contents
from adapters.attachments.scanning import scanner
from adapters.embedded.server import EmbeddedPostgres
from adapters.importing.reverting import Reverter
from adapters.keys import Keyring
from adapters.mapper import Mapper
from adapters.policies import listing, tracking
from adapters.policies.runner import PolicyRunner
from adapters.postgres.contents import store as contents
from adapters.postgres.contents.store import PostgresChunks
from adapters.postgres.log import schema
from adapters.postgres.log.reading import Reader
from adapters.postgres.log.secret import WrongSecret, claim, is_claimed
from adapters.postgres.log.store import PostgresLog
from adapters.postgres.pairing.rebuild import rebuild_pairs
from adapters.postgres.pairing.runner import PairingRunner
from adapters.postgres.pairing.tables import NAME as PAIRS
from adapters.postgres.views import progress, tables
from adapters.postgres.views.bulk_workers import open_mapper
from adapters.postgres.views.positions import Positions
from adapters.postgres.views.rebuild import Rebuilder, Rebuilt
from adapters.postgres.views.runner import ProjectionRunner
from adapters.processes import collect_seldom
from adapters.seeds import seed
from adapters.settings import Settings
from adapters.texts import Texts
from adapters.uploads import store as uploads
from commands.application import Application
from commands.policies import POLICIES
from projections.base import Projection

DATABASE_FOLDER = "postgres"
SECRET_FILE = "secret.key"
CONNECTION_SECONDS = 10.0
"""How long a read waits for a connection before it says that the database is away."""
READ_CONNECTIONS = 4
FIRST_VIEWS_SECONDS = 60.0
"""How long a starting process waits for views that were never built; then it serves without."""

C = TypeVar("C")


class Backstory:
    """Everything one process needs, opened in order and closed in reverse. A context manager."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._closing = ExitStack()
        try:
            self._open()
        except BaseException:
            self._closing.close()
            raise

    def _open(self) -> None:
        registry.load()
        collect_seldom()
        self.timezone: ZoneInfo = self.settings.zone
        self.texts = Texts(self.timezone)
        self.url = self.settings.database_url or self._embedded_url()
        schema.install(self.url)
        self.keyring = self._keyring()
        self.log = self._closing.enter_context(PostgresLog(self.url))
        self.mapper = Mapper(self.log, self.keyring)
        self.application = Application(self.log, self.mapper, self.keyring, self.timezone)
        self._closing.callback(self.application.close)
        self.pool = self._opened(
            ConnectionPool(
                self.url,
                min_size=1,
                max_size=READ_CONNECTIONS,
                timeout=CONNECTION_SECONDS,
                kwargs={"autocommit": True, "application_name": "backstory reads"},
                open=True,
            ),
            ConnectionPool.close,
        )
        contents.install(self.url)
        self.contents = Contents(PostgresChunks(self.pool), self.mapper.subjects, self.keyring)
        self.scanner = scanner(self.settings.clamd)
        self._positions = Positions(self._opened(Reader(self.url, connections=2), Reader.close))
        self.tracked, self.wait_until = self._positions.of, self._positions.wait_until
        self.runner = ProjectionRunner(self.url, self.log, self.mapper, self._positions)
        self.policies = PolicyRunner(self.url, self.log, self.mapper, self.application)
        self._begin_policies()
        self.pairing = PairingRunner(self.url)
        uploads.install(self.url)
        self.uploaded = Event()
        """Set whenever this process has taken a file that is to be imported."""
        seed(self.application, self.log)

    def _opened(self, part: C, close: Callable[[C], None]) -> C:
        self._closing.callback(close, part)
        return part

    def _embedded_url(self) -> str:
        postgres = EmbeddedPostgres(self.settings.data / DATABASE_FOLDER)
        return self._closing.enter_context(postgres).url

    def _keyring(self) -> Keyring:
        """The keys of this database. Raises WrongSecret where it was written with others."""
        secret, path = self.settings.secret, self.settings.data / SECRET_FILE
        if secret is None and not path.exists() and is_claimed(self.url):
            raise WrongSecret(  # A new file would only be in the way of the right one.
                f"this database was written with another master key, and there is no {path}: put "
                "the secret.key that belongs to it there, or set BACKSTORY_SECRET"
            )
        try:
            keyring = (
                _key_in(path) if secret is None else Keyring.from_hex(secret.get_secret_value())
            )
        except (ValueError, IsADirectoryError) as error:
            where = path if secret is None else "BACKSTORY_SECRET"
            raise WrongSecret(f"{where} is no master key: that is 64 hex digits") from error
        claim(self.url, keyring)
        return keyring

    # Views

    def project(self) -> None:
        """Keep the views up to date and run the policies from now on; returns once those views
        that exist can be read, or another process keeps them: this one does when that ends."""
        self._closing.enter_context(self.runner)
        self._closing.enter_context(self.policies)
        self._closing.enter_context(self.pairing)
        self._closing.enter_context(Collector(self.contents, self.log))
        self._closing.enter_context(Reverter(self))
        self._closing.enter_context(self._importing())
        self.runner.wait_settled(FIRST_VIEWS_SECONDS)

    @property
    def is_standing_by(self) -> bool:
        """Whether another process keeps the views, until it ends."""
        runner = self.runner
        return runner.wait_settled(0) and not runner.wait_ready(0) and runner.failure is None

    def _importing(self) -> AbstractContextManager[object]:
        from adapters.uploads.working import Worker  # with all that reads files

        return Worker(self)

    # Policies

    def _begin_policies(self) -> None:
        """Whatever this process records, policies that are new will be asked of it."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            tracking.begin(connection, POLICIES)

    def policy_status(self) -> list[listing.PolicyStatus]:
        """Where every policy stands."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return listing.status(connection)

    def status(self) -> progress.Status:
        """Where the log ends, and where every view stands."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            tables.install(connection)  # There are none before anything was ever projected.
            return progress.status(connection, (*Projection.registry, PAIRS))

    def rebuild(self, tables: Sequence[str] = (), *, rollback: bool = False) -> list[Rebuilt]:
        """Fold these views anew (all, where none is named), or put the earlier ones back.

        Pairs are compared anew, after the views; of them, no earlier ones are kept. Raises KeyError
        for a view that is not registered.
        """
        reader = partial(open_mapper, self.url, self.keyring.master)
        rebuilder = Rebuilder(self.url, self.log, self.mapper, open_reader=reader)
        work = rebuilder.rollback if rollback else rebuilder.rebuild
        folded = [table for table in tables or Projection.registry if table != PAIRS]
        done = [work(Projection.registry[table]) for table in folded]
        if not rollback and (not tables or PAIRS in tables):
            done.append(rebuild_pairs(self.url))
        return done

    def close(self) -> None:
        self._closing.close()

    def __enter__(self) -> "Backstory":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _key_in(path: Path) -> Keyring:
    path.parent.mkdir(parents=True, exist_ok=True)
    return Keyring.from_file(path)
