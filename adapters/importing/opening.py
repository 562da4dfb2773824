"""Opening a file for an import: what it is, its first bytes say, not its name."""

from pathlib import Path

from adapters.importing.cards import CardFile
from adapters.importing.encodings import Encoding, encoding_of
from adapters.importing.reading import CsvFile
from adapters.importing.sources import Choices, Source, UnreadableFile
from adapters.importing.workbooks import MARK, Workbook

_OTHERS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook of the old form (.xls) or with a password"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
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
                raise UnreadableFile(f"{path} is {name}; save it as .xlsx or as CSV")
        encoding = encoding_of(path, choices.encoding)
        if _holds_cards(path, encoding):
            return CardFile(path, encoding, choices.delimiter)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from error
    return CsvFile(path, choices.delimiter, encoding)


def _holds_cards(path: Path, encoding: Encoding) -> bool:
    with path.open(encoding=encoding.codec) as file:
        return file.read(1000).lstrip().upper().startswith("BEGIN:VCARD")
