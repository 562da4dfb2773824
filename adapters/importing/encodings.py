"""In which encoding a text file is written: said by its mark, by the mapping, or found out.

What is found out is checked against every byte of the file before a row is read.
"""

import codecs
import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import chardet

from adapters.importing.joins import is_utf8, require_one
from adapters.importing.sources import UnreadableFile

BLOCK = 1 << 20
SAMPLED = 1 << 16
"""Bytes from which an encoding is found out, of lines that are not ASCII, wherever they are."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_ENDS = (b"\n", b"\r", b",", b";", b"\t", b"|", b'"')
_OF_PROGRAMS = ("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape")
"""What codecs call encodings in which nobody writes files."""
_ASCII = frozenset({*b"\t\n\r", *range(32, 127)})
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))
"""What makes the detector think of programs and pictures; part of no other character."""
_CODECS = {
    "GB18030": ("gb18030",),
    "Big5": ("cp950", "big5hkscs"),
    "CP932": ("cp932",),
    "Windows-1252": ("cp1252",),
}
"""What the detector answers, and what reads it; of several, the first that reads all of it."""
_NAMES = {
    "utf-8-sig": "UTF-8",
    "utf-16-le": "UTF-16, little-endian",
    "utf-16-be": "UTF-16, big-endian",
    "gb18030": "GB18030 (GBK)",
    "cp950": "Big5 (cp950)",
    "big5hkscs": "Big5 (Hong Kong)",
    "cp932": "Shift-JIS (cp932)",
    "cp1252": "Latin (cp1252)",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding, and who says so."""

    codec: str
    by: Literal["mark", "mapping", "content"]

    def __str__(self) -> str:
        return _NAMES.get(self.codec, self.codec.upper())


def encoding_of(path: Path, given: str | None) -> Encoding:
    """The file's encoding; a byte order mark outweighs what is given.

    Raises UnreadableFile where there is none, or the file has bytes that are not in it.
    """
    found = _said(path, given) or _looks_like_utf16(path)
    if found is None:
        return _found_out(path)
    _require(path, found)
    return found


def _said(path: Path, given: str | None) -> Encoding | None:
    with path.open("rb") as file:
        head = file.read(4)
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, "mark")
    if given is None:
        return None
    codec = codec_called(given)
    if codec in ("utf-16", "utf-32"):  # Without a mark somebody has to say which byte is first.
        found = _looks_like_utf16(path)
        codec = found.codec if codec == "utf-16" and found is not None else f"{codec}-le"
    return Encoding(codec, "mapping")


def codec_called(name: str) -> str:
    """The codec of an encoding that somebody named. Raises UnreadableFile."""
    try:
        info = codecs.lookup(name)
        is_text = isinstance(info.incrementaldecoder().decode(b""), str)
    except (LookupError, TypeError, UnicodeError):
        is_text = False
    if not is_text or info.name in _OF_PROGRAMS:
        raise UnreadableFile("file.no-encoding", text=name)
    # GBK and GB2312 are parts of GB18030, and what calls itself so often holds more than they do.
    return {"utf-8": "utf-8-sig", "gbk": "gb18030", "gb2312": "gb18030"}.get(info.name, info.name)


def _looks_like_utf16(path: Path) -> Encoding | None:
    """UTF-16 without a mark: nearly every end of a line or a cell has NUL for its other byte, but
    for bytes that are halves of other characters (上 ends like a line)."""
    with path.open("rb") as file:
        head = file.read(SAMPLED)
    if _has_plain_header(head):
        return None
    ends = sum(map(head.count, _ENDS))
    for codec in ("utf-16-le", "utf-16-be"):
        pairs = [(end + b"\0")[:: 1 if codec.endswith("le") else -1] for end in _ENDS]
        paired = sum(map(head.count, pairs))
        if paired and (paired * 5 >= ends * 4 or _reads_well(head, codec)):
            return Encoding(codec, "content")
    return None


def _has_plain_header(head: bytes) -> bool:
    """Whether it begins with a line of UTF-8 that holds no NUL: those come later, in a cell."""
    first = head.partition(b"\n")[0].removesuffix(b"\r")
    return bool(first) and b"\0" not in first and is_utf8(first)


def _reads_well(head: bytes, codec: str) -> bool:
    """Whether these bytes are text in UTF-16, and no other text that NULs have got into: such
    pairs of bytes are no characters, or nearly all are pairs of ASCII."""
    try:
        text = codecs.getincrementaldecoder(codec)().decode(head)
    except UnicodeDecodeError:
        return False
    if "\0" in text or not any(end.decode() in text for end in _ENDS):
        return False
    strange = sum(unicodedata.category(c) in ("Cn", "Co") for c in text)
    wide = [divmod(ord(c), 256) for c in text if c > "\xff"]
    in_ascii = sum(high in _ASCII and low in _ASCII for high, low in wide)
    return strange * 20 <= len(text) and in_ascii * 5 <= len(wide) * 3


def _found_out(path: Path) -> Encoding:
    utf8 = Encoding("utf-8-sig", "content")
    if _fault(path, utf8.codec) is None:
        return utf8
    require_one(path, _name)
    sample = list(_not_ascii(path))
    if sum(map(is_utf8, sample)) * 2 >= len(sample):
        _require(path, utf8)  # A few wrong bytes make no other encoding.
    # Judged without the lines in ASCII: among many of them the detector takes any bytes for Latin.
    possible = _possible(b"".join(sample))
    for encoding in possible:
        if _fault(path, encoding.codec) is None:
            return encoding
    _require(path, next(iter(possible), utf8))
    raise AssertionError("a file without a fault was read above")


def _possible(sample: bytes) -> list[Encoding]:
    """In which encodings bytes may be that are not UTF-8."""
    seen = sample.translate(None, _CONTROLS)
    name = chardet.detect(seen, include_encodings=["utf-8", *_CODECS])["encoding"]
    return [Encoding(codec, "content") for codec in _CODECS.get(name or "", ())]


def _name(sample: bytes) -> str | None:
    return next(map(str, _possible(sample)), None)


def _not_ascii(path: Path) -> Iterator[bytes]:
    taken = 0
    with path.open("rb") as file:
        while taken < SAMPLED and (line := file.readline(SAMPLED)):
            if not line.isascii():
                taken += len(line)
                yield line


def _require(path: Path, encoding: Encoding) -> None:
    """Raise UnreadableFile, naming line and column, where the file is not in this encoding."""
    offset = _fault(path, encoding.codec)
    if offset is None:
        return
    require_one(path, _name)
    line, column = _place(path, encoding.codec, offset)
    with path.open("rb") as file:
        file.seek(offset)
        byte = file.read(1).hex()
    said = {"path": str(path), "encoding": str(encoding), "byte": byte}
    raise UnreadableFile("file.other-encoding", **said, line=line, column=column)


def _fault(path: Path, codec: str) -> int | None:
    """Where the first byte is that is not in the encoding; None where all are."""
    decoder = codecs.getincrementaldecoder(codec)()
    read = 0
    with path.open("rb") as file:
        while True:
            block = file.read(BLOCK)
            read += len(block)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return read - len(error.object) + error.start
            if not block:
                return None


def _place(path: Path, codec: str, offset: int) -> tuple[int, int]:
    """Line and column (characters, both from 1) of a byte."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(codec)(), translate=True)
    line, column = 1, 1
    with path.open("rb") as file:
        while offset > 0:
            text = decoder.decode(file.read(min(BLOCK, offset)))
            offset -= BLOCK
            line += text.count("\n")
            column = len(text) - text.rfind("\n") if "\n" in text else column + len(text)
    return line, column
