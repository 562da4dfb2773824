"""Workbooks (XLSX): real numbers and dates in cells, as many sheets as the rows need."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import IO, Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from adapters.exporting.columns import cell, written
from adapters.exporting.formulas import is_formula

ROWS_PER_SHEET = 1_048_576
LONGEST_CELL = 32_767
"""UTF-16 units; a longer text is cut, and ends in an ellipsis."""
DIGITS = 15
"""Of a spreadsheet's numbers; longer ones are written as texts, lest digits become zeros."""
FIRST_YEAR = 1900
"""Spreadsheets know no date before it; such dates are texts."""
WIDTH = 18

_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What XML 1.0 cannot hold."""


class SheetWriter:
    """Writes rows into a workbook; row by row they go to files in ``folder``, not into memory."""

    IS_READABLE = False

    def __init__(
        self,
        file: IO[bytes],
        header: Sequence[str],
        title: str,
        folder: str,
        rows_per_sheet: int = ROWS_PER_SHEET,
    ) -> None:
        self._header, self._title, self._most = header, title, rows_per_sheet
        options = {"constant_memory": True, "tmpdir": folder, "use_zip64": True}
        self._book = Workbook(file, options)
        self._format = cache(self._new_format)
        self._sheets = 0
        self._begin_sheet()

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        for row in rows:
            if self._next == self._most:
                self._begin_sheet()
            for at, value in enumerate(row):
                if value is not None:
                    self._write_cell(at, cell(value))
            self._next += 1

    def close(self) -> None:
        """Write the workbook into the file."""
        self._end_sheet()
        self._book.close()

    def discard(self) -> None:
        """Leave it unwritten: nobody wants it any more."""
        self._book.fileclosed = True
        for sheet in self._book.worksheets():
            sheet.row_data_fh.close()

    def _begin_sheet(self) -> None:
        if self._sheets:
            self._end_sheet()
        self._sheets += 1
        number = "" if self._sheets == 1 else f" {self._sheets}"
        name = _FORBIDDEN.sub(" ", self._title).strip()[: 31 - len(number)] + number
        self._sheet: Worksheet = self._book.add_worksheet(name)
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, max(0, len(self._header) - 1), WIDTH)
        for at, label in enumerate(self._header):
            self._sheet.write_string(0, at, label, self._format(bold=True))
        self._next = 1

    def _end_sheet(self) -> None:
        self._sheet.autofilter(0, 0, self._next - 1, max(0, len(self._header) - 1))

    def _write_cell(self, at: int, value: Any) -> None:
        sheet, row = self._sheet, self._next
        match value:
            case bool():
                sheet.write_boolean(row, at, value)
            case datetime() if value.year >= FIRST_YEAR:
                shown = self._format(num_format="yyyy-mm-dd hh:mm:ss")
                sheet.write_datetime(row, at, value.replace(tzinfo=None), shown)
            case date() if not isinstance(value, datetime) and value.year >= FIRST_YEAR:
                sheet.write_datetime(row, at, value, self._format(num_format="yyyy-mm-dd"))
            case Decimal() if _fits(value):
                sheet.write_number(row, at, value, self._format(num_format=_decimals(value)))
            case int() | float() if _fits(value):
                sheet.write_number(row, at, value)
            case _:
                text = _storable(written(value))
                quoted = self._format(quote_prefix=True) if is_formula(text) else None
                sheet.write_string(row, at, text, quoted)

    def _new_format(self, **properties: Any) -> Format:
        return self._book.add_format(properties)


def _fits(number: int | float | Decimal) -> bool:
    """Whether a spreadsheet keeps every digit of the number."""
    return isinstance(number, float) or len(Decimal(number).normalize().as_tuple().digits) <= DIGITS


def _decimals(amount: Decimal) -> str:
    """The format that shows the amount with as many decimals as it has."""
    exponent = amount.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return "#,##0" + ("." + "0" * places if places else "")


def _storable(text: str) -> str:
    text = _ILLEGAL.sub("\ufffd", text)
    if len(text.encode("utf-16-le")) // 2 <= LONGEST_CELL:
        return text
    kept = text.encode("utf-16-le")[: (LONGEST_CELL - 1) * 2]
    return kept.decode("utf-16-le", errors="ignore") + "…"
