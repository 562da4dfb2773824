"""What commands find out about other records: the log's answers, and none from a cache alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar
from uuid import UUID

from aggregates.base import Aggregate
from aggregates.customer import Customer
from aggregates.errors import FieldError, Invalid, NotFound, kebab
from aggregates.events import Event
from aggregates.merge import Made, Mergeable
from aggregates.user import User
from commands.base import Known
from commands.directory import Directory
from commands.ports import NeedsIO
from commands.repository import Repository

A = TypeVar("A", bound=Aggregate)
MOST_ABOVE = 1_000
"""How many parents of a customer are looked at."""


class Knowledge:
    """Implements ``commands.base.Known``; where ``offline``, by NeedsIO instead of a look."""

    def __init__(
        self,
        repository: Repository,
        number: Callable[[type[Aggregate], bool], str | None],
        directory: Directory,
        *,
        fresh: bool = False,
        offline: bool = False,
        is_import: bool = False,
    ) -> None:
        self._repository, self._number, self._directory = repository, number, directory
        self.is_import = is_import
        self._max_age, self._offline = (0.0 if fresh else repository.reference_seconds), offline
        self._fresh = fresh

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

    def is_retired(self, dictionary: str, code: str) -> bool:
        age = {"offline": self._offline, "fresh": self._fresh}
        return self._directory.is_retired(dictionary, code, **age)

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


def is_one(id: UUID | None, other_id: UUID, known: Known) -> bool:
    """Whether two customers are the same, or were merged into the same."""
    return id is not None and survivor(known, Customer, id) == survivor(known, Customer, other_id)


def require_theirs(
    customer_id: UUID | None, named: Iterable[tuple[str, type[Aggregate], UUID]], known: Known
) -> None:
    """Refuse, by their fields, records that are of another customer, families being one.

    Of what an import records nobody is asked whether it should have been so.
    """
    if customer_id is None or known.is_import:
        return
    wrong = [
        FieldError(field, "of-other-customer", id=str(id))
        for field, kind, id in named
        if not is_one(known.get(kind, id).root_customer_id, customer_id, known)
    ]
    if wrong:
        raise Invalid(*wrong)


def parents(customer_id: UUID, known: Known) -> set[UUID]:
    """Whose subsidiary a customer is, directly or by way of others: of each family who goes on for
    it. Ends where it goes round, and after MOST_ABOVE."""
    found: set[UUID] = set()
    left = [survivor(known, Customer, customer_id)]
    while left and len(found) < MOST_ABOVE:
        for id in family(known, known.get(Customer, left.pop())):
            parent_id = known.get(Customer, id).parent_id
            above = None if parent_id is None else survivor(known, Customer, parent_id)
            if above is not None and above not in found:
                found.add(above)
                left.append(above)
    return found


def above(user_id: UUID | None, known: Known) -> Iterator[UUID]:
    """A user's superior, that one's, and so on; ends where it goes round."""
    seen: set[UUID] = set()
    while user_id is not None and user_id not in seen:
        seen.add(user_id)
        user_id = known.get(User, user_id).superior_id
        if user_id is not None:
            yield user_id


def superiors(user_id: UUID | None, known: Known) -> Iterator[UUID]:
    """Those above a user, those who were locked out left aside."""
    return (id for id in above(user_id, known) if known.get(User, id).is_active)
