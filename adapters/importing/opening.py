"""Opening a file for an import: what it is, its first bytes say, not its name."""

from pathlib import Path

from adapters.importing.cards import CardFile
from adapters.importing.encodings import Encoding, encoding_of
from adapters.importing.reading import CsvFile
from adapters.importing.sources import Choices, NoSheet, Source, UnreadableFile
from adapters.importing.workbooks import MARK, Workbook
from adapters.remarks import Remark, of_system

_OTHERS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old-workbook"),
    (b"%PDF", "pdf"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "seven-zip"),
    (b"Rar!", "rar"),
    (b"\x89PNG", "picture"),
    (b"\xff\xd8\xff", "picture"),
)


def source(path: Path, choices: Choices) -> Source:
    """The file, ready to be read. Raises UnreadableFile."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
        if head.startswith(MARK):
            return Workbook(path, choices.sheet, choices.delimiter)
        for mark, name in _OTHERS:
            if head.startswith(mark):
                form = Remark(f"file.{name}")
                raise UnreadableFile("file.other-form", path=str(path), form=form)
        if choices.sheet is not None:
            raise NoSheet("file.sheetless", path=str(path), sheet=choices.sheet)
        encoding = encoding_of(path, choices.encoding)
        if _holds_cards(path, encoding):
            return CardFile(path, encoding, choices.delimiter)
    except OSError as error:
        raise UnreadableFile("file.unreadable", path=str(path), said=of_system(error)) from error
    return CsvFile(path, choices.delimiter, encoding)


def _holds_cards(path: Path, encoding: Encoding) -> bool:
    with path.open(encoding=encoding.codec) as file:
        return file.read(1000).lstrip().upper().startswith("BEGIN:VCARD")
