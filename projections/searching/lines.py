"""Lines: the folded values by which a row is found, kept in two fields of the row that nobody sees.

``found_by`` has the lines of the row as it is, ``was_found_by`` those that it had before and has no
more: through them a search as of a day finds by today's index what was called otherwise then.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib.metadata import version
from operator import attrgetter
from typing import Any, get_args, get_origin

from pydantic import AfterValidator, StringConstraints

from aggregates.base import markers
from aggregates.values import ExternalId, valid_phone
from projections.searching import phones
from projections.searching.characters import LEGAL_FORMS, folded, without_legal_forms
from projections.searching.pieces import LINE
from projections.searching.pinyin import first_syllables, initials, syllables

FORMAT = (3, version("pypinyin"), version("opencc"), LEGAL_FORMS)
"""What lines and pieces depend on beside the values. Raise the number when they come out otherwise:
the tables are then made anew."""
HIDDEN: dict[str, Any] = {"found_by": str | None, "was_found_by": str | None}
"""Fields of a searched row that are in its tables, and in no answer."""
MOST_NOW, MOST_BEFORE = 45_000, 30_000
"""Characters of either; what is beyond is not found. A ``tsvector`` has no room for more."""
_LONGEST_NAME = 300
"""Characters; a longer text is not looked for by its sound."""
_LONGEST_PERSON = 4
"""Characters of a person's name."""

Lines = Callable[[Any], Iterator[str]]


def of_name(value: str) -> Iterator[str]:
    """A name or title: as it is written, and by its sounds."""
    text = folded(value)
    yield text
    if len(value) > _LONGEST_NAME or text.isascii():
        return
    for sounds in _spoken(without_legal_forms(text)):
        yield sounds
        yield initials(sounds)


def _spoken(text: str) -> Iterator[str]:
    """The sounds of a text. Of one as short as people's names, with every reading of its first
    character: 单 is dan, but shan as a surname, and 曾 zeng."""
    if not (sounds := syllables(text)):
        return
    yield sounds
    if len(text) == len(sounds) <= _LONGEST_PERSON:
        yield from (other + sounds[1:] for other in first_syllables(text[0]))


def of_text(value: str) -> Iterator[str]:
    """Free text: as it is written."""
    yield folded(value)


def of_phone(value: str) -> Iterator[str]:
    yield from phones.lines(value)


def of_external(value: ExternalId) -> Iterator[str]:
    yield folded(value.id)


def kind_of(annotation: Any) -> Lines:
    """How values of a field become lines, by what the field is declared to be."""
    if _mentions(annotation, ExternalId):
        return of_external
    if any(m.func is valid_phone for m in markers(annotation, AfterValidator)):
        return of_phone
    limits = [m.max_length or 0 for m in markers(annotation, StringConstraints)]
    return of_text if max(limits, default=0) > _LONGEST_NAME else of_name


def _mentions(annotation: Any, kind: type[Any]) -> bool:
    return annotation is kind or any(_mentions(a, kind) for a in get_args(annotation))


class Searched:
    """The fields by which rows of one kind are found."""

    def __init__(self, names: Sequence[str], annotations: Mapping[str, Any]) -> None:
        """TypeError where one is no field."""
        unknown = [n for n in names if n not in annotations]
        if unknown:
            raise TypeError(f"searched, but no fields: {', '.join(unknown)}")
        self.kinds = {n: kind_of(annotations[n]) for n in names}
        self._many = frozenset(n for n in names if _is_many(annotations[n]))
        self._values = attrgetter("id", *names)

    def follow(self, before: Any, after: Any) -> None:
        """Bring the hidden fields of ``after`` up to its values; ``before`` had its own."""
        if self._values(after) == self._values(before):
            return
        lines = tuple(dict.fromkeys(line for n in self.kinds for line in self.lines(after, n)))
        known = (*_lines(before.found_by), *_lines(before.was_found_by))
        gone = dict.fromkeys(line for line in known if line not in lines)
        after.found_by, after.was_found_by = _text(lines, MOST_NOW), _text(gone, MOST_BEFORE)

    def lines(self, row: Any, name: str) -> Iterator[str]:
        """The lines of one field."""
        value = getattr(row, name)
        if value is None:
            return
        kind = self.kinds[name]
        for item in value if name in self._many else (value,):
            yield from (line for line in kind(item) if line)


def _is_many(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


def _lines(text: str | None) -> list[str]:
    return [] if text is None else text[1:-1].split(LINE)


def _text(lines: Collection[str], most: int) -> str | None:
    return f"{LINE}{LINE.join(lines)[:most]}{LINE}" if lines else None
