"""Settings: every ``BACKSTORY_*`` variable, with defaults that work on a laptop."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from adapters.attachments.scanning import parsed
from adapters.attachments.types import DEFAULT, KNOWN

Role = Literal["all", "api", "project", "relay"]
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Settings(BaseSettings):
    """How one process of Backstory runs."""

    model_config = SettingsConfigDict(env_prefix="BACKSTORY_", extra="ignore", frozen=True)

    database_url: str | None = None
    """Postgres to use; without it an embedded one is started in the data folder."""
    data: Path = Path("backstory-data")
    """Folder of everything embedded: the database, and the file of the master key."""
    secret: SecretStr | None = None
    """The master key as 64 hex digits; without it, the file ``secret.key`` in the data folder."""
    kafka: str | None = None
    """Bootstrap servers of the Kafka that the relay publishes to."""
    timezone: str = "Asia/Shanghai"
    """The organisation's zone: days, weeks, months and quarters are in it."""
    auth: Literal["on", "off"] = "on"
    """off: every request is the user ``local``'s; only on a loopback host."""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    role: Role = "all"
    body_limit: int = Field(default=1_048_576, ge=1_024)
    """Most bytes of a request's body (batches: eight times as many)."""
    attachment_limit: int = Field(default=25 * 1_048_576, ge=1)
    """Most bytes of an attached file."""
    import_limit: int = Field(default=512 * 1_048_576, ge=1)
    """Most bytes of a file that is uploaded to be imported."""
    attachment_types: Annotated[tuple[str, ...], NoDecode] = DEFAULT
    """Media types of files that may be attached, separated by commas."""
    clamd: str | None = None
    """Where a clamd looks for viruses: tcp://host:3310 or unix:///path. Without it, nobody does."""

    @field_validator("database_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        try:
            conninfo_to_dict(url or "")
        except psycopg.ProgrammingError:
            # Without what the library says: it repeats the address, and with it a password.
            raise ValueError(
                "is no address of a Postgres, such as postgresql://user@host:5432/name"
            ) from None
        return url

    @field_validator("attachment_types", mode="before")
    @classmethod
    def _separated(cls, given: Any) -> Any:
        return (
            tuple(filter(None, map(str.strip, given.split(","))))
            if isinstance(given, str)
            else given
        )

    @field_validator("attachment_types")
    @classmethod
    def _known_types(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        unknown = ", ".join(type for type in given if type not in KNOWN)
        if unknown:
            raise ValueError(f"cannot tell whether a file is {unknown}; known: {', '.join(KNOWN)}")
        return given

    @field_validator("clamd")
    @classmethod
    def _reachable(cls, address: str | None) -> str | None:
        if address is not None:
            parsed(address)
        return address

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {name!r}") from error
        return name

    @model_validator(mode="after")
    def _open_only_at_home(self) -> Self:
        if self.auth == "off" and self.host not in LOOPBACK:
            raise ValueError(
                f"BACKSTORY_AUTH=off is for a loopback host only, not for {self.host}: "
                "anybody who reaches it could do everything"
            )
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)
