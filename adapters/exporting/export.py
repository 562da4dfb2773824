"""An export from the question to the file: reads the list, fills the cells, writes them."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import tzinfo
from typing import IO, Any, Literal, Protocol

from adapters.exporting.columns import ExportColumn, export_columns, open_fields
from adapters.exporting.lines import CsvWriter
from adapters.exporting.sheets import SheetWriter
from adapters.exporting.spoken import Spoken
from adapters.postgres.reads.asof import Moment
from adapters.postgres.reads.filters import Selection
from adapters.postgres.reads.reader import RowReader
from adapters.postgres.reads.scope import Scope
from adapters.postgres.reads.streaming import ListReader
from adapters.records import Records
from adapters.texts import Texts
from projections.base import Projection

Format = Literal["csv", "xlsx"]
MOST_KEYS = 1_000
"""Custom fields that get a column each; of more, there is one column of JSON."""


class Unwanted(Exception):
    """Whoever asked for it has gone."""


class Sink(Protocol):
    """Where an export goes."""

    file: IO[bytes]

    @property
    def is_wanted(self) -> bool: ...

    def when_unwanted(self, stop: Callable[[], None]) -> None:
        """What to call, from another thread, once nobody wants the export any more."""
        ...

    def advance(self, *, readable: bool) -> None:
        """The list could be read so far; where ``readable``, what was written may be sent."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported, for whom, and how."""

    projection: Projection[Any]
    scope: Scope
    moment: Moment
    selection: Selection
    format: Format
    title: str
    """Of a workbook's sheets."""
    language: str | None = None
    """In which labels and names are said; None: columns and codes as programs know them."""


class Exporter:
    """Writes exports. Thread-safe; each blocks its thread."""

    def __init__(
        self, url: str, zone: tzinfo, texts: Texts, reader: RowReader, records: Records
    ) -> None:
        self._url, self._zone, self._texts = url, zone, texts
        self._reader, self._records = reader, records

    def write(self, wanted: Wanted, sink: Sink) -> None:
        """Write the whole export. Raises Unwanted, or whatever the database raises."""
        with _folder(wanted.format) as folder:
            listing = (wanted.projection.row, wanted.scope, wanted.moment, wanted.selection)
            with ListReader(self._url, *listing) as reader:
                sink.when_unwanted(reader.cancel)
                columns, spoken = self._columns(wanted, reader), self._spoken(wanted)
                header = spoken.header(columns) if spoken else [c.name for c in columns]
                writer = _writer(wanted, sink, header, folder)
                try:
                    _copy(reader, columns, spoken, writer, sink)
                except BaseException:
                    writer.discard()
                    raise
            writer.close()
            sink.advance(readable=True)

    def _columns(self, wanted: Wanted, reader: ListReader) -> list[ExportColumn]:
        row = wanted.projection.row
        keys = {field: reader.keys(field, MOST_KEYS + 1) for field in open_fields(row)}
        few = {field: found for field, found in keys.items() if len(found) <= MOST_KEYS}
        return export_columns(row, few, self._zone)

    def _spoken(self, wanted: Wanted) -> Spoken | None:
        if wanted.language is None:
            return None
        asking = (self._texts, self._reader, self._records, wanted.scope)
        return Spoken(wanted.projection, wanted.language, *asking)


def _folder(format: Format) -> AbstractContextManager[str]:
    """A folder for what a workbook's rows are kept in until it is complete."""
    if format == "csv":
        return nullcontext("")
    return tempfile.TemporaryDirectory(prefix="backstory-export-")


def _writer(
    wanted: Wanted, sink: Sink, header: Sequence[str], folder: str
) -> CsvWriter | SheetWriter:
    if wanted.format == "csv":
        return CsvWriter(sink.file, header)
    return SheetWriter(sink.file, header, wanted.title, folder)


def _copy(
    reader: ListReader,
    columns: Sequence[ExportColumn],
    spoken: Spoken | None,
    writer: CsvWriter | SheetWriter,
    sink: Sink,
) -> None:
    """Every row of the list into the file."""
    for batch in reader.batches():
        if not sink.is_wanted:
            raise Unwanted
        rows = [[column.take(values) for column in columns] for values in batch]
        writer.write(spoken.said(columns, rows) if spoken else rows)
        sink.advance(readable=writer.IS_READABLE)
