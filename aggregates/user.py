"""User: somebody who works with Backstory, and the keys programs use in the user's name."""

from collections.abc import Iterable
from typing import Annotated, Any
from unicodedata import normalize
from uuid import UUID

from pydantic import StringConstraints

from aggregates.base import Aggregate, Mark, Reservation
from aggregates.errors import FieldError, Invalid, Rejected
from aggregates.events import Created, Event
from aggregates.values import ExternalId, Personal, Ref, Text, Value

Login = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._@+-]{0,99}$")]
USER_NAME = "user-name"
"""Scope of the marks by which users are found by their names: several may have one."""
KeyDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def spelling(name: str) -> str:
    """A person's name in the form that is the same however its letters and spaces are typed."""
    return "".join(normalize("NFKC", name).split()).casefold()


class LoginTaken(Rejected):
    """Another user has this login."""


class UserDisabled(Rejected):
    """The user is disabled."""


class ApiKeyNameTaken(Rejected):
    """The user has an API key of this name."""


class NoSuchApiKey(Rejected):
    """The user has no API key of this name."""


class UserDetails(Value):
    superior_id: Annotated[UUID, Ref("User")] | None = None
    department: Text | None = None
    external: ExternalId | None = None


class User(Aggregate):
    login: str
    name: str
    superior_id: UUID | None = None
    is_active: bool = True
    api_keys: tuple[tuple[str, str], ...] = ()

    class Added(UserDetails, Created):
        login: Login
        name: Annotated[Text, Personal()]

    class DetailsChanged(UserDetails, Event):
        name: Annotated[Text, Personal()] | None = None

    class Disabled(Event):
        def apply(self, aggregate: "User") -> None:
            aggregate.is_active = False

    class ApiKeyAdded(Event):
        key_name: Text
        digest: KeyDigest
        """SHA-256 of the key; the key itself is never stored."""

        def apply(self, aggregate: "User") -> None:
            aggregate.api_keys = (*aggregate.api_keys, (self.key_name, self.digest))

    class ApiKeyRevoked(Event):
        key_name: Text

        def apply(self, aggregate: "User") -> None:
            aggregate.api_keys = tuple(k for k in aggregate.api_keys if k[0] != self.key_name)

    def add(self, login: str, name: str, **details: Any) -> None:
        self.record(self.Added(login=login, name=name, **details))

    def change_details(self, *, is_above: bool = False, **details: Any) -> None:
        """``is_above``: whether the user is above who is to be the superior."""
        self.require(self.is_active, UserDisabled)
        if details.get("superior_id") == self.id:
            raise Invalid(FieldError("superior_id", "itself"))
        if is_above:
            raise Invalid(FieldError("superior_id", "below-it"))
        self.record_changes(self.DetailsChanged, **details)

    def disable(self) -> None:
        """Lock the user out at once; keys stop working with it."""
        if self.is_active:
            self.record(self.Disabled())

    def add_api_key(self, key_name: str, digest: str) -> None:
        self.require(self.is_active, UserDisabled)
        self.require(key_name not in dict(self.api_keys), ApiKeyNameTaken)
        self.record(self.ApiKeyAdded(key_name=key_name, digest=digest))

    def revoke_api_key(self, key_name: str) -> None:
        self.require(key_name in dict(self.api_keys), NoSuchApiKey)
        self.record(self.ApiKeyRevoked(key_name=key_name))

    def out_of_use(self) -> str | None:
        return super().out_of_use() if self.is_active else "reference-retired"

    def reservations(self) -> Iterable[Reservation]:
        yield from super().reservations()
        yield Reservation("login", self.login, LoginTaken)

    def marks(self) -> Iterable[Mark]:
        yield from super().marks()
        yield Mark(USER_NAME, spelling(self.name))
