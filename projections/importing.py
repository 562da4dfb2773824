"""Imports, as lists and pages show them."""

from datetime import datetime
from enum import StrEnum

from aggregates.importing import Import, Kept
from projections.base import Projection, Row


class ImportStatus(StrEnum):
    RUNNING = "running"
    """Begun and not finished: on its way, or cut off; beginning it again goes on with it."""
    FINISHED = "finished"
    REVERTING = "reverting"
    REVERTED = "reverted"


class ImportRow(Row, table="imports"):
    status: ImportStatus = ImportStatus.RUNNING
    file_name: str = ""
    imported: str = ""
    """What the rows are: ``customers``."""
    digest: str = ""
    mapping_digest: str = ""
    rows_read: int | None = None
    rows_created: int | None = None
    rows_updated: int | None = None
    rows_skipped: int | None = None
    rows_refused: int | None = None
    finished_at: datetime | None = None
    reverted_at: datetime | None = None
    withdrawn: int | None = None
    taken_back: int | None = None
    kept: int | None = None
    kept_records: tuple[Kept, ...] = ()


imports = Projection(ImportRow, Import, revision=2)


@imports.on(Import.Finished)
def finished(row: ImportRow, event: Import.Finished) -> ImportRow:
    at = event.envelope.occurred_at
    if row.status != ImportStatus.RUNNING:
        return row.updated(finished_at=at)
    return row.updated(status=ImportStatus.FINISHED, finished_at=at)


@imports.on(Import.RevertBegun)
def revert_begun(row: ImportRow, event: Import.RevertBegun) -> ImportRow:
    return row.updated(status=ImportStatus.REVERTING)


@imports.on(Import.Reverted)
def reverted(row: ImportRow, event: Import.Reverted) -> ImportRow:
    return row.updated(status=ImportStatus.REVERTED, reverted_at=event.envelope.occurred_at)
