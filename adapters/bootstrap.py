"""The composition root: one function builds a process of Backstory from its settings."""

from contextlib import ExitStack
from types import TracebackType
from zoneinfo import ZoneInfo

from adapters import registry
from adapters.keys import Keyring
from adapters.mapper import Mapper
from adapters.postgres import schema
from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.log import PostgresLog
from adapters.postgres.secret import claim
from adapters.seeds import seed
from adapters.settings import Settings
from commands.application import Application

DATABASE_FOLDER = "postgres"
SECRET_FILE = "secret.key"


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
        self.timezone: ZoneInfo = self.settings.zone
        self.url = self.settings.database_url or self._embedded_url()
        schema.install(self.url)
        self.keyring = self._keyring()
        self.log = self._closing.enter_context(PostgresLog(self.url))
        self.mapper = Mapper(self.log, self.keyring)
        self.application = Application(self.log, self.mapper, self.keyring, self.timezone)
        self._closing.callback(self.application.close)
        seed(self.application, self.log)

    def _embedded_url(self) -> str:
        postgres = EmbeddedPostgres(self.settings.data / DATABASE_FOLDER)
        return self._closing.enter_context(postgres).url

    def _keyring(self) -> Keyring:
        """The keys of this database. Raises WrongSecret where it was written with others."""
        if self.settings.secret is not None:
            keyring = Keyring(bytes.fromhex(self.settings.secret.get_secret_value()))
        else:
            self.settings.data.mkdir(parents=True, exist_ok=True)
            keyring = Keyring.from_file(self.settings.data / SECRET_FILE)
        claim(self.url, keyring)
        return keyring

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
