"""Phone numbers as people enter them, read by the numbering plans of all regions.

An extension may follow a word (转8001, ext. 8001) or a hyphen (010-62581234-8001). Besides numbers
that can be called from anywhere, those of service lines are taken that only the home region has,
such as 95588 or 12345: they have no other form. Three digits (110) are not enough: they lead to
whoever is nearest, and to nobody in particular.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, is_valid_number

HOME_REGION = "CN"
"""Numbers without a country code are read as numbers of this region."""
FEWEST_SHORT = 5
_HOME_CODE = 86
_BEGINS = re.compile(r"\s*[+(\d]", re.ASCII)
"""How a number begins; what the library would skip before it is no part of a number."""
_EXTENSION = re.compile("转|轉|分机|分機")
_HYPHENED = re.compile(r"(.*\d\D*)[-‐-―]\s*(\d{1,6})\s*", re.ASCII | re.DOTALL)


_PLAN: Any = PhoneMetadata.metadata_for_region(HOME_REGION)
_MOBILE = re.compile(rf"(?:\+{_HOME_CODE})?({_PLAN.mobile.national_number_pattern})", re.ASCII)
"""A mobile number of the home region, in the way in which most are written: read by the same plan,
without the search for all the other ways."""


def _plain(text: str) -> str:
    """The text without what is not seen of it: numbers are copied with signs of direction."""
    seen = (c for c in text if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", "".join(seen))


def is_plain(text: str) -> bool:
    """Whether it is a mobile number of the home region, written as most are."""
    return _MOBILE.fullmatch(text) is not None


def known(text: str) -> PhoneNumber | None:
    """The number that is entered, if a numbering plan has it."""
    mobile = _MOBILE.fullmatch(text)
    if mobile is not None:
        return PhoneNumber(country_code=_HOME_CODE, national_number=int(mobile[1]))
    return _known(text)


@lru_cache(20_000)
def _known(text: str) -> PhoneNumber | None:
    plain = _plain(text)
    number = written(plain)
    if number is not None and is_valid_number(number):
        return number
    hyphened = _HYPHENED.fullmatch(plain)
    main = written(hyphened[1]) if hyphened else None
    if hyphened and main is not None and main.extension is None and _is_whole(main):
        main.extension = hyphened[2]
        return main
    return number if number is not None and _is_service(number) else None


def written(text: str) -> PhoneNumber | None:
    """The number that is written there, whether or not anybody can have it."""
    text = _EXTENSION.sub(" ext. ", _plain(text))
    if _BEGINS.match(text) is None:
        return None
    try:
        return phonenumbers.parse(text, HOME_REGION)
    except phonenumbers.NumberParseException:
        return None


def possible(text: str) -> PhoneNumber | None:
    """The number that is entered, also where no numbering plan has it any more, or yet."""
    return known(text) or _possible(text)


@lru_cache(20_000)
def _possible(text: str) -> PhoneNumber | None:
    number = written(text)
    is_possible = number is not None and phonenumbers.is_possible_number(number)
    return number if is_possible else None


def international(number: PhoneNumber) -> str:
    """``+8613812345678`` (E.164), without the extension."""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def main_number(text: str) -> str | None:
    """The number that is entered, the same for all its notations, without the extension."""
    mobile = _MOBILE.fullmatch(text)
    if mobile is not None:
        return f"+{_HOME_CODE}{mobile[1]}"
    return _main_number(text)


@lru_cache(20_000)
def _main_number(text: str) -> str | None:
    number = possible(text)
    return None if number is None else international(number)


def _is_whole(number: PhoneNumber) -> bool:
    return is_valid_number(number) or _is_service(number)


def _is_service(number: PhoneNumber) -> bool:
    is_home = number.country_code == _HOME_CODE and not number.italian_leading_zero
    return (
        is_home
        and len(str(number.national_number)) >= FEWEST_SHORT
        and phonenumbers.is_valid_short_number_for_region(number, HOME_REGION)
    )
