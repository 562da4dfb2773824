"""Dictionary entries, as lists and pages show them."""

from aggregates.dictionary_entry import DictionaryEntry
from projections.base import Projection, Row


class DictionaryEntryRow(Row, table="dictionary_entries"):
    dictionary: str = ""
    code: str = ""
    zh: str = ""
    en: str = ""
    order: int = 0
    pipeline: str | None = None
    type: str | None = None
    probability: int | None = None
    import_only: bool = False
    retired: bool = False


dictionary_entries = Projection(DictionaryEntryRow, DictionaryEntry, revision=2)


@dictionary_entries.on(DictionaryEntry.Retired)
def retired(row: DictionaryEntryRow, event: DictionaryEntry.Retired) -> DictionaryEntryRow:
    return row.updated(retired=True)


@dictionary_entries.on(DictionaryEntry.Deleted)
def deleted(row: DictionaryEntryRow, event: DictionaryEntry.Deleted) -> None:
    return None
