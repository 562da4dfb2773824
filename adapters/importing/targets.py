"""The fields of a command as an import fills them: found by their path, read from texts."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, get_args, get_origin
from zoneinfo import ZoneInfo

import orjson
from pydantic import BaseModel

from adapters.importing.counting import counted
from adapters.importing.mapping import BadMapping, Rule, nearest
from adapters.importing.notations import plain, year_first
from adapters.remarks import Unread
from aggregates.base import markers
from aggregates.values import Money, Ref

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_YEAR_THEN_DAY = re.compile(r"%[Yy].?%d")
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_MONEY = re.compile(r"(-?[\d.]+) ?([A-Z]{3})", re.ASCII)

Read = Callable[[str], Any]
"""From the text of a cell to the value of a field. Raises Unread saying what is wrong."""


@dataclass(frozen=True, slots=True)
class Target:
    """A field of a command, possibly inside a part of it (``primary_contact.name``)."""

    path: tuple[str, ...]
    annotation: Any
    """``Any`` for a custom field."""

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def refers_to(self) -> tuple[str, ...]:
        """The kinds of records whose id it may hold; none where it holds no id."""
        ref = next(markers(self.annotation, Ref), None)
        return () if ref is None else ref.kinds

    @property
    def is_several(self) -> bool:
        """Whether it takes several values."""
        return tuple in _types(self.annotation)

    @property
    def is_custom(self) -> bool:
        return self.annotation is Any

    def holds(self, *kinds: type) -> bool:
        """Whether its value, or one of its values, is of one of these kinds."""
        return bool(set(kinds) & set(_types(self.annotation)))

    @property
    def parts(self) -> type[BaseModel] | None:
        """What it consists of, where its parts are fields of their own."""
        found = _model_in(self.annotation)
        return None if found is Money else found

    def reader(self, rule: Rule, zone: ZoneInfo) -> Read:
        """How its texts are read under a rule."""
        read, mark, currency = self._reader(rule, zone), rule.decimal, rule.currency
        if mark is None:
            return read
        return lambda text: read(plain(text, mark, currency))

    def _reader(self, rule: Rule, zone: ZoneInfo) -> Read:
        types = set(_types(self.annotation))
        if self.is_custom:
            return lambda text: scalar(text, rule.type)
        if tuple in types:
            return lambda text: text.split(rule.split) if rule.split else [text]
        if Money in types:
            return lambda text: money(text, rule.currency, rule.times)
        if datetime in types:
            return lambda text: instant(text, rule.format, zone)
        if date in types:
            return lambda text: day(text, rule.format).isoformat()
        if int in types and rule.times is not None:
            times = rule.times
            return lambda text: multiplied(text, times)
        return str


def target(command: type[BaseModel], name: str) -> Target:
    """The field of this name. Raises BadMapping, naming those there are."""
    path = tuple(name.split("."))
    model: Any = command
    annotation: Any = None
    for depth, part in enumerate(path):
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return _custom(command, path, depth, model)
        if part not in model.model_fields:
            known, meant = tuple(model.model_fields), nearest(part, model.model_fields)
            said = {"of": _called(command), "field": name, "meant": meant}
            raise BadMapping("mapping.no-field", **said, known=known)
        annotation = model.model_fields[part].rebuild_annotation()
        model = _model_in(annotation) or annotation
    return Target(path, annotation)


def _custom(command: type[BaseModel], path: tuple[str, ...], depth: int, found: Any) -> Target:
    """A custom field, the only other thing that has parts."""
    if depth != len(path) - 1 or dict not in _types(found):
        raise BadMapping("mapping.no-parts", of=_called(command), field=".".join(path[:depth]))
    return Target(path, Any)


def _called(command: type[BaseModel]) -> str:
    return str(getattr(command, "NAME", command.__name__.lower()))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for kind in _types(annotation):
        if issubclass(kind, BaseModel):
            return kind
    return None


def _types(annotation: Any) -> list[type]:
    """Every class an annotation names at its top: not what a list holds."""
    origin = get_origin(annotation)
    if isinstance(annotation, type) and origin is None:
        return [annotation]
    if isinstance(origin, type) and origin in (tuple, list, dict):
        return [origin]
    return [kind for part in get_args(annotation) for kind in _types(part)]


def day(text: str, format: str | None) -> date:
    """A date in this format, as 2026-03-01, or otherwise with the year first, and in no other way.

    What has a time, beside midnight, is no day, unless the format has one, too.
    """
    if format is not None:
        moment = _parsed(text, format)
        if moment.time() != time.min and "%M" not in format:
            raise Unread("cells.not-as", text=text, format=format)
        return moment.date()
    if not _DATE.fullmatch(text):
        found = year_first(text)
        if found is None or found.time() != time.min:
            raise Unread("cells.no-date", text=text)
        return found.date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unread("cells.no-day", text=text) from None


def instant(text: str, format: str | None, zone: ZoneInfo) -> datetime:
    """An instant; of a day alone, its start in the zone; a time without offset is in the zone."""
    if format is not None:
        moment = _parsed(text, format)
    elif _DATE.fullmatch(text):
        moment = datetime.combine(day(text, None), time.min)
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            found = year_first(text)
            if found is None:
                raise Unread("cells.no-instant", text=text) from None
            moment = found
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _parsed(text: str, format: str) -> datetime:
    try:
        return datetime.strptime(text, format)
    except ValueError:
        found = None if _YEAR_THEN_DAY.match(format) else year_first(text)
        if found is None:
            raise Unread("cells.not-as", text=text, format=format) from None
        return found


def money(text: str, currency: str | None, times: Decimal | None) -> dict[str, str]:
    """An amount in the rule's currency, or one that says its own: ``12.50 CNY``; and one that says
    what it counts in: ``12.5万``."""
    if (unit := counted(text)) is not None:
        if times is not None:
            said = {"text": text, "unit": unit.unit, "times": str(times)}
            raise Unread("cells.in-units", **said)
        text, times = unit.number, Decimal(unit.times)
    if currency is None:
        match = _MONEY.fullmatch(text)
        if match is None:
            raise Unread("cells.no-amount", text=text)
        text, currency = match[1], match[2]
    if times is not None:
        text = multiplied(text, times)
    return {"amount": text, "currency": currency}


def multiplied(text: str, times: Decimal) -> str:
    """A number that counts in other units in the file."""
    if not _NUMBER.fullmatch(text):
        raise Unread("cells.no-number", text=text)
    product = Decimal(text) * times
    whole = product == product.to_integral_value()
    return format(product.to_integral_value() if whole else product.normalize(), "f")


def scalar(text: str, type: str) -> Any:
    """A custom field's value."""
    match type:
        case "integer":
            if not _INTEGER.fullmatch(text):
                raise Unread("cells.no-integer", text=text)
            return int(text)
        case "number":
            if not _NUMBER.fullmatch(text):
                raise Unread("cells.no-number", text=text)
            return float(text)
        case "boolean":
            if text.lower() not in ("true", "false"):
                raise Unread("cells.no-boolean", text=text)
            return text.lower() == "true"
    return text


def written(value: Any) -> str:
    """A value in a form that is the same whenever the value is."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str).decode()
