"""Phrases: sentences with places for values, and how values are written in a language.

``{name}`` is a place; ``[[…]]`` is said only where every place in it has a value.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from string import Formatter
from typing import Any

from adapters.postgres.views.columns import money
from aggregates.values import ExternalId, Money

_LONGEST = 80
"""Longer texts are cut in a sentence: the record itself shows the whole."""

Places = tuple[tuple[str, str | None], ...]
Fill = Callable[[str], str | None]


@lru_cache(maxsize=4096)
def _parts(phrase: str) -> tuple[tuple[bool, Places], ...]:
    """(is optional, (literal, place)…) of each part of a phrase."""
    found = []
    for index, text in enumerate(re.split(r"\[\[|\]\]", phrase)):
        places = tuple((literal, name) for literal, name, _, _ in Formatter().parse(text))
        found.append((index % 2 == 1, places))
    return tuple(found)


def places(phrase: str) -> frozenset[str]:
    """The names of a phrase's places."""
    return frozenset(name for _, part in _parts(phrase) for _, name in part if name is not None)


def said(phrase: str, fill: Fill, none: str = "") -> str:
    """The phrase with its places filled; ``none`` stands where a place has no value."""
    spoken: list[str] = []
    for is_optional, part in _parts(phrase):
        values = {name: fill(name) for _, name in part if name is not None}
        if is_optional and None in values.values():
            continue
        for literal, name in part:
            value = None if name is None else values[name]
            spoken += (literal, "" if name is None else none if value is None else value)
    return "".join(spoken)


class Writing:
    """How one language writes dates, money, lists and the like."""

    def __init__(
        self, formats: Mapping[str, Any], currencies: Mapping[str, str], zone: tzinfo
    ) -> None:
        self._formats, self._currencies, self._zone = formats, currencies, zone
        self.none: str = formats["none"]
        self.unknown: str = formats["unknown"]
        """What a record is called whose name is not to be had."""
        self.percent: str = formats["percent"]
        """How the label of a percentage ends."""

    def value(self, value: Any) -> str:
        """Any value of a field."""
        match value:
            case None:
                return self.none
            case bool():
                return str(self._formats["yes" if value else "no"])
            case datetime():
                return self._moment("instant", value.astimezone(self._zone))
            case date():
                return self._moment("date", value)
            case Money():
                return self._money(value)
            case ExternalId():
                return f"{value.system}/{value.id}"
            case Decimal():
                return format(value, ",f")
            case dict():
                pairs = (self.pair(k, v) for k, v in value.items())
                return self.listed(pairs)
            case tuple() | list():
                return self.listed(self.value(v) for v in value)
        text = str(value)
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"

    def listed(self, values: Iterable[str], by: str = "and") -> str:
        """Several values, one after the other; ``or``: one of them."""
        return str(self._formats[by]).join(values)

    def pair(self, key: str, value: Any) -> str:
        """A named value."""
        return str(self._formats["pair"]).format(key=key, value=self.value(value))

    def duration(self, seconds: int) -> str:
        """How long something took, in hours, minutes and seconds."""
        minutes, rest = divmod(seconds, 60)
        parts = {"hours": minutes // 60, "minutes": minutes % 60, "seconds": rest}
        said = [self._formats[unit].format(n) for unit, n in parts.items() if n]
        return str(self._formats["lasting"]).join(said or [self._formats["seconds"].format(0)])

    def _moment(self, name: str, at: date) -> str:
        month = self._formats["months"][at.month - 1]
        clock = {"hour": at.hour, "minute": at.minute} if isinstance(at, datetime) else {}
        return str(self._formats[name]).format(year=at.year, month=month, day=at.day, **clock)

    def _money(self, given: Money) -> str:
        unit = self._currencies.get(given.currency)
        exact = money(given.amount, given.currency) or given
        amount = format(exact.amount, ",f")
        if unit is None:
            return f"{given.currency} {amount}"
        return str(self._formats["money"]).format(amount=amount, currency=unit)
