"""Addresses as they are compared: words without what everybody writes differently, and numbers."""

import re
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz

from aggregates.folding import folded
from projections.matching.names import is_chinese

_WORD = re.compile(r"\d+|[^\W\d_]+")
_RANKS = re.compile(
    r"特别行政区|自治区|省|市|区|县|镇|乡|街道|路|街|大道|巷|号楼|号|栋|幢|座|层|楼|室|单元"
)
"""What a Chinese address may name or leave out."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address in comparable form."""

    text: str
    """Its words in the order written."""
    numbers: frozenset[str]
    """House, floor and room numbers."""


@lru_cache(20_000)
def address_of(text: str | None) -> Address | None:
    """An address in comparable form; None where it shows no letter or digit."""
    if not text:
        return None
    plain = folded(text)
    words = _WORD.findall(_RANKS.sub(" ", plain) if is_chinese(plain) else plain)
    if not words:
        return None
    numbers = frozenset(w.lstrip("0") or "0" for w in words if w.isdecimal())
    return Address(" ".join(words), numbers)


def likeness(one: Address, other: Address) -> float:
    """How alike two addresses are, from 0 to 1, whatever the order of their words."""
    return fuzz.token_sort_ratio(one.text, other.text) / 100
