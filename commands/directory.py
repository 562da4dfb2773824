"""The directory: which dictionary entries and records a command may name."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from aggregates.base import Aggregate, Reservation
from aggregates.dictionary_entry import DictionaryEntry
from aggregates.errors import FieldError, Invalid, NotFound
from aggregates.values import Code, CodeEntry, Ref, Referred
from commands.base import Command, Marked
from commands.ports import Keys, Lookups, NeedsIO
from commands.repository import Repository
from commands.requests import IMPORT, Caller

RETIRED = "reference-retired"


class Directory:
    """Checks what commands refer to, against the log. Thread-safe."""

    def __init__(self, log: Lookups, keys: Keys, repository: Repository) -> None:
        self._log, self._keys, self._repository = log, keys, repository
        self._ids: dict[tuple[str, str], UUID] = {}
        self._used: set[UUID] = set()

    def resolve(
        self, command: Command[Any], caller: Caller, *, offline: bool, fresh: bool
    ) -> set[Reservation]:
        """Fill ``command.resolved`` and ``referred``; raise Invalid naming every wrong field.

        Returns the reservations by which entries that are used for the first time are kept from
        deletion: they must be stored with the command's events.
        """
        look = _Look(self, caller, self._max_age(fresh), offline)
        for marked in type(command).marked():
            for value in _values(getattr(command, marked.name)):
                look.check(marked, value)
        if look.errors:
            raise Invalid(*look.errors)
        object.__setattr__(command, "resolved", look.resolved)
        object.__setattr__(command, "referred", look.referred)
        return look.first_uses

    def refer(self, ref: Ref, id: UUID, max_age: float, offline: bool) -> Aggregate | None:
        """The record that a reference names; None where there is none of its kinds."""
        for name in ref.kinds:
            kind = Aggregate.registry.get(name)
            try:
                if kind is not None:
                    return self._repository.look(kind, id, max_age=max_age, offline=offline)
            except NotFound:
                continue
        return None

    def entry(
        self, dictionary: str, code: str, max_age: float, offline: bool
    ) -> DictionaryEntry | None:
        """The dictionary's entry of this code, retired ones included."""
        id = self._ids.get((dictionary, code))
        if id is None:
            if offline:
                raise NeedsIO
            id = self.holder(f"code/{dictionary}", code)
        if id is None:
            return None
        self._ids[dictionary, code] = id
        entry = self._repository.look(DictionaryEntry, id, max_age=max_age, offline=offline)
        if entry.is_deleted:
            self._ids.pop((dictionary, code), None)
            return None
        return entry

    def is_retired(self, dictionary: str, code: str, *, offline: bool, fresh: bool) -> bool:
        """Whether the dictionary's entry of this code is retired, or is there no more."""
        entry = self.entry(dictionary, code, self._max_age(fresh), offline)
        return entry is None or entry.is_retired

    def _max_age(self, fresh: bool) -> float:
        return 0.0 if fresh else self._repository.reference_seconds

    def is_used(self, entry: DictionaryEntry, offline: bool) -> bool:
        """Whether some record has named the entry before."""
        if entry.id in self._used:
            return True
        if offline:
            raise NeedsIO
        use = entry.use()
        if self.holder(use.scope, use.value) in (None, entry.id):  # itself: deleted meanwhile
            return False
        self._used.add(entry.id)
        return True

    def marked(self, key: bytes, *, offline: bool) -> tuple[UUID, ...]:
        """Streams that carry a mark."""
        if offline:
            raise NeedsIO
        return self._log.marked([key]).get(key, ())

    def holder(self, scope: str, value: str) -> UUID | None:
        """The stream that holds a reserved value."""
        key = self._keys.lookup(scope, value)
        return self._log.holders([key]).get(key)


class _Look:
    """One command's references and codes, looked up one by one."""

    def __init__(self, directory: Directory, caller: Caller, max_age: float, offline: bool) -> None:
        self._directory, self._is_import = directory, caller.origin == IMPORT
        self._max_age, self._offline = max_age, offline
        self.resolved: dict[str, CodeEntry] = {}
        self.referred: dict[str, Referred] = {}
        self.first_uses: set[Reservation] = set()
        self.errors: list[FieldError] = []

    def check(self, marked: Marked, value: Any) -> None:
        if isinstance(marked.marker, Ref):
            self._check_reference(marked.name, marked.marker, value)
        else:
            self._check_code(marked.name, marked.marker, value)

    def _check_reference(self, name: str, ref: Ref, id: UUID) -> None:
        record = self._directory.refer(ref, id, self._max_age, self._offline)
        wrong = "reference-unknown" if record is None else record.out_of_use()
        if wrong == RETIRED and self._is_import:  # It names who was there then.
            wrong = None
        if record is None or wrong is not None:
            self.errors.append(FieldError(name, wrong or "", id=str(id)))
        else:
            self.referred[name] = Referred(record.KIND, id, record.root_customer_id)

    def _check_code(self, name: str, marker: Code, code: str) -> None:
        entry = self._directory.entry(marker.dictionary, code, self._max_age, self._offline)
        wrong = self._wrong_with(entry)
        if wrong is not None:
            said = {"code": code, "dictionary": marker.dictionary}
            self.errors.append(FieldError(name, wrong, **said))
        elif entry is not None:
            self.resolved[name] = CodeEntry(
                code=entry.code, pipeline=entry.pipeline, type=entry.type
            )
            if not self._directory.is_used(entry, self._offline):
                self.first_uses.add(entry.use())

    def _wrong_with(self, entry: DictionaryEntry | None) -> str | None:
        if entry is None:
            return "code-unknown"
        if entry.is_retired:
            return "code-retired"
        if entry.import_only and not self._is_import:
            return "code-import-only"
        return None


def _values(value: Any) -> Iterator[Any]:
    """The single values of a field: none, one, or those of a tuple."""
    if isinstance(value, tuple):
        yield from value
    elif value is not None:
        yield value
