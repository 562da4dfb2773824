"""Evidence: what the values of a column say about how a field is filled from it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from adapters.importing.coding import Codes, Entries, spoken
from adapters.importing.counting import counted
from adapters.importing.detecting import Finding
from adapters.importing.headings import form, synonyms
from adapters.importing.mapping import Rule
from adapters.importing.marked import SHARED
from adapters.importing.notations import SIGNS, NumberNotation, dates, numbers
from adapters.importing.targets import Target
from adapters.remarks import Either, Remark, Value
from aggregates.base import markers
from aggregates.phones import known
from aggregates.values import MINOR_UNITS, Code, Money

MOST_SHOWN = 5
MOST_READ = 200
"""Different texts of a column that are read one by one."""
_EIGHT_DIGITS = re.compile(r"(19|20)\d{6}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]*")
_WITH_CURRENCY = re.compile(r"-?\d+(\.\d+)? ?[A-Z]{3}", re.ASCII)
_SEPARATORS = (";", "；", "|", "、", "，", ",")


@dataclass(frozen=True, slots=True)
class Asking:
    """What a suggestion is made with, beside the file."""

    entries: Entries
    zone: ZoneInfo
    finding: Finding | None = None
    """What the whole file says of its dates and numbers; None: only the sample is asked."""
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
    to_decide: Remark | None = None
    note: Remark | None = None


def found(of: Target, cells: Cells, asking: Asking) -> Verdict:
    """What the values of a column say about filling this field from it."""
    if not cells.stripped:
        return Verdict(cells.rule, note=Remark("suggestion.empty"))
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


def listed(texts: Sequence[str]) -> Remark:
    """Some texts, quoted."""
    more = f"{len(texts) - MOST_SHOWN:,}" if texts[MOST_SHOWN:] else None
    some = (Remark("suggestion.quoted", text=shown(text)) for text in texts[:MOST_SHOWN])
    return Remark("suggestion.texts", some=tuple(some), more=more)


def _undecided(key: str, **values: Value) -> Verdict:
    """Nobody but a person knows, and why."""
    return Verdict(None, Remark(f"decide.{key}", **values))


def shown(text: str, most: int = 40) -> str:
    """A text of a file as it can be printed: in one line, not too long, without control signs."""
    plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:most])
    return plain if len(text) <= most else plain[: most - 1] + "…"


def _referring(of: Target, cells: Cells, asking: Asking) -> Verdict:
    """References: by id, the login of a user, the phone of a contact, the name or phone of a
    customer, or another system's id."""
    rule, values = cells.rule, cells.stripped
    if all(_ID.fullmatch(value) for value in values):
        return Verdict(rule)
    is_id = form(cells.name).endswith(("id", "编号", "代码"))
    has_phone = all((kind, "phone") in SHARED for kind in of.refers_to)
    if has_phone and not is_id and all(map(known, values)):
        return Verdict(_with(rule, by="phone"))
    if of.refers_to == ("User",):
        if all(map(_LOGIN.fullmatch, values)):
            return Verdict(_with(rule, by="login"))
        by_name = f'{{ column = "{shown(cells.name)}", by = "name" }}'
        how = f'{{ template = "{{{shown(cells.name)}|login}}", by = "login" }}'
        return _undecided("no-login", texts=listed(values), by_name=by_name, how=how)
    if of.refers_to == ("Customer",) and not is_id:
        return Verdict(_with(rule, by="name"))
    if asking.system is not None:
        return Verdict(_with(rule, by="external", system=asking.system))
    kinds = Either(Remark("rows.kind", kind=kind) for kind in of.refers_to)
    return _undecided("whose-ids", kinds=kinds)


def _coded(of: Target, cells: Cells, asking: Asking) -> Verdict:
    """Texts for codes, by the names of the dictionary's entries."""
    dictionary = next(markers(of.annotation, Code)).dictionary
    known = asking.entries.get(dictionary, ())
    codes = Codes(dictionary, known)
    entries = {value: codes.of(value) for value in cells.stripped}
    values = {v: entry.code for v, entry in entries.items() if entry and entry.code != v}
    rule = _with(cells.rule, values=values) if values else cells.rule
    unknown = [value for value, entry in entries.items() if entry is None]
    closing = [value for value, entry in entries.items() if entry and entry.closes]
    if unknown:
        asked = {"code_of": dictionary, "dictionary": dictionary, "texts": listed(unknown)}
        return Verdict(rule, Remark("decide.which-code", **asked, there=spoken(known)))
    if closing:
        return Verdict(rule, Remark("decide.closing", texts=listed(closing)))
    return Verdict(rule)


def _several(of: Target, cells: Cells, asking: Asking) -> Verdict:
    between = [s for s in _SEPARATORS if any(s in text for text in cells.texts)]
    if len(between) > 1:
        return Verdict(cells.rule, Remark("decide.between", texts=listed(between)))
    return Verdict(_with(cells.rule, split=between[0]) if between else cells.rule)


def _amounts(of: Target, cells: Cells, asking: Asking) -> Verdict:
    """Amounts, in a currency that they, the heading or a column beside them say."""
    if cells.currencies is not None:
        return Verdict(Rule(template=f"{{{cells.name}}} {{{cells.currencies}}}"))
    if all(map(_WITH_CURRENCY.fullmatch, cells.stripped)):
        return Verdict(cells.rule)
    notation = _numbers(cells, asking)
    if notation is None:
        return _undecided("no-amounts", texts=listed(cells.stripped))
    said, times = unit(cells.name)
    in_units = [value for value in cells.stripped if counted(value)]
    if times and 0 < len(in_units) < len(cells.stripped):
        return _undecided("others-too", texts=listed(in_units))
    times = None if in_units else times
    signs = [SIGNS[sign] for sign in notation.signs]
    currency = said or asking.currency or _meant(signs)
    if currency is None or any(currency not in meant for meant in signs):
        return _undecided("currency", signs=" ".join(notation.signs) or None)
    rule = _with(cells.rule, currency=currency, **({"times": times} if times else {}))
    return _numeric(of, rule, notation, cells, asking)


def _meant(signs: Sequence[Sequence[str]]) -> str | None:
    """The one currency that all signs of a column may mean: 元 says what ¥ is. Beside US$, a $ may
    be another dollar."""
    common = set(signs[0]).intersection(*signs) if signs else set[str]()
    is_clear = len(common) == 1 and all(len(meant) <= 2 for meant in signs)
    return common.pop() if is_clear else None


def _numbers(cells: Cells, asking: Asking) -> NumberNotation | None:
    return asking.finding.numbers(cells.name) if asking.finding else numbers(cells.stripped)


def _numeric(
    of: Target, rule: Rule, notation: NumberNotation, cells: Cells, asking: Asking
) -> Verdict:
    """Numbers, with the decimal mark that all of them have."""
    if notation.is_undecided:
        return _undecided("thousand", text=notation.example)
    if notation.contradicting is not None:
        both = listed((notation.example, notation.contradicting))
        return _undecided("differently", texts=both)
    if not notation.is_plain:
        rule = _with(rule, decimal=notation.mark or ".")
    return _read(of, rule, cells, asking)


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
    """Dates or instants, in the one format in which they are written."""
    values = cells.stripped
    if all(map(_EIGHT_DIGITS.fullmatch, values)):
        return _read(of, _with(cells.rule, format="%Y%m%d"), cells, asking)
    found = asking.finding.dates(cells.name) if asking.finding else dates(values)
    if found is None:
        return _undecided("no-dates", texts=listed(values))
    if found.contradicting:
        return _undecided("contradicting", texts=listed(found.contradicting))
    if found.order is None:
        example, readings = listed((found.example,)), Either(found.readings)
        return _undecided("begins-with-day", texts=example, readings=readings)
    rule = cells.rule if found.format is None else _with(cells.rule, format=found.format)
    return _read(of, rule, cells, asking)


def _booleans(of: Target, cells: Cells, asking: Asking) -> Verdict:
    words = {form(w): said == "true" for said, ws in synonyms()["booleans"].items() for w in ws}
    values = {value: words.get(form(value)) for value in cells.stripped}
    unknown = [value for value, is_true in values.items() if is_true is None]
    if unknown:
        return _undecided("boolean", texts=listed(unknown))
    return Verdict(_with(cells.rule, values=values))


def _plain(of: Target, cells: Cells, asking: Asking) -> Verdict:
    """What the field itself takes: a text, a number, an address."""
    notation = _numbers(cells, asking) if of.holds(int, float, Decimal) else None
    if notation is not None:
        return _numeric(of, cells.rule, notation, cells, asking)
    return _read(of, cells.rule, cells, asking)


def _read(of: Target, rule: Rule, cells: Cells, asking: Asking) -> Verdict:
    """The rule, if it reads any of the values so that the field takes them."""
    values, takes = cells.stripped[:MOST_READ], taking(of, rule, asking.zone)
    wrong = [value for value in values if not takes(value)]
    if len(wrong) == len(values):
        return _undecided("none-can", texts=listed(wrong))
    said = Remark("decide.refused", texts=listed(wrong)) if wrong else None
    return Verdict(rule, said) if len(wrong) * 2 > len(values) else Verdict(rule, note=said)


def taking(of: Target, rule: Rule, zone: ZoneInfo) -> Callable[[str], bool]:
    """Tells whether the field takes a text that is read so."""
    adapter: TypeAdapter[Any] = TypeAdapter(of.annotation)
    read = of.reader(rule, zone)

    def takes(text: str) -> bool:
        try:
            adapter.validate_python(read(text))
        except ValueError:  # A text that cannot be read, or a value that the field refuses.
            return False
        return True

    return takes
