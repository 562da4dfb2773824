"""Puts together what is said at one moment, so that it fits the day and repeats nothing yearly."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from random import Random

from adapters.demo.sayings import Saying

Said = tuple[str, str, str]
"""Channel, subject and content."""
_SEASONS = (
    "冬季",
    "冬季",
    "春季",
    "春季",
    "春季",
    "夏季",
    "夏季",
    "夏季",
    "秋季",
    "秋季",
    "秋季",
    "冬季",
)
_QUARTERS = ("一季度", "二季度", "三季度", "四季度")
_COLLEAGUES = ("财务部", "仓库", "技术支持", "售后服务部", "应用工程师")


@dataclass
class Talk:
    """What one customer and the company say to each other."""

    chance: Random
    _said: set[tuple[str, int]] = field(default_factory=set)
    """What is said once a year, with the years in which it was."""

    def about(self, sayings: Sequence[Saying], on: date, product: str, person: str) -> Said:
        """One of the sayings, in the words of that day."""
        saying = self.chance.choice(sayings)
        while on.month not in saying.months or self._was_said(saying, on):
            saying = self.chance.choice(sayings)  # Some of them can be said on any day.
        if saying.is_yearly:
            self._said.add((saying.subject, on.year))
        text = self.chance.choice(saying.openings) + self.chance.choice(saying.closings)
        return saying.channel, saying.subject, self.worded(text, on, product, person)

    def worded(self, text: str, on: date, product: str, person: str = "") -> str:
        """The text with what it leaves open said."""
        luck = self.chance.random()
        return text.format_map(
            {
                **_of_month(on.year, on.month),
                "product": product,
                "person": person,
                "few": 2 + int(luck * 7),
                "days": 3 + int(luck * 18),
                "percent": 3 + int(luck * 13),
                "colleague": _COLLEAGUES[int(luck * len(_COLLEAGUES))],
            }
        )

    def _was_said(self, saying: Saying, on: date) -> bool:
        return saying.is_yearly and (saying.subject, on.year) in self._said


@lru_cache(256)
def _of_month(year: int, month: int) -> dict[str, object]:
    """The words for the time around a month."""
    quarter, is_last = (month - 1) // 3, month > 9
    return {
        "year": year,
        "month": f"{month}月",
        "next_month": f"{month % 12 + 1}月",
        "season": _SEASONS[month - 1],
        "quarter": _QUARTERS[quarter],
        "next_quarter": ("明年" if is_last else "") + _QUARTERS[(quarter + 1) % 4],
        "next_half": "明年上半年" if month > 6 else "下半年",
    }
