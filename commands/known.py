"""What commands find out about other records: the log's answers, and none from a cache alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from uuid import UUID

from aggregates.base import Aggregate
from aggregates.errors import NotFound, kebab
from aggregates.events import Event
from aggregates.merge import Made, Mergeable
from aggregates.user import User
from commands.base import Known
from commands.ports import NeedsIO
from commands.repository import REFERENCE_SECONDS, Repository

A = TypeVar("A", bound=Aggregate)


class Knowledge:
    """Implements ``commands.base.Known``; where ``offline``, by NeedsIO instead of a look."""

    def __init__(
        self,
        repository: Repository,
        number: Callable[[type[Aggregate], bool], str | None],
        *,
        fresh: bool = False,
        offline: bool = False,
        is_import: bool = False,
    ) -> None:
        self._repository, self._number = repository, number
        self.is_import = is_import
        self._max_age, self._offline = (0.0 if fresh else REFERENCE_SECONDS), offline

    def get(self, kind: type[A], id: UUID) -> A:
        return self._repository.get(kind, id, max_age=self._max_age, offline=self._offline)

    def new(self, kind: type[A], id: UUID) -> A:
        return kind(id, number=self._number(kind, self._offline))

    def at(self, kind: type[A], id: UUID, version: int) -> A:
        self._require_online()
        aggregate = self._repository.at(kind, id, version)
        if aggregate.version == 0:
            raise NotFound(kebab(kind.KIND), id)
        return aggregate

    def events(self, id: UUID) -> list[Event]:
        self._require_online()
        return self._repository.events(id)

    def newest(self, customer_ids: Sequence[UUID], topics: Sequence[str]) -> Iterator[Event]:
        self._require_online()
        return self._repository.newest(customer_ids, topics)

    def made_since(self, customer_ids: Sequence[UUID], id: UUID, topic: str) -> list[Made]:
        self._require_online()
        return self._repository.made_since(customer_ids, id, topic)

    def _require_online(self) -> None:
        if self._offline:
            raise NeedsIO


def family(known: Known, record: Mergeable) -> list[UUID]:
    """The record and all that were merged into it, directly or by way of others."""
    found, left = [record.id], list(record.absorbed)
    while left:
        found.append(left.pop())
        left += known.get(type(record), found[-1]).absorbed
    return found


def survivor(known: Known, kind: type[Aggregate], id: UUID) -> UUID:
    """Who goes on for a record: itself, or whoever it was merged into in the end."""
    if not issubclass(kind, Mergeable):
        return id
    while True:
        into = known.get(kind, id).merged_into
        if into is None:
            return id
        id = into


def superiors(user_id: UUID | None, known: Known) -> Iterator[UUID]:
    """A user's superior, that one's, and so on, those who were locked out left aside."""
    seen: set[UUID] = set()
    while user_id is not None and user_id not in seen:
        seen.add(user_id)
        user_id = known.get(User, user_id).superior_id
        if user_id is not None and known.get(User, user_id).is_active:
            yield user_id
