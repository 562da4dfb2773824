"""Phone numbers as search compares them: digits of one notation, whichever they are written in."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberFormat

from aggregates import phones as plans

_MOBILE = re.compile(r"(?:(?:\+|00)?86)?(1[3-9]\d{9})", re.ASCII)
"""A mobile number of the home region: most numbers are, and the library takes its time."""
_SEPARATORS = re.compile(r"[\s().\-/·‐-―]+")
_NO_DIGITS = re.compile(r"\D+", re.ASCII)
_WRITTEN = re.compile(r"(?:tel:)?[+\d][\d\s().\-/·‐-―]*(?:(?:转|轉|分机|分機|ext|x|#)[\d\s.:]*)?")
FEWEST_DIGITS = 5


def lines(entered: str) -> tuple[str, ...]:
    """The lines by which a number is found: international digits first, then others that people
    dial or have written."""
    return tuple(_lines(entered))


@lru_cache(20_000)
def _lines(entered: str) -> list[str]:
    text = unicodedata.normalize("NFKC", entered)
    mobile = _MOBILE.fullmatch(_SEPARATORS.sub("", text))
    if mobile is not None:
        return ["86" + mobile[1]]
    found: list[str] = []
    number = plans.possible(text)
    if number is not None:
        found.append(digits(plans.international(number)))
        national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
        found.append(digits(national.partition(" ext")[0]))
    found.append(digits(text))
    kept = (d for n, d in enumerate(found) if d and not any(d in f for f in found[:n]))
    return list(kept)


def digits(text: str) -> str:
    """The ASCII digits of a text."""
    return _NO_DIGITS.sub("", unicodedata.normalize("NFKC", text))


def looks_like_one(text: str) -> bool:
    """Whether a text can be meant as a number, or as a part of one."""
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    is_written = _WRITTEN.fullmatch(plain) is not None
    return is_written and len(digits(plain)) >= FEWEST_DIGITS


def numbers(text: str) -> tuple[str, ...]:
    """The international digits of the numbers that a text can be, whole."""
    plain = unicodedata.normalize("NFKC", text).strip()
    forms = (plain, "+" + digits(plain))
    found = map(plans.main_number, forms)
    return tuple(dict.fromkeys(digits(number) for number in found if number is not None))
