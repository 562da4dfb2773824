"""What a caller sends and gets: request, caller and receipt."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from pydantic import create_model

from aggregates.errors import DomainError
from commands.base import Command, Meta

ORIGINS = ("api", "console", "import", "policy", "inbox")
IMPORT, POLICY = "import", "policy"
NOTHING_SAID = Meta()


class IdempotencyKeyReused(DomainError):
    """The idempotency key was used for another request."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and by which way."""

    actor: UUID
    origin: str = "api"
    on_behalf_of: UUID | None = None
    correlation_id: UUID | None = None
    """What the requests belong to that say nothing else, such as an import."""
    scope: UUID | None = None
    """Whose idempotency keys the caller's are; None: the actor's own."""

    def command_id(self, idempotency_key: str) -> UUID:
        """The id of the caller's command under a key."""
        return _command_id((self.scope or self.actor).int, idempotency_key)


@lru_cache(4_096)
def _command_id(scope: int, idempotency_key: str) -> UUID:
    """Remembered: each request is asked for its id several times on its way."""
    return uuid5(UUID(int=scope), idempotency_key)


_canonical = json.JSONEncoder(sort_keys=True).encode


class Request(NamedTuple):
    """One command to one aggregate."""

    command: Command[Any]
    id: UUID | None = None
    """The aggregate; for a command that creates: the id to give it, or None."""
    meta: Meta = NOTHING_SAID
    if_match: int | None = None
    """The version that the caller has seen."""
    idempotency_key: str | None = None
    causation_id: str | None = None
    """Id of the event that caused the command."""
    whole: bytes | None = None
    """The batch that the request is part of, where its idempotency key is the batch's."""

    def command_id(self, caller: Caller) -> UUID | None:
        """The id that follows from the idempotency key; its scope is the caller."""
        return None if self.idempotency_key is None else caller.command_id(self.idempotency_key)

    def names(self, caller: Caller) -> Iterator[UUID]:
        """The records whose state the decision depends on, and the command's own id."""
        if self.id is not None:
            yield self.id
        command_id = self.command_id(caller)
        if command_id is not None:
            yield command_id
        for marked in type(self.command).marked():
            value: Any = getattr(self.command, marked.name)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, UUID):
                    yield one

    def covered_by(self, whole: bytes | None) -> "Request":
        """The request as part of a batch that must be repeated as a whole."""
        return self._replace(whole=whole)

    def body(self) -> bytes:
        """The request in canonical form, for its fingerprint."""
        if self.whole is not None:
            return self.whole
        target = "" if self.id is None else str(self.id)
        said = self.command.model_dump(mode="json", exclude_unset=True)
        parts = (_canonical(said), self.meta.model_dump_json())
        return "\n".join((self.command.NAME, target, *parts)).encode()


class Receipt(NamedTuple):
    """What an accepted command answers; the same for ever under the same idempotency key."""

    id: UUID
    version: int
    position: int
    status: int
    """201 where the command created the record, else 200."""
    is_repeated: bool = False
    """Whether an earlier request with the same idempotency key did it."""


@cache
def relaxed(command: type[Command[Any]], incomplete: frozenset[str]) -> type[Command[Any]]:
    """The command with these required fields optional: what an import may send."""
    fields: dict[str, Any] = {
        name: (command.model_fields[name].rebuild_annotation() | None, None)
        for name in incomplete
        if name in command.model_fields
    }
    return create_model(
        command.__name__, __base__=command, __cls_kwargs__={"relaxes": True}, **fields
    )
