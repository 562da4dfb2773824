"""Evidence: what the values of a column say about how a field is filled from it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from adapters.importing.coding import Codes, Entries
from adapters.importing.headings import form, synonyms
from adapters.importing.mapping import Rule
from adapters.importing.targets import Target, day, instant
from aggregates.base import markers
from aggregates.values import MINOR_UNITS, Code, Money

MOST_SHOWN = 5
MOST_READ = 200
"""Different texts of a column that are read one by one."""
_DAYS = ("%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d", "%Y年%m月%d日", "%d.%m.%Y")
_EITHER_WAY = ("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
FORMATS = tuple(d + t for d in (*_DAYS, *_EITHER_WAY) for t in _TIMES)
_EIGHT_DIGITS = re.compile(r"(19|20)\d{6}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]*")
_AMOUNT = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_WITH_CURRENCY = re.compile(r"-?\d+(\.\d+)? ?[A-Z]{3}", re.ASCII)
_SEPARATORS = (";", "；", "|", "、", "，", ",")


@dataclass(frozen=True, slots=True)
class Asking:
    """What a suggestion is made with, beside the file."""

    entries: Entries
    zone: ZoneInfo
    currency: str | None = None
    """Of amounts that do not say theirs."""
    system: str | None = None
    """What the system is called from which ids are."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A column, and the different texts of its sample that are not empty."""

    name: str
    texts: tuple[str, ...] = ()
    currencies: str | None = None
    """The column that says in which currencies this one's amounts are."""

    @property
    def stripped(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(filter(None, (text.strip() for text in self.texts))))

    @property
    def rule(self) -> Rule:
        """The field is what the column says."""
        return Rule(column=self.name, trim=any(text != text.strip() for text in self.texts))


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a field is filled from a column, as far as its values say."""

    rule: Rule | None
    """None: nobody but a person knows."""
    to_decide: str | None = None
    note: str | None = None


def found(of: Target, cells: Cells, asking: Asking) -> Verdict:
    """What the values of a column say about filling this field from it."""
    if not cells.stripped:
        return Verdict(cells.rule, note="empty in the rows that were looked at")
    return _reading(of)(of, cells, asking)


def _reading(of: Target) -> Callable[[Target, Cells, Asking], Verdict]:
    if of.refers_to:
        return _referring
    if next(markers(of.annotation, Code), None) is not None:
        return _coded
    if of.is_several:
        return _several
    if of.holds(Money):
        return _amounts
    if of.holds(date, datetime):
        return _dated
    return _booleans if of.holds(bool) else _plain


def _with(rule: Rule, **changes: Any) -> Rule:
    return Rule.model_validate({**rule.model_dump(exclude_defaults=True), **changes})


def listed(texts: Sequence[str]) -> str:
    """Some texts, quoted."""
    more = f" and {len(texts) - MOST_SHOWN:,} more" if texts[MOST_SHOWN:] else ""
    return ", ".join(f"“{shown(text)}”" for text in texts[:MOST_SHOWN]) + more


def shown(text: str, most: int = 40) -> str:
    """A text of a file as it can be printed: in one line, not too long, without control signs."""
    plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:most])
    return plain if len(text) <= most else plain[: most - 1] + "…"


def _referring(of: Target, cells: Cells, asking: Asking) -> Verdict:
    """References: by id, the login of a user, the name of a customer, or another system's id."""
    rule, values = cells.rule, cells.stripped
    if all(_ID.fullmatch(value) for value in values):
        return Verdict(rule)
    if of.refers_to == ("User",):
        if all(map(_LOGIN.fullmatch, values)):
            return Verdict(_with(rule, by="login"))
        said = f"a user is found by login, and {listed(values)} is none"
        return Verdict(None, f'{said}; {{ template = "{{column|login}}" }} makes logins of names')
    if of.refers_to == ("Customer",) and not form(cells.name).endswith(("id", "编号", "代码")):
        return Verdict(_with(rule, by="name"))
    if asking.system is not None:
        return Verdict(_with(rule, by="external", system=asking.system))
    kinds = " or ".join(kind.lower() for kind in of.refers_to)
    return Verdict(None, f"of which system are these ids of a {kinds}? Say it with --system")


def _coded(of: Target, cells: Cells, asking: Asking) -> Verdict:
    """Texts for codes, by the names of the dictionary's entries."""
    dictionary = next(markers(of.annotation, Code)).dictionary
    codes = Codes(dictionary, asking.entries.get(dictionary, ()))
    entries = {value: codes.of(value) for value in cells.stripped}
    values = {v: entry.code for v, entry in entries.items() if entry and entry.code != v}
    rule = _with(cells.rule, values=values) if values else cells.rule
    unknown = [value for value, entry in entries.items() if entry is None]
    closing = [value for value, entry in entries.items() if entry and entry.closes]
    if unknown:
        return Verdict(rule, f"which code of “{dictionary}” does {listed(unknown)} stand for?")
    if closing:
        return Verdict(rule, f"{listed(closing)} is recorded by a step, such as win or lose")
    return Verdict(rule)


def _several(of: Target, cells: Cells, asking: Asking) -> Verdict:
    between = [s for s in _SEPARATORS if any(s in text for text in cells.texts)]
    if len(between) > 1:
        return Verdict(cells.rule, f"what stands between the values: {listed(between)}?")
    return Verdict(_with(cells.rule, split=between[0]) if between else cells.rule)


def _amounts(of: Target, cells: Cells, asking: Asking) -> Verdict:
    """Amounts, in a currency that they, the heading or a column beside them say."""
    if cells.currencies is not None:
        return Verdict(Rule(template=f"{{{cells.name}}} {{{cells.currencies}}}"))
    if all(map(_WITH_CURRENCY.fullmatch, cells.stripped)):
        return Verdict(cells.rule)
    other = [value for value in cells.stripped if not _AMOUNT.fullmatch(value)]
    if other:
        return Verdict(None, f"{listed(other)} is no amount such as 12.50 or 12.50 CNY")
    currency, times = unit(cells.name)
    currency = currency or asking.currency
    if currency is None:
        return Verdict(None, "in which currency are the amounts? Say it with --currency")
    return Verdict(_with(cells.rule, currency=currency, **({"times": times} if times else {})))


def unit(heading: str) -> tuple[str | None, Decimal | None]:
    """The currency that a heading names, and how many units of it one is."""
    said, units = form(heading), synonyms()["units"]
    for word in sorted(units, key=len, reverse=True):
        if said.endswith(word):
            currency, times = units[word]
            return currency, Decimal(times) if times != 1 else None
    codes = set(re.findall(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])", heading)) & MINOR_UNITS.keys()
    return (codes.pop() if len(codes) == 1 else None), None


def _dated(of: Target, cells: Cells, asking: Asking) -> Verdict:
    """Dates or instants, in the one format in which all of them are written."""
    values = cells.stripped[:MOST_READ]
    if all(_is_read(of, value, None, asking) for value in values):
        return Verdict(cells.rule)
    formats = [f for f in _formats(values) if all(_is_read(of, v, f, asking) for v in values)]
    if len(formats) == 1:
        return Verdict(_with(cells.rule, format=formats[0]))
    if formats:
        return Verdict(
            None, f"{listed(values)}: the day first or the month ({' or '.join(formats)})?"
        )
    return Verdict(None, f"{listed(values)} are not all dates in one format")


def _formats(values: Sequence[str]) -> tuple[str, ...]:
    return ("%Y%m%d",) if all(map(_EIGHT_DIGITS.fullmatch, values)) else FORMATS


def _is_read(of: Target, text: str, format: str | None, asking: Asking) -> bool:
    try:
        if of.holds(datetime):
            instant(text, format, asking.zone)
        else:
            day(text, format)
    except ValueError:
        return False
    return True


def _booleans(of: Target, cells: Cells, asking: Asking) -> Verdict:
    words = {form(w): said == "true" for said, ws in synonyms()["booleans"].items() for w in ws}
    values = {value: words.get(form(value)) for value in cells.stripped}
    unknown = [value for value, is_true in values.items() if is_true is None]
    if unknown:
        return Verdict(None, f"is {listed(unknown)} true or false?")
    return Verdict(_with(cells.rule, values=values))


def _plain(of: Target, cells: Cells, asking: Asking) -> Verdict:
    """What the field itself takes: a text, a number, an address."""
    values, takes = cells.stripped[:MOST_READ], taking(of)
    wrong = [value for value in values if not takes(value)]
    if len(wrong) == len(values):
        return Verdict(None, f"none of its values can stand there, such as {listed(wrong)}")
    return Verdict(cells.rule, note=f"would be refused: {listed(wrong)}" if wrong else None)


def taking(of: Target) -> Callable[[str], bool]:
    """Tells whether the field takes a text as it is."""
    adapter: TypeAdapter[Any] = TypeAdapter(of.annotation)

    def takes(text: str) -> bool:
        try:
            adapter.validate_python(text)
        except ValidationError:
            return False
        return True

    return takes
