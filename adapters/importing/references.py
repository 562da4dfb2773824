"""References: records that a row names by name, login, phone, id or the id of another system."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from adapters.importing.calling import called
from adapters.importing.mapping import BadMapping, Rule
from adapters.importing.marked import NO_NUMBERS, SHARED, Lookup, Marked
from adapters.remarks import Either, Remark
from aggregates.base import Aggregate
from aggregates.company_names import canonical
from commands.application import Application
from commands.ports import EventLog

BY: dict[tuple[str, str], tuple[str, Callable[[str], str]]] = {
    ("Customer", "name"): ("customer-name", canonical),
    ("User", "login"): ("login", str),
}
"""Kind and way of naming → the scope of its reservations, and the reserved form of a text."""
SCOPES = frozenset(scope for scope, _ in SHARED.values())
"""Of what several records may be called."""
MOST_NAMED = 5
"""Of those that it may be."""


class Reference(NamedTuple):
    """A record, as a row names it."""

    kind: str
    scope: str
    value: str
    """The text in its reserved form."""
    text: str
    others: tuple["Reference", ...] = ()
    """What else it may be, in turn, where the field takes records of several kinds."""

    is_optional: bool = False
    """Whether what names it goes without, where it is not found."""

    @property
    def is_shared(self) -> bool:
        """Whether several may be called so."""
        return self.scope in SCOPES

    @property
    def missing(self) -> Remark:
        """That there is none."""
        kinds = Either(Remark("rows.kind", kind=one.kind) for one in (self, *self.others))
        return Remark("rows.no-record", kinds=kinds, text=self.text)


def referring(
    kinds: Sequence[str], rule: Rule, system: str | None
) -> Callable[[str], Reference] | None:
    """How texts name records of these kinds under a rule; None where they are ids.

    Raises BadMapping.
    """
    by = rule.by or ("external" if rule.system else "id")
    if by == "id":
        return None
    known = [kind for kind in kinds if kind in Aggregate.registry]
    first, *others = [_referring(kind, by, rule, system) for kind in known]
    is_optional = rule.missing == "note"

    def refer(text: str) -> Reference:
        found_else = tuple(other(text) for other in others)
        return first(text)._replace(others=found_else, is_optional=is_optional)

    return refer


def _referring(kind: str, by: str, rule: Rule, system: str | None) -> Callable[[str], Reference]:
    if by == "external":
        of = rule.system or system
        if of is None:
            raise BadMapping("mapping.needs-system")
        return lambda text: external(kind, of, text)
    known = BY | SHARED
    if (kind, by) not in known:
        ways = [way for k, way in known if k == kind]
        raise BadMapping("mapping.found-by", kind=kind, ways=(*ways, "external", "id"))
    scope, form = known[kind, by]
    return lambda text: Reference(kind, scope, form(text), text)


MADE = "made"


def made(name: str, kind: str) -> Reference:
    """The record that a part of the same row enters; where that part is not for the row, none."""
    return Reference(kind, MADE, name, name, is_optional=True)


def reserved(kind: str, fields: Mapping[str, Any]) -> Reference | None:
    """What nobody else may be called: by it a record is known that no external id names."""
    for (of, by), (scope, form) in BY.items():
        if of == kind and isinstance(text := fields.get(by), str):
            return Reference(kind, scope, form(text), text)
    return None


def external(kind: str, system: str, id: str) -> Reference:
    """The record that another system calls so."""
    return Reference(kind, f"external/{Aggregate.registry[kind].PLURAL}/{system}", id, id)


class Finds(Protocol):
    """Finds the record that a reference names."""

    def get(self, reference: Reference) -> UUID | None: ...
    def why_not(self, reference: Reference) -> Remark:
        """Why it is not found."""
        ...


class References:
    """Finds the records that rows refer to, many at once; those found are remembered."""

    def __init__(self, log: EventLog, keys: Lookup, application: Application) -> None:
        self._log, self._keys = log, keys
        self._marked, self._repository = Marked(log, keys, application), application.repository
        self._found: dict[tuple[str, str], UUID] = {}
        self._several: dict[tuple[str, str], tuple[UUID, ...]] = {}

    def find(self, references: Iterable[Reference]) -> None:
        """Look up those that are not known, in one round trip."""
        named = (one for r in references for one in (r, *r.others))
        unknown = {(one.scope, one.value) for one in named} - self._found.keys()
        shared = {(scope, value) for scope, value in unknown if scope in SCOPES}
        keys = {self._keys.lookup(*named): named for named in unknown - shared}
        if keys:
            holders = self._log.holders(list(keys))
            self._found |= {keys[key]: holder for key, holder in holders.items()}
        if shared:
            several = self._marked.find(shared)
            self._several |= several
            # Those that a reason will name; of what is found, nothing need be known here.
            doubtful = (ids[:MOST_NAMED] for ids in several.values() if len(ids) > 1)
            self._repository.load(chain.from_iterable(doubtful))
            self._found |= {named: ids[0] for named, ids in several.items() if len(ids) == 1}

    def forget_shared(self) -> None:
        """Look up anew what several may be called, for more may be there by now."""
        self._found = {named: id for named, id in self._found.items() if named[0] not in SCOPES}
        self._several = {}

    def get(self, reference: Reference) -> UUID | None:
        """The record, as far as ``find`` has found it."""
        id = self._found.get((reference.scope, reference.value))
        for other in reference.others:
            id = id or self._found.get((other.scope, other.value))
        return id

    def ids(self, references: Iterable[Reference]) -> set[UUID]:
        """The records that were found."""
        return {id for reference in references if (id := self.get(reference)) is not None}

    def why_not(self, reference: Reference) -> Remark:
        """That there is no such record, or that it may be one or another."""
        ids = self._several.get((reference.scope, reference.value), ())
        if (reference.scope, reference.value) in NO_NUMBERS:
            return Remark("cells.no-phone", text=reference.text)
        if not ids:
            return reference.missing
        more = len(ids) - MOST_NAMED
        which = tuple(self._called(reference.kind, id) for id in ids[:MOST_NAMED])
        return Remark(
            "rows.which",
            kind=reference.kind,
            text=reference.text,
            which=which,
            more=f"{more:,}" if more > 0 else None,
        )

    def _called(self, kind: str, id: UUID) -> str:
        """Of any age: it was looked up with the others of its number."""
        return called(self._repository.get(Aggregate.registry[kind], id))


class RowReferences:
    """What a row refers to, among it what its own parts have made."""

    def __init__(self, found: References, made: Mapping[str, UUID]) -> None:
        self._found, self._made = found, made

    def get(self, reference: Reference) -> UUID | None:
        if reference.scope == MADE:
            return self._made.get(reference.value)
        return self._found.get(reference)

    def why_not(self, reference: Reference) -> Remark:
        return self._found.why_not(reference)
