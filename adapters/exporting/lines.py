"""CSV (RFC 4180): UTF-8 with a byte order mark, by which spreadsheets know the encoding."""

import codecs
import csv
import io
from collections.abc import Sequence
from typing import IO, Any

from adapters.exporting.columns import cell, written
from adapters.exporting.formulas import neutral


class CsvWriter:
    """Writes rows as lines into a binary file."""

    IS_READABLE = True
    """What was written can be sent before the end is."""

    def __init__(self, file: IO[bytes], header: Sequence[str]) -> None:
        self._file = file
        file.write(codecs.BOM_UTF8)
        self.write([header])

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([_text(value) for value in row] for row in rows)
        self._file.write(text.getvalue().encode())

    def close(self) -> None:
        """Nothing is left to write."""

    def discard(self) -> None:
        """Nothing is left to tidy up."""


def _text(value: Any) -> str:
    if value is None:
        return ""
    shown = cell(value)
    text = written(shown)
    return neutral(text) if isinstance(shown, str) else text
