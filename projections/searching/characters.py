"""Characters as search compares them: one spelling for each, and the words that nobody looks for.

Every character is folded by itself, so the folded form of a part of a text is a part of the folded
form of the text: whatever stands in a text can be found by any piece of it.
"""

import re
import unicodedata
from functools import cache
from itertools import pairwise
from unicodedata import category

from opencc import OpenCC

_KEPT = ("L", "N", "So", "Sc")
"""Categories of characters that are looked for: letters, numbers, pictures, currencies. Private
ones are not kept: search uses them for syllables."""

LEGAL_FORMS = (
    *("集团股份有限公司", "集团有限责任公司", "集团有限公司", "股份有限公司", "有限责任公司"),
    *("集团公司", "有限公司", "总公司", "分公司", "子公司", "公司"),
    *("特殊普通合伙", "普通合伙", "有限合伙"),
)
"""Folded, the longer ones first. Nearly every company has one, so they are not indexed."""
LEGAL_PAIRS = frozenset(a + b for form in LEGAL_FORMS for a, b in pairwise(form))
"""Neighbours within a legal form: an index does not know them from there."""
LEGAL_WORDS = frozenset(
    (
        *("ag", "co", "company", "coltd", "colimited", "companylimited", "corp", "corporation"),
        *("gmbh", "inc", "incorporated", "limited", "llc", "ltd", "plc", "sa"),
    )
)
"""Legal forms of other languages, as words."""
_LEGAL = re.compile("|".join(LEGAL_FORMS))
_AT_END = re.compile(f"(?:{_LEGAL.pattern})+$")


class _Folded(dict[int, str]):
    """Code point → what it is compared by; found out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _folded(chr(code))
        return folded


_FOLDED = _Folded()


def folded(text: str) -> str:
    """The text without case, width, accents, punctuation and spaces, in simplified characters."""
    return unicodedata.normalize("NFC", text).translate(_FOLDED)


def without_legal_forms(text: str) -> str:
    """A folded text without the legal forms in it."""
    return _LEGAL.sub("", text)


def without_last_form(text: str) -> str:
    """A folded text without the legal form at its end; the whole where nothing else is left."""
    return _AT_END.sub("", text) or text


def _folded(character: str) -> str:
    parts = unicodedata.normalize("NFKD", character).casefold()
    parts = unicodedata.normalize("NFKD", parts)
    kept = "".join(c for c in parts if category(c).startswith(_KEPT))
    return _simplified(unicodedata.normalize("NFC", kept))


def _simplified(text: str) -> str:
    """Character by character: what is right for a phrase would not be found by a part of it."""
    if text.isascii():
        return text
    variants, traditional = _converters()
    return "".join(traditional.convert(traditional.convert(variants.convert(c))) for c in text)


@cache
def _converters() -> tuple[OpenCC, OpenCC]:
    return OpenCC("hk2s"), OpenCC("t2s")
