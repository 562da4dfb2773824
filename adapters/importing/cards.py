"""Reading vCards (2.1, 3.0, 4.0): a row for each person, in columns of our own."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from vobject.base import ContentLine, getLogicalLines, textLineToContentLine

from adapters.importing.dialects import DEFAULT
from adapters.importing.encodings import Encoding
from adapters.importing.sources import Form, Line, Watched
from adapters.remarks import Remark

HEADER = (
    *("name", "family_name", "given_name", "phone", "mobile", "other_phones", "email"),
    *("other_emails", "title", "company", "department", "address", "birthday", "website"),
    *("note", "uid"),
)
LONGEST_CARD = 10_000_000
"""Characters; a card may hold a photo."""
BETWEEN = ";"
"""What stands between several values in one cell."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PARTS = re.compile(r"((?:[^;\\]|\\.)*)(?:;|$)", re.DOTALL)
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:T.*)?", re.ASCII)


class CardFile:
    """A file of vCards. What is wrong with one card is no matter of the others."""

    def __init__(self, path: Path, encoding: Encoding, delimiter: str | None = None) -> None:
        self.path, self.encoding, self.delimiter = path, encoding, delimiter or DEFAULT
        self.header, self._watched = list(HEADER), Watched()

    @property
    def form(self) -> Form:
        return Form("vCard", self.encoding.codec, str(self.encoding), self.encoding.by)

    @property
    def share(self) -> float:
        return self._watched.share

    def __iter__(self) -> Iterator[Line]:
        with self.path.open(encoding=self.encoding.codec) as file:
            self._watched.watch(file)
            for number, lines, problem in _cards(enumerate(file, start=1)):
                yield _row(number, lines, problem)


def _cards(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str], Remark | None]]:
    """The line on which a card begins, the lines in it, and why it is none."""
    taken: list[str] = []
    first = depth = size = 0
    for number, line in lines:
        mark = line.strip().upper()
        if depth == 0 and not mark:
            continue
        if depth == 0:
            first, size, taken = number, 0, []
        depth += (mark == "BEGIN:VCARD") - (mark == "END:VCARD")
        size += len(line)
        if size <= LONGEST_CARD:
            taken.append(line)
        if depth <= 0:
            is_card = depth == 0 and len(taken) > 1
            yield first, taken, _problem(size) if is_card else Remark("lines.no-card")
            depth = 0
    if depth:
        yield first, taken, Remark("lines.open-card")


def _problem(size: int) -> Remark | None:
    return None if size <= LONGEST_CARD else Remark("lines.long-card", most=f"{LONGEST_CARD:,}")


def _row(number: int, lines: list[str], problem: Remark | None) -> Line:
    if problem is None:
        try:
            cells = _cells(_Lines(lines))
        except Exception as error:  # The library raises whatever a wrong parameter led to.
            problem = Remark("lines.unsound-card", said=str(error))
        else:
            nul = Remark("lines.nul") if any("\0" in cell for cell in cells) else None
            return Line(number, cells, nul)
    return Line(number, ["".join(lines)], problem)


class _Lines:
    """Lines as the library reads them."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = iter(lines)

    def readline(self) -> str:
        return next(self._lines, "")


def _cells(lines: _Lines) -> list[str]:
    found: dict[str, list[ContentLine]] = {}
    depth = 0
    for text, number in getLogicalLines(lines):
        one = textLineToContentLine(text, number)
        depth += (one.name == "BEGIN") - (one.name == "END")
        if depth == 1:  # A card within a card is of somebody else.
            found.setdefault(one.name, []).append(one)
    family, given, *_ = [*_parts(found, "N"), "", ""]
    company, *departments = _parts(found, "ORG") or [""]
    mobiles, phones = _phones(found.get("TEL", []))
    emails = [_text(one.value) for one in _preferred(found.get("EMAIL", []))]
    values = {
        "name": _first(found, "FN") or f"{family}{given}",
        "family_name": family,
        "given_name": given,
        "phone": next(iter([*phones, *mobiles]), ""),
        "mobile": next(iter(mobiles), ""),
        "other_phones": BETWEEN.join([*phones[1:], *mobiles[1:]]),
        "email": next(iter(emails), ""),
        "other_emails": BETWEEN.join(emails[1:]),
        "title": _first(found, "TITLE"),
        "company": company,
        "department": " ".join(filter(None, departments)),
        "address": " ".join(" ".join(_parts(found, "ADR")).split()),
        "birthday": _birthday(found),
        "website": _first(found, "URL"),
        "note": "\n".join(_text(one.value) for one in found.get("NOTE", [])),
        "uid": _first(found, "UID"),
    }
    return [values[name] for name in HEADER]


def _first(found: dict[str, list[ContentLine]], name: str) -> str:
    return next((_text(one.value) for one in _preferred(found.get(name, []))), "")


def _birthday(found: dict[str, list[ContentLine]]) -> str:
    """As 1980-03-21; else as written. Apple's cards put 1604 for a year that nobody knows."""
    day = _DAY.sub(r"\1-\2-\3", _first(found, "BDAY"))
    return day.replace("1604", "-", 1) if day.startswith("1604-") else day


def _parts(found: dict[str, list[ContentLine]], name: str) -> list[str]:
    """The parts of a value that has several, such as a name's."""
    first = next(iter(_preferred(found.get(name, []))), None)
    if first is None:
        return []
    return [_text(match[1]).strip() for match in _PARTS.finditer(first.value)]


def _text(value: str) -> str:
    """A value without the signs that protect what has a meaning in vCards."""
    return _ESCAPED.sub(lambda m: "\n" if m[1] in "nN" else m[1], value).replace("\r\n", "\n")


def _phones(lines: list[ContentLine]) -> tuple[list[str], list[str]]:
    """Mobile numbers, and others that one can ring."""
    mobiles, others = [], []
    for one in _preferred(lines):
        types = _types(one)
        number = _text(one.value).removeprefix("tel:")
        if "CELL" in types:
            mobiles.append(number)
        elif not types & {"FAX", "PAGER"}:
            others.append(number)
    return mobiles, others


def _preferred(lines: list[ContentLine]) -> list[ContentLine]:
    """In the order of the card, what is preferred first."""
    return sorted(lines, key=lambda one: "PREF" not in _types(one) and "PREF" not in one.params)


def _types(one: ContentLine) -> set[str]:
    named = ",".join([*one.params.get("TYPE", []), *one.singletonparams])
    return set(named.upper().split(","))
