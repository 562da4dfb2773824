"""What may be asked of dictionary entries."""

from aggregates.dictionary_entry import DictionaryEntry, DictionaryEntryDetails
from aggregates.values import Count, Text, left_out
from commands.base import Changes, Creates


class AddDictionaryEntry(DictionaryEntryDetails, Creates[DictionaryEntry]):
    """Add a code to a dictionary."""

    def handle(self, entry: DictionaryEntry, /) -> None:
        entry.add(**self.given())


class RenameDictionaryEntry(Changes[DictionaryEntry]):
    """Change an entry's names."""

    zh: Text = left_out()
    en: Text = left_out()

    def handle(self, entry: DictionaryEntry, /) -> None:
        entry.rename(**self.given())


class ReorderDictionaryEntry(Changes[DictionaryEntry]):
    """Change where an entry stands among the others."""

    order: Count

    def handle(self, entry: DictionaryEntry, /) -> None:
        entry.reorder(self.order)


class RetireDictionaryEntry(Changes[DictionaryEntry]):
    """Let no record take this entry any more; records that have it keep it."""

    def handle(self, entry: DictionaryEntry, /) -> None:
        entry.retire()


class DeleteDictionaryEntry(Changes[DictionaryEntry]):
    """Remove an entry that no record has ever used."""

    def handle(self, entry: DictionaryEntry, /) -> None:
        entry.delete()
