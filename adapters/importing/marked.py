"""Marked: records that are found by what several may have, such as a name or a phone."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Protocol, TypeVar
from uuid import UUID

from aggregates.callers import CONTACT_PHONE, CUSTOMER_PHONE
from aggregates.contact import Contact
from aggregates.customer import Customer
from aggregates.phones import main_number
from aggregates.user import USER_NAME, spelling
from commands.application import Application
from commands.ports import EventLog

A = TypeVar("A", Contact, Customer)
Named = tuple[str, str]
"""Scope and form of a text."""
_NONE = ""
"""Form of a text that is no phone number."""
NO_NUMBERS = frozenset({(CONTACT_PHONE, _NONE), (CUSTOMER_PHONE, _NONE)})
"""What nobody has."""


def _number(text: str) -> str:
    return main_number(text) or _NONE


SHARED: dict[tuple[str, str], tuple[str, Callable[[str], str]]] = {
    ("User", "name"): (USER_NAME, spelling),
    ("Contact", "phone"): (CONTACT_PHONE, _number),
    ("Customer", "phone"): (CUSTOMER_PHONE, _number),
}
"""Kind and way of naming → the scope of its marks, and the marked form of a text."""
_ALSO = {CUSTOMER_PHONE: CONTACT_PHONE}
"""A customer is called where its people are, too."""


class Lookup(Protocol):
    """Keyed hashes of reserved and marked values."""

    def lookup(self, scope: str, value: str) -> bytes: ...


class Marked:
    """Finds everybody who is called so, many at once."""

    def __init__(self, log: EventLog, keys: Lookup, application: Application) -> None:
        self._log, self._keys, self._application = log, keys, application
        self._repository = application.repository

    def find(self, named: Iterable[Named]) -> Mapping[Named, tuple[UUID, ...]]:
        """Those of each name, in the order of their ids; of none, too."""
        asked = set(named)
        also = {(_ALSO[scope], value) for scope, value in asked if scope in _ALSO}
        keys = {self._keys.lookup(*one): one for one in asked | also}
        marked: dict[Named, tuple[UUID, ...]] = defaultdict(tuple)
        marked |= {keys[key]: ids for key, ids in self._log.marked(list(keys)).items()}
        return {one: marked[one] for one in asked} | self._customers(asked, marked)

    def _customers(
        self, asked: Iterable[Named], marked: Mapping[Named, tuple[UUID, ...]]
    ) -> dict[Named, tuple[UUID, ...]]:
        """Of each number, the customers that it leads to today."""
        numbers = [value for scope, value in asked if scope == CUSTOMER_PHONE]
        people = {number: marked[CONTACT_PHONE, number] for number in numbers}
        self._repository.load(chain.from_iterable(people.values()))
        found = {
            number: {*marked[CUSTOMER_PHONE, number], *self._of_people(people[number])}
            for number in numbers
        }
        self._repository.load(chain.from_iterable(found.values()))
        return {
            (CUSTOMER_PHONE, number): tuple(sorted(set(self._standing(ids))))
            for number, ids in found.items()
        }

    def _of_people(self, contact_ids: Iterable[UUID]) -> Iterator[UUID]:
        people = (self._get(Contact, id) for id in contact_ids)
        return (one.customer_id for one in people if one.customer_id is not None)

    def _standing(self, customer_ids: Iterable[UUID]) -> Iterator[UUID]:
        """Who goes on for these customers; of those that were withdrawn, nobody."""
        for id in customer_ids:
            survivor = self._application.preparation.survivor(Customer, id)
            if not self._get(Customer, survivor).is_withdrawn:
                yield survivor

    def _get(self, kind: type[A], id: UUID) -> A:
        return self._repository.get(kind, id, max_age=self._repository.reference_seconds)
