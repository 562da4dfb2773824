"""Joins: files put together of two, of which one was in UTF-8 and the other was not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from adapters.importing.sources import UnreadableFile

LONGEST_LINE = SAMPLED = 1 << 16
FEWEST_OTHERS = 2
"""Lines that are not in UTF-8, without which it is rather a file in UTF-8 with a fault."""
FEWEST_BYTES = 12
"""Bytes in UTF-8 that are not ASCII: fewer may be so by chance (联通 in GBK is good UTF-8)."""
_ASCII = bytes(range(128))


@dataclass(slots=True)
class _Part:
    """Lines that follow each other, those in ASCII aside, and are in UTF-8 or not."""

    is_utf8: bool
    number: int = 0
    """Of the first."""
    lines: int = 0
    foreign: bytearray = field(default_factory=bytearray)
    """What of them is not ASCII, as far as it is looked at."""
    sample: bytearray = field(default_factory=bytearray)

    def add(self, number: int, line: bytes) -> None:
        self.number, self.lines = self.number or number, self.lines + 1
        if len(self.sample) < SAMPLED:
            self.sample += line
            self.foreign += line.translate(None, _ASCII)

    @property
    def is_clear(self) -> bool:
        enough = len(self.foreign) if self.is_utf8 else self.lines
        return enough >= (FEWEST_BYTES if self.is_utf8 else FEWEST_OTHERS)


def require_one(path: Path, named: Callable[[bytes], str | None]) -> None:
    """Raise UnreadableFile where the file is in UTF-8 down to a line and in another encoding from
    there on, or the other way round; ``named``: which encoding bytes are in."""
    parts = _parts(path)
    if len(parts) != 2 or not all(part.is_clear for part in parts):
        return
    first, second = ("UTF-8" if p.is_utf8 else named(bytes(p.sample)) for p in parts)
    if first is None or second is None:
        return
    line = parts[1].number
    said = {"path": str(path), "first": first, "second": second}
    raise UnreadableFile("file.two-encodings", **said, before=line - 1, line=line)


def _parts(path: Path) -> list[_Part]:
    """What the file consists of; of more than two, the first three."""
    parts = []
    for is_utf8, run in groupby(_lines(path), key=lambda line: line[0]):
        part = _Part(is_utf8)
        for _, number, line in run:
            part.add(number, line)
        parts.append(part)
        if len(parts) > 2:
            break
    return parts


def _lines(path: Path) -> Iterator[tuple[bool, int, bytes]]:
    number = 0
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            number += 1
            if not line.isascii():
                yield is_utf8(line), number, line


def is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
