"""Dictionary entry: one code that fields may hold, with its names in Chinese and English."""

from collections.abc import Iterable
from typing import Any, Literal

from aggregates.base import Aggregate, Reservation
from aggregates.errors import FieldError, Invalid, Rejected
from aggregates.events import Created, Event
from aggregates.values import CodeText, Count, Percent, Text, Value

STAGE = "stage"
"""The dictionary whose entries are stages of a pipeline."""
StageType = Literal["open", "won", "lost"]


class DuplicateDictionaryCode(Rejected):
    """The dictionary has an entry of this code already."""


class DictionaryEntryInUse(Rejected):
    """Records use this entry: retire it instead."""


class DictionaryEntryRetired(Rejected):
    """The entry is retired or deleted."""


class DictionaryEntryDetails(Value):
    """What an entry says; the last four fields are for stages and for codes of imports."""

    dictionary: CodeText
    code: CodeText
    zh: Text
    en: Text
    order: Count = 0
    pipeline: CodeText | None = None
    type: StageType | None = None
    probability: Percent | None = None
    import_only: bool = False


class DictionaryEntry(Aggregate):
    dictionary: str
    code: str
    pipeline: str | None = None
    type: str | None = None
    import_only: bool = False
    is_retired: bool = False
    is_deleted: bool = False

    class Added(DictionaryEntryDetails, Created):
        pass

    class Renamed(Event):
        zh: Text | None = None
        en: Text | None = None

    class Reordered(Event):
        order: Count

    class Retired(Event):
        def apply(self, aggregate: "DictionaryEntry") -> None:
            aggregate.is_retired = True

    class Deleted(Event):
        def apply(self, aggregate: "DictionaryEntry") -> None:
            aggregate.is_deleted = True

    def add(self, dictionary: str, code: str, **details: Any) -> None:
        if dictionary == STAGE:
            self.require_stage(details)
        self.record(self.Added(dictionary=dictionary, code=code, **details))

    def require_stage(self, details: dict[str, Any]) -> None:
        """A stage says of which pipeline it is and what it means for the opportunity."""
        missing = [n for n in ("pipeline", "type") if details.get(n) is None]
        if missing:
            raise Invalid(*(FieldError(n, "required-for-a-stage") for n in missing))

    def rename(self, **names: str) -> None:
        self.require_current()
        self.record_changes(self.Renamed, **names)

    def reorder(self, order: int) -> None:
        self.require_current()
        self.record_changes(self.Reordered, order=order)

    def retire(self) -> None:
        """Keep it readable, but let no record take it any more."""
        self.require(not self.is_deleted, DictionaryEntryRetired)
        if not self.is_retired:
            self.record(self.Retired())

    def delete(self) -> None:
        """Remove an entry that no record has ever used; closing stages are always used."""
        self.require(self.type not in ("won", "lost"), DictionaryEntryInUse)
        if not self.is_deleted:
            self.record(self.Deleted())

    def require_current(self) -> None:
        self.require(not (self.is_retired or self.is_deleted), DictionaryEntryRetired)

    def reservations(self) -> Iterable[Reservation]:
        yield from super().reservations()
        if not self.is_deleted:
            yield Reservation(f"code/{self.dictionary}", self.code, DuplicateDictionaryCode)
        else:
            yield self.use()

    def use(self) -> Reservation:
        """Held by the first stream that names the entry, or by the entry itself once deleted."""
        return Reservation("code-in-use", str(self.id), DictionaryEntryInUse)
