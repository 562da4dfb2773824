"""Asked: what somebody types, as parts that the lines of a row must have."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from projections.searching import phones
from projections.searching.characters import (
    LEGAL_PAIRS,
    LEGAL_WORDS,
    folded,
    without_last_form,
    without_legal_forms,
)
from projections.searching.lines import Searched
from projections.searching.pieces import LINE, Pieces, is_inside_form, pieces
from projections.searching.pinyin import Reading, readings

LONGEST = 200
"""Characters of what is typed."""
_BETWEEN = re.compile(r"[\s,;、|]+")
_COMMON_FORMS = ("有限公司", "股份有限公司", "有限责任公司", "公司")
_MOST_TERMS = 20
_FEW = 40
"""So many pieces are looked up for two syllables of which one is not typed out."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a row's lines can have in them."""

    text: str
    """These characters in a row."""
    pieces: Pieces
    expression: str | None = None
    """And a match of this regular expression."""

    def is_in(self, text: str) -> bool:
        if self.text not in text:
            return False
        return self.expression is None or re.search(self.expression, text) is not None


Term = tuple[Part, ...]
"""Parts of which a row must have one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A search: every term must be found. Rows that have a better part are better matches."""

    terms: tuple[Term, ...]
    exact: Term
    """The whole of a line is what is asked for."""
    beginning: Term
    """A line begins with it."""
    together: Term
    """It is in a line as one, or a line sounds like the whole of it."""

    @property
    def is_common(self) -> bool:
        """Whether nothing is asked for but what is inside of legal forms as well."""
        return all(is_inside_form(term[0].text) for term in self.terms)

    @property
    def is_of_single_signs(self) -> bool:
        """Whether no more than one sign is asked for: legal forms may be all that has it."""
        return all(len(part.text) == 1 for term in self.terms for part in term)

    @property
    def is_of_legal_forms(self) -> bool:
        """Whether nothing is asked for but what an index does not know."""
        return all(not without_legal_forms(part.text) for term in self.terms for part in term)


def asked(typed: str) -> Asked | None:
    """What is asked for; None: nothing that could be found."""
    text = unicodedata.normalize("NFKC", typed)
    words = [w for w in map(folded, _BETWEEN.split(text)) if w]
    whole = "".join(words)
    if not whole:
        return None
    if phones.looks_like_one(text):
        return _number(text)
    name = without_last_form(whole)
    lines = dict.fromkeys([whole, name, *(name + form for form in _COMMON_FORMS if _forms(name))])
    spoken = tuple(_spoken(r, of_line=True) for r in readings(whole))
    return Asked(
        tuple(_term(word) for word in _telling(words)),
        tuple(p for p in (_part(f"{LINE}{line}{LINE}") for line in lines) if _is_telling(p)),
        (_part(LINE + name),),
        (_part(whole), *spoken),
    )


def _is_telling(part: Part) -> bool:
    """Whether the index knows more of a line than its end, which most names share."""
    whole = part.pieces.whole
    return not whole or any(p.startswith(LINE) or not p.endswith(LINE) for p in whole)


def _forms(name: str) -> bool:
    return not name.isascii()


def _telling(words: list[str]) -> list[str]:
    """The words less their legal forms, unless there is nothing else; each once."""
    bare = (without_last_form(w) for w in words if w not in LEGAL_WORDS)
    telling = [w for w in bare if without_legal_forms(w)]
    return list(dict.fromkeys(telling or words))[:_MOST_TERMS]


def _term(word: str) -> Term:
    return (_part(word), *(_spoken(reading) for reading in readings(word)))


def _part(text: str) -> Part:
    return Part(text, pieces(text))


def _spoken(reading: Reading, *, of_line: bool = False) -> Part:
    """A reading as a part of a line of sounds, or as the whole of one."""
    if len(reading.initials) > 1:
        found = Pieces(pieces(reading.initials).whole, either=tuple(_pairs(reading)))
    else:
        found = Pieces((), tuple(reading.syllables[0]))
    text = reading.initials if len(reading.initials) > 1 else ""
    ends = LINE if of_line else ""
    return Part(text, found, f"{ends}{reading.expression}{ends}")


def _pairs(reading: Reading) -> Iterator[tuple[str, ...]]:
    """What two syllables side by side can be, where they can be few things."""
    for one, next in pairwise(reading.syllables):
        pairs = tuple(a + b for a in one for b in next) if len(one) * len(next) <= _FEW else ()
        if pairs and LEGAL_PAIRS.isdisjoint(pairs):
            yield pairs


def _number(text: str) -> Asked:
    """Digits: of a phone number in whatever notation, or of some other number."""
    digits = phones.digits(text)
    whole = tuple(_part(f"{LINE}{n}{LINE}") for n in phones.numbers(text))
    bare = digits.lstrip("0")
    written = [digits, bare] if len(bare) in range(phones.FEWEST_DIGITS, len(digits)) else [digits]
    infix = tuple(_part(d) for d in written)
    own = _part(f"{LINE}{digits}{LINE}")
    return Asked(((*whole, *infix),), (*whole, own), (_part(LINE + digits),), infix)


def matched(asked: Asked, searched: Searched, row: Any) -> tuple[str, Any] | None:
    """The field, and its value, that a row was found by; the best of several."""
    parts = (asked.exact, asked.beginning, asked.together, *asked.terms)
    texts = {name: _text(searched.lines(row, name)) for name in searched.kinds}
    for term in parts:
        for name, text in texts.items():
            if any(part.is_in(text) for part in term):
                return name, getattr(row, name)
    return None


def place(asked: Asked, text: str) -> int:
    """Where in a text the first of the terms stands; 0 where none does as it is written."""
    signs = [folded(sign) for sign in text]
    whole = "".join(signs)
    found = (whole.find(part.text) for term in asked.terms for part in term if part.text)
    at = next((n for n in found if n >= 0), 0)
    return next((n for n, end in enumerate(accumulate(map(len, signs))) if end > at), 0)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{LINE}{line}" for line in lines) + LINE
