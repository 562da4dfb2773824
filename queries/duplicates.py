"""Duplicates: who looks like what is about to be entered, and which records look the same."""

from collections.abc import Sequence
from datetime import date
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from projections.matching.keys import keys
from projections.matching.profiles import Profile, company, company_of
from projections.matching.scoring import Score, score
from queries.base import Answer, Query

T = TypeVar("T")

LEAST = 0.1
"""Below, a customer is no hint to who is about to enter another."""
MOST_SHARING = 2_000
"""Of a key that more have, no more are looked at."""
MOST_COMPARED = 200
"""Of those found by a key, the ones that share most keys are compared."""


class Reason(BaseModel):
    """What one field says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    """`name`, `phone`, `email`, `website`, `contact`, `address`, `postcode`, `began_on`."""
    level: str
    """`same`, `differs`, or what is between."""
    bits: float
    """How much that is for it, or below zero, against it."""


class SimilarCustomer(Answer):
    """A customer that looks like what is about to be entered."""

    id: UUID
    number: str | None
    name: str
    short_name: str | None
    owner_id: UUID | None
    is_archived: bool
    """Out of use; its name is still taken."""
    score: float
    """How likely it is the same, from 0 to 1."""
    reasons: list[Reason]


class Compared(Answer):
    """A customer with what it is compared by."""

    id: UUID
    number: str | None
    name: str
    short_name: str | None
    owner_id: UUID | None
    is_archived: bool
    phone: str | None
    website: str | None
    address: str | None
    postcode: str | None
    founded_on: date | None
    phones: list[str | None] | None
    emails: list[str | None] | None
    people: list[str | None] | None
    former_names: list[str] | None
    former_phones: list[str | None] | None


class SimilarCustomers(Query[list[SimilarCustomer]]):
    """Customers that look like what is about to be entered, best first, with reasons.

    An archived one is among them where its name is the same: it is still taken.
    """

    FOUND = Compared
    OF_TODAY = True
    DERIVED = {"keys": "text[]", "most_sharing": "bigint", "most": "bigint"}
    name: str | None = Field(default=None, max_length=300)
    """The name, full or short."""
    phone: str | None = Field(default=None, max_length=40)
    """The customer's number, or that of a contact, in any notation."""
    email: str | None = Field(default=None, max_length=254)
    """A contact's e-mail address."""
    limit: int = Field(default=10, ge=1, le=100)
    """At most so many."""

    sql = """
        WITH RECURSIVE found AS (
            (SELECT shared.id FROM unnest(:keys) AS wanted (key) CROSS JOIN LATERAL (
                SELECT k.id FROM {match_keys} k WHERE k.key = wanted.key ORDER BY k.id
                LIMIT :most_sharing) AS shared
            GROUP BY shared.id ORDER BY count(*) DESC, shared.id LIMIT :most)
            UNION SELECT c.id FROM {any.customers} c
            WHERE c.archived_at IS NOT NULL AND c.name = :name),
        family AS (
            SELECT found.id AS root, found.id FROM found
            UNION SELECT family.root, unnest(c.absorbed)
            FROM family JOIN {any.customers} c ON c.id = family.id)
        SELECT c.id, c.number, c.name, c.short_name, c.owner_id,
            c.archived_at IS NOT NULL AS is_archived,
            c.phone, c.website, c.address, c.postcode, c.founded_on,
            people.phones, people.emails, people.people, merged.former_names, merged.former_phones
        FROM found JOIN {any.customers} c
            ON c.id = found.id AND c.merged_into IS NULL AND c.withdrawn_at IS NULL
        LEFT JOIN LATERAL (
            SELECT array_agg(k.phone) AS phones, array_agg(k.email) AS emails,
                array_agg(k.name) AS people
            FROM family JOIN {contacts} k ON k.customer_id = family.id
            WHERE family.root = c.id) people ON true
        LEFT JOIN LATERAL (
            SELECT array_agg(m.name) AS former_names, array_agg(m.phone) AS former_phones
            FROM family JOIN {any.customers} m ON m.id = family.id
            WHERE family.root = c.id AND m.id <> c.id) merged ON true
    """

    @property
    def profile(self) -> Profile:
        return company(self.name, phones=[self.phone], emails=[self.email])

    @property
    def keys(self) -> list[str]:
        return sorted(f"c{key}" for key in keys(self.profile))

    @property
    def most_sharing(self) -> int:
        return MOST_SHARING

    @property
    def most(self) -> int:
        return MOST_COMPARED

    @classmethod
    def tables(cls) -> frozenset[str]:
        return frozenset({"customers", "contacts", "possible_duplicates"})

    def answered(self, found: list[Any]) -> list[Any]:
        asked = self.profile
        scored = [(score(asked, company_of(line.model_dump())), line) for line in found]
        best = sorted(scored, key=lambda one: (-one[0].bits, str(one[1].id)))
        return [_similar(s, line) for s, line in best if s.value >= LEAST][: self.limit]


def _similar(found: Score, line: Compared) -> SimilarCustomer:
    return SimilarCustomer(
        id=line.id,
        number=line.number,
        name=line.name,
        short_name=line.short_name,
        owner_id=line.owner_id,
        is_archived=line.is_archived,
        score=found.value,
        reasons=[Reason(field=r.field, level=r.level, bits=r.bits) for r in found.reasons],
    )


class Pair(Answer):
    """Two records that are more likely the same than not."""

    score: float
    """How likely they are the same, from 0 to 1."""
    bits: float
    """The same as the sum of what speaks for it and against it; pairs come in its order."""
    reasons: list[Reason]


class Pairs(Query[T], Generic[T]):
    """Pairs of records of one kind, best first."""

    OF_TODAY = True
    DERIVED = {"bits": "double precision", "one_id": "uuid", "other_id": "uuid"}
    KIND: ClassVar[str]
    TABLE: ClassVar[str]
    SHOWN: ClassVar[tuple[str, ...]]
    """Columns of a record that are shown of it."""
    OWNER: ClassVar[str]
    """The column that says of which customer it is."""
    customer_id: UUID | None = None
    """Only pairs of this customer, or with a contact of it."""
    limit: int = Field(default=50, ge=1, le=1_000)
    """At most so many."""
    cursor: str | None = None
    """`next` of the page before this one."""

    @classmethod
    def statement(cls) -> str:
        if not hasattr(cls, "KIND"):
            return ""
        one, other = (
            "jsonb_build_object(" + ", ".join(f"'{n}', {alias}.{n}" for n in cls.SHOWN) + ")"
            for alias in "ab"
        )
        return f"""
            SELECT p.score, p.bits, p.reasons, {one} AS one, {other} AS other
            FROM {{possible_duplicates}} p
            JOIN {{{cls.TABLE}}} a ON a.id = p.one_id JOIN {{{cls.TABLE}}} b ON b.id = p.other_id
            WHERE p.kind = '{cls.KIND}'
                AND (:customer_id IS NULL OR :customer_id IN (a.{cls.OWNER}, b.{cls.OWNER}))
                AND (:bits IS NULL OR p.bits < :bits
                    OR p.bits = :bits AND (p.one_id, p.other_id) > (:one_id, :other_id))
            ORDER BY p.bits DESC, p.one_id, p.other_id LIMIT :limit + 1
        """

    @classmethod
    def place(cls, line: Any) -> str:
        return f"{line.bits!r} {line.one.id} {line.other.id}"

    @property
    def bits(self) -> str | None:
        return self._behind[0]

    @property
    def one_id(self) -> str | None:
        return self._behind[1]

    @property
    def other_id(self) -> str | None:
        return self._behind[2]

    @property
    def _behind(self) -> Sequence[str | None]:
        return self.cursor.split(" ") if self.cursor else (None, None, None)


class CustomerOfPair(BaseModel):
    """One customer of a pair."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    number: str | None
    name: str
    owner_id: UUID | None


class PossibleDuplicate(Pair):
    """Two customers that are more likely the same than not."""

    one: CustomerOfPair
    other: CustomerOfPair


class PossibleDuplicates(Pairs[list[PossibleDuplicate]]):
    """Pairs of customers that look the same, best first, with reasons."""

    KIND, TABLE, OWNER = "customer", "customers", "id"
    SHOWN = ("id", "number", "name", "owner_id")


class ContactOfPair(BaseModel):
    """One contact of a pair."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    name: str | None
    customer_id: UUID | None


class PossibleDuplicateContact(Pair):
    """Two contacts that are more likely one person than not."""

    one: ContactOfPair
    other: ContactOfPair


class PossibleDuplicateContacts(Pairs[list[PossibleDuplicateContact]]):
    """Pairs of contacts that look like one person, best first, with reasons."""

    KIND, TABLE, OWNER = "contact", "contacts", "customer_id"
    SHOWN = ("id", "name", "customer_id")
