"""Workbooks that are traps: small files which would not fit into memory once they are unpacked."""

from pathlib import Path
from zipfile import ZipFile, ZipInfo

from adapters.importing.sources import UnreadableFile
from adapters.remarks import Remark

LARGEST = {"xl/sharedStrings.xml": 1 << 30, "xl/styles.xml": 1 << 28}
"""Bytes, unpacked, of what is kept in memory whole: more is no workbook but a trap."""
_WHOLE = ("[Content_Types].xml", "_rels/", "docProps/", "xl/_rels/", "xl/theme/", "xl/workbook.xml")
_LARGEST_OTHER = 1 << 26
_SHEETS = "xl/worksheets/"
_STEP = 1 << 20
LONGEST_TEXT, LONGEST_ROW = 4, 64
"""Steps of a mebibyte: a cell has 32,767 characters at most, and a row 16,384 cells."""
MANIFOLD, LARGE = 300, 1 << 30
"""From this size on, a sheet that is so many times smaller when packed is no sheet."""


def require_no_trap(path: Path, archive: ZipFile) -> None:
    """Raises UnreadableFile."""
    for part in archive.infolist():
        most = LARGEST.get(part.filename)
        if most is None and part.filename.startswith(_WHOLE):
            most = _LARGEST_OTHER
        if most is not None and part.file_size > most:
            raise UnreadableFile("file.too-many-texts", path=str(path))
        if part.filename.startswith(_SHEETS) or part.filename in LARGEST:
            _require_rows(path, archive, part)


def _require_rows(path: Path, archive: ZipFile, part: ZipInfo) -> None:
    """No text and no row of the part is longer than any can be."""
    is_sheet = part.filename.startswith(_SHEETS)
    is_too_good = part.file_size > LARGE and part.file_size > MANIFOLD * part.compress_size
    text = row = 0
    with archive.open(part) as unpacked:
        while not is_too_good and (step := unpacked.read(_STEP)):
            text = 0 if b"<" in step else text + 1
            row = 0 if b"row" in step else row + 1
            is_too_good = text > LONGEST_TEXT or (is_sheet and row > LONGEST_ROW)
    if is_too_good:
        said = Remark("file.endless", part=part.filename)
        raise UnreadableFile("file.unsound", path=str(path), said=said)
