"""Counting: amounts that say in the cell what they count in, such as 12.5万元 or 3.2亿."""

import re
from typing import NamedTuple

_TIMES = {
    "百": 100,
    "千": 1_000,
    "万": 10_000,
    "萬": 10_000,
    "百万": 1_000_000,
    "百萬": 1_000_000,
    "千万": 10_000_000,
    "千萬": 10_000_000,
    "亿": 100_000_000,
    "億": 100_000_000,
    "万亿": 1_000_000_000_000,
    "萬億": 1_000_000_000_000,
    "k": 1_000,
}
"""M is none of them: to some it is a million, to others a thousand."""
_WORDS = "|".join(sorted((word for word in _TIMES if word != "k"), key=len, reverse=True))
_COUNTED = re.compile(rf"(.*\d)[ \u00a0]?({_WORDS}|[kK](?![A-Za-z]))(\D*)", re.ASCII)


class Counted(NamedTuple):
    """A number as it is without its unit, and the unit."""

    number: str
    """With what else there was: ``12.5元`` of ``12.5万元``."""
    unit: str

    @property
    def times(self) -> int:
        """How many one of the unit is."""
        return _TIMES[self.unit.lower()]


def counted(text: str) -> Counted | None:
    """A number that says what it counts in; None where it says nothing of that."""
    match = _COUNTED.fullmatch(text)
    return None if match is None else Counted(match[1] + match[3], match[2])
