"""Reading a sheet of a workbook (XLSX): its cells as the texts that a person would have typed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

from openpyxl import load_workbook
from openpyxl.styles.numbers import is_datetime
from openpyxl.utils.escape import unescape

from adapters.importing.dialects import DEFAULT
from adapters.importing.sources import (
    Form,
    Line,
    NoSheet,
    UnreadableFile,
    require_header,
    width_problem,
)
from adapters.importing.traps import require_no_trap
from adapters.remarks import Remark, of_system

MARK = b"PK\x03\x04"


class Workbook:
    """One sheet of a workbook; its first row with anything in it is the header. It is read row by
    row; what the file keeps of texts in common is in memory, whole."""

    def __init__(self, path: Path, sheet: str | None = None, delimiter: str | None = None) -> None:
        """``sheet``: the first, unless named. Raises UnreadableFile."""
        self.path, self.delimiter = path, delimiter or DEFAULT
        self._last_row: int | None = None
        _require_workbook(path)
        with self._opened() as book:
            self.sheets = tuple(one.title for one in book.worksheets)
        if not self.sheets:
            raise UnreadableFile("file.no-sheets", path=str(path))
        if sheet is not None and sheet not in self.sheets:
            raise NoSheet("file.no-sheet", path=str(path), sheet=sheet, known=self.sheets)
        self.sheet = sheet or self.sheets[0]
        first = next(self._rows(), None)
        if first is None:
            raise UnreadableFile("file.empty-sheet", path=str(path), sheet=self.sheet)
        self._header_row, self._row = first.number, 0
        self.header = require_header(path, first.cells)

    def __iter__(self) -> Iterator[Line]:
        for line in self._rows():
            self._row = line.number
            if line.number != self._header_row:
                yield self._fitted(line)

    @property
    def form(self) -> Form:
        return Form("workbook", sheet=self.sheet, sheets=self.sheets)

    @property
    def share(self) -> float | None:
        """As far as what the sheet says of its size can be."""
        if self._last_row is None or self._row > self._last_row:
            return None
        return self._row / self._last_row

    def _fitted(self, line: Line) -> Line:
        """With as many cells as the header: a sheet does not say where its rows end."""
        missing = len(self.header) - len(line.cells)
        cells = line.cells + [""] * missing
        problem = width_problem(len(cells), len(self.header)) if missing < 0 else line.problem
        return Line(line.number, cells, problem)

    def _rows(self) -> Iterator[Line]:
        """Rows with anything in them, without what is empty at their ends."""
        with self._opened() as book:
            sheet = book[self.sheet]
            self._last_row = sheet.max_row
            sheet.reset_dimensions()  # What a file says of its size is not always so.
            for number, row in enumerate(sheet.iter_rows(), start=1):
                cells = [typed(cell) for cell in row]
                while cells and not cells[-1]:
                    cells.pop()
                if cells:
                    yield Line(number, cells, _wrong(row))

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            with self.path.open("rb") as file:  # Of a path, the library believes the ending.
                book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
                try:
                    yield book
                finally:
                    book.close()
        except (UnreadableFile, GeneratorExit):
            raise
        except OSError as error:
            said = of_system(error)
            raise UnreadableFile("file.unreadable", path=str(self.path), said=said) from error
        except Exception as error:  # The library raises whatever the broken part led to.
            said = str(error)
            raise UnreadableFile("file.unsound", path=str(self.path), said=said) from error


def _require_workbook(path: Path) -> None:
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" not in names or not any(n.startswith("xl/") for n in names):
                raise UnreadableFile("file.archive", path=str(path))
            require_no_trap(path, archive)
    except (BadZipFile, OSError, EOFError, ZlibError, RuntimeError, NotImplementedError) as error:
        raise UnreadableFile("file.unsound", path=str(path), said=str(error)) from error


def _wrong(row: Iterable[Any]) -> Remark | None:
    """What keeps cells from being a row: a formula that came to nothing."""
    wrong = next((cell for cell in row if cell.data_type == "e"), None)
    if wrong is None:
        return None
    return Remark("lines.formula", error=str(wrong.value), cell=wrong.coordinate)


def typed(cell: Any) -> str:
    """A cell's value as a person would have typed it; days in ISO 8601."""
    value = cell.value
    match value:
        case None:
            return ""
        case str():
            return str(unescape(value))
        case bool():
            return str(value).upper()
        case int() | float():
            return _number(value, cell.number_format)
        case datetime():
            return _moment(value, cell.number_format)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return _duration(value)
        case _:
            return str(value)


def _number(value: int | float, format: str) -> str:
    """Fifteen digits, as the program shows; zeros in front where the format asks for them."""
    if isinstance(value, float):
        text = f"{Decimal(f'{value:.15g}'):f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = str(value)
    is_padded = set(format) == {"0"} and text.isdigit()
    return text.zfill(len(format)) if is_padded else text


def _moment(value: datetime, format: str) -> str:
    rounded = (value + timedelta(microseconds=500_000)).replace(microsecond=0)
    return rounded.date().isoformat() if is_datetime(format) == "date" else rounded.isoformat()


def _duration(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600:02}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
