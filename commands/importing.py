"""What may be asked of imports, by those who run them and by those who want them undone."""

from aggregates.importing import Digest, Import, Listed, Rows
from aggregates.values import CodeText, Text
from commands.base import Changes, Creates


class BeginImport(Creates[Import]):
    """Enter that a file is being imported."""

    IMPORT_ONLY = True
    IS_REMOTE = False
    file_name: Text
    digest: Digest
    imported: CodeText
    mapping_digest: Digest

    def handle(self, run: Import, /) -> None:
        run.begin(**self.given())


class FinishImport(Changes[Import]):
    """Say what became of the rows of a file."""

    IMPORT_ONLY = True
    IS_REMOTE = False
    rows_read: Rows
    rows_created: Rows
    rows_updated: Rows
    rows_skipped: Rows
    rows_refused: Rows

    def handle(self, run: Import, /) -> None:
        run.finish(**self.given())


class RevertImport(Changes[Import]):
    """Take back what an import has created and changed."""

    NOW_ONLY = True

    def handle(self, run: Import, /) -> None:
        run.revert()


class FinishRevert(Changes[Import]):
    """Say what a revert has taken back, and what it left."""

    IMPORT_ONLY = True
    IS_REMOTE = False
    withdrawn: Rows
    taken_back: Rows
    kept: Rows
    kept_records: Listed = ()

    def handle(self, run: Import, /) -> None:
        counts = {"withdrawn": self.withdrawn, "taken_back": self.taken_back, "kept": self.kept}
        run.finish_revert(**counts, kept_records=self.kept_records)
