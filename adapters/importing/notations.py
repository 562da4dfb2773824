"""How the dates and numbers of a column are written. What nothing decides stays undecided."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from adapters.importing.counting import Counted, counted
from adapters.remarks import Unread

_YEAR_FIRST = re.compile(r"(\d{4})([-/.年])(\d{1,2})([-/.月])(\d{1,2})(日?)(.*)", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})([-/.])(\d{4})(.*)", re.ASCII)
_TIMES = (
    (re.compile(r"", re.ASCII), ""),
    (re.compile(r"([ T])\d{1,2}:\d\d", re.ASCII), "{}%H:%M"),
    (re.compile(r"([ T])\d{1,2}:\d\d:\d\d", re.ASCII), "{}%H:%M:%S"),
    (re.compile(r"([ T])\d{1,2}:\d\d [AP]M", re.ASCII | re.IGNORECASE), "{}%I:%M %p"),
    (re.compile(r"([ T])\d{1,2}:\d\d:\d\d [AP]M", re.ASCII | re.IGNORECASE), "{}%I:%M:%S %p"),
)
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?", re.ASCII)

SIGNS = {
    "¥": ("CNY", "JPY"),
    "￥": ("CNY", "JPY"),
    "元": ("CNY",),
    "円": ("JPY",),
    "€": ("EUR",),
    "£": ("GBP",),
    "$": ("USD", "AUD", "CAD", "HKD", "NZD", "SGD", "TWD", "MXN"),
    "US$": ("USD",),
    "HK$": ("HKD",),
    "NT$": ("TWD",),
    "人民币": ("CNY",),
    "美元": ("USD",),
    "欧元": ("EUR",),
    "日元": ("JPY",),
    "英镑": ("GBP",),
    "港元": ("HKD",),
    "港币": ("HKD",),
    "₩": ("KRW",),
    "₹": ("INR",),
    "Fr.": ("CHF",),
}
"""Signs of currencies, and which they may mean."""
_SIGN = "|".join(re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True))
NUMBER = re.compile(
    rf"(?P<minus>[-+]?)(?P<before>{_SIGN}|[A-Z]{{3}})?[ \u00a0]?(?P<inner>-?)"
    rf"(?P<digits>\d[\d.,'’ \u00a0\u202f]*?)[ \u00a0]?(?P<after>{_SIGN}|[A-Z]{{3}})?",
    re.ASCII,
)
"""A number as people write it, a currency before or behind it."""
_SPACES = "'’ \u00a0\u202f"
Mark = Literal[".", ","]
OTHER: dict[Mark, Mark] = {".": ",", ",": "."}

Order = Literal["year-first", "day-first", "month-first"]


@dataclass(frozen=True, slots=True)
class DateNotation:
    """How most of a column's dates are written."""

    example: str
    format: str | None
    """As strptime reads it; None: as ISO 8601, or ``readings`` say why not."""
    order: Order | None
    """None: undecided."""
    because: str | None = None
    """The value that decides between day and month."""
    readings: tuple[str, ...] = ()
    """Where nothing decides: the formats there are."""
    contradicting: tuple[str, ...] = ()
    """Values of which one must begin with the day and one with the month."""


@dataclass(frozen=True, slots=True)
class NumberNotation:
    """How a column's numbers are written."""

    example: str
    mark: Mark | None
    """Of the decimals; None: nothing says so."""
    is_plain: bool
    """Whether they are digits with at most a decimal point, and nothing else."""
    signs: tuple[str, ...] = ()
    """Of currencies."""
    is_undecided: bool = False
    """Whether ``1.234`` may be one thousand and more, or one and less."""
    because: str | None = None
    contradicting: str | None = None
    """A value that says otherwise."""


@dataclass(frozen=True, slots=True)
class _Date:
    """One value's form, its readings, and the orders that its numbers allow."""

    readings: tuple[str, ...]
    orders: tuple[Order, ...]


def _date(text: str) -> _Date | None:
    if match := _YEAR_FIRST.fullmatch(text):
        _, first, month, second, day, end, rest = match.groups()
        orders: tuple[Order, ...] = ("year-first",)
        pattern = f"%Y{first}%m{second}%d{end}"
        readings: tuple[str, ...] = (pattern,)
        numbers = int(month), int(day)
        is_day = numbers[0] <= 12 and numbers[1] <= 31
    elif match := _YEAR_LAST.fullmatch(text):
        one, first, two, second, _, rest = match.groups()
        readings = (f"%d{first}%m{second}%Y", f"%m{first}%d{second}%Y")
        numbers = int(one), int(two)
        is_day = max(numbers) <= 31 and min(numbers) <= 12
        orders = ("day-first", "month-first")
        if max(numbers) > 12:
            orders = orders[:1] if numbers[0] > 12 else orders[1:]
    else:
        return None
    time = _time(rest)
    if not is_day or time is None:
        return None
    return _Date(tuple(reading + time for reading in readings), orders)


def _time(rest: str) -> str | None:
    for pattern, format in _TIMES:
        if match := pattern.fullmatch(rest):
            return format.format(*match.groups())
    return None


def dates(values: Iterable[str]) -> DateNotation | None:
    """How a column's dates are written; None where less than half of its values are dates."""
    forms: Counter[tuple[str, ...]] = Counter()
    examples: dict[tuple[str, ...], str] = {}
    deciding: dict[tuple[tuple[str, ...], Order], str] = {}
    count = 0
    for value in values:
        count += 1
        found = _iso(value) or _date(value)
        if found is None:
            continue
        forms[found.readings] += 1
        examples.setdefault(found.readings, value)
        if len(found.orders) == 1:
            deciding.setdefault((found.readings, found.orders[0]), value)
    if forms.total() * 2 < count or not forms:
        return None
    readings, _ = forms.most_common(1)[0]
    example = examples[readings]
    if len(readings) < 2:
        return DateNotation(example, readings[0] if readings else None, "year-first")
    return _decided(example, readings, {o: v for (of, o), v in deciding.items() if of == readings})


def year_first(text: str) -> datetime | None:
    """The moment of a text that names year, month and day in this order, which has one reading
    whatever stands between them; None where it does not, or there is no such day."""
    found = _date(text) if _YEAR_FIRST.fullmatch(text) else None
    try:
        return None if found is None else datetime.strptime(text, found.readings[0])
    except ValueError:
        return None


def _iso(text: str) -> _Date | None:
    return _Date((), ("year-first",)) if _ISO.fullmatch(text) else None


def _decided(example: str, readings: tuple[str, ...], deciding: dict[Order, str]) -> DateNotation:
    if len(deciding) != 1:
        return DateNotation(example, None, None, None, readings, tuple(deciding.values()))
    [(order, because)] = deciding.items()
    return DateNotation(example, readings[order == "month-first"], order, because)


def decides_date(values: Iterable[str], notation: DateNotation) -> DateNotation:
    """The notation with what further values of the column decide; the first that does, does."""
    for value in values:
        found = _date(value)
        if found is not None and found.readings == notation.readings and len(found.orders) == 1:
            return _decided(notation.example, notation.readings, {found.orders[0]: value})
    return notation


def numbers(values: Iterable[str]) -> NumberNotation | None:
    """How a column's numbers are written; None where less than half of its values are numbers."""
    count = seen = 0
    deciding: dict[Mark, str] = {}
    signs: dict[str, None] = {}
    example, odd, undecided = "", "", ""
    for value in values:
        count += 1
        unit = counted(value)
        match = _number(value, unit)
        if match is None:
            continue
        seen += 1
        example = example or value
        sign = match["before"] or match["after"]
        if sign in SIGNS:
            signs[sign] = None
        mark, is_decided = _mark(match, unit)
        odd = odd or ("" if _is_plain(match) else value)
        if mark is not None and is_decided:
            deciding.setdefault(mark, value)
        elif mark is not None:
            undecided = undecided or value
    if not seen or seen * 2 < count:
        return None
    if len(deciding) > 1:
        first, second, *_ = deciding.values()
        return NumberNotation(first, None, False, tuple(signs), contradicting=second)
    mark = next(iter(deciding), None)
    because = None if mark is None else deciding[mark]
    is_undecided = bool(undecided) and mark is None
    is_plain = not odd and mark != "," and not is_undecided
    example = undecided or odd or example
    return NumberNotation(example, mark, is_plain, tuple(signs), is_undecided, because)


def decides_number(values: Iterable[str], notation: NumberNotation) -> NumberNotation:
    """The notation with what further values of the column decide; the first that does, does."""
    for value in values:
        unit = counted(value)
        match = _number(value, unit)
        mark, is_decided = _mark(match, unit) if match else (None, False)
        if mark is not None and is_decided:
            is_plain = mark == "." and "," not in notation.example
            return NumberNotation(notation.example, mark, is_plain, notation.signs, because=value)
    return notation


def _number(text: str, unit: Counted | None) -> re.Match[str] | None:
    return NUMBER.fullmatch(text if unit is None else unit.number)


def _mark(match: re.Match[str], unit: Counted | None) -> tuple[Mark | None, bool]:
    """Who counts in 万 has decimals behind a point: ``1.234万`` has one reading."""
    mark, is_decided = mark_of(match["digits"])
    return (".", True) if unit is not None and mark and not is_decided else (mark, is_decided)


def _is_plain(match: re.Match[str]) -> bool:
    sign = match["before"] or match["after"]
    return not set(match["digits"]) & {*_SPACES, ","} and sign not in SIGNS


def mark_of(digits: str) -> tuple[Mark | None, bool]:
    """The mark of the decimals in a number, and whether there is no other reading.

    ``1.234`` is read both ways; ``1.234,5``, ``0.234``, ``1.23`` and ``1.234.567`` are not.
    """
    found: list[Mark] = [mark for mark in OTHER if mark in digits]
    if not found:
        return None, False
    last = max(found, key=digits.rfind)
    whole, _, part = digits.rpartition(last)
    if digits.count(last) > 1:
        is_number = len(found) == 1 and _is_grouped(digits.split(last))
        return (OTHER[last], True) if is_number else (None, False)
    if len(found) == 2:
        return (last, True) if _is_grouped(whole.split(OTHER[last])) else (None, False)
    is_either = len(part) == 3 and len(whole) <= 3 and not whole.startswith("0")
    return last, not is_either


def _is_grouped(groups: list[str]) -> bool:
    return len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])


def plain(text: str, mark: Mark, currency: str | None) -> str:
    """A number, whose decimals begin with this mark, in digits with a point; its currency stays,
    a sign that stands for the given one goes, and so does not what it counts in. Raises Unread."""
    unit = counted(text)
    match = _number(text, unit)
    if match is None or (match["minus"] and match["inner"]):
        return text  # Whoever reads it says what is wrong.
    whole, _, part = match["digits"].partition(mark)
    groups = re.split(rf"[{re.escape(OTHER[mark])}{_SPACES}]", whole)
    if (len(groups) > 1 and not _is_grouped(groups)) or (part and not part.isdigit()):
        raise Unread("cells.no-decimals", text=text, mark=mark)
    named = " ".join(_codes(text, match, currency))
    number = match["minus"].strip("+") + match["inner"] + "".join(groups)
    number += f".{part}" if part else ""
    number += "" if unit is None else unit.unit
    return f"{number} {named}" if named else number


def _codes(text: str, match: re.Match[str], currency: str | None) -> Iterator[str]:
    """The currency that the text names by its code, where none is given."""
    for sign in filter(None, (match["before"], match["after"])):
        means = SIGNS.get(sign, (sign,))
        if currency is not None and currency not in means:
            raise Unread("cells.other-currency", text=text, currency=currency)
        if currency is None:
            yield sign
