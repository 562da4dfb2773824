"""Fillers: rules bound to a file's columns and a command's fields."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from adapters.importing.detecting import Notations
from adapters.importing.faults import fault
from adapters.importing.mapping import BadMapping, Rule
from adapters.importing.references import MADE, Finds, Reference, made, referring
from adapters.importing.settling import settled
from adapters.importing.targets import Read, Target, target
from adapters.importing.templates import Cells, Columns, Text
from adapters.remarks import Remark, Unread, why
from aggregates.base import markers
from aggregates.errors import FieldError, Invalid
from aggregates.values import Code, CodeText
from commands.base import Command

_CODE: TypeAdapter[str] = TypeAdapter(CodeText)


@dataclass(frozen=True, slots=True)
class Filler:
    """Makes one field's value of a row."""

    path: tuple[str, ...]
    constant: Any
    text: Text | None
    """None: the value is the constant."""
    rule: Rule
    read: Read | None
    """From a text to a value or a reference; None: the text is the value."""
    default: Any = None
    """The value of an empty cell."""

    def value(self, cells: Cells) -> Any:
        """The field's value; None where the row has none. Raises Invalid."""
        if self.text is None:
            return self.constant
        rule = self.rule
        try:
            text = self.text(cells)
            if rule.trim:
                text = text.strip()
            if not text:
                return self.default
            stands_for = rule.values.get(text, text) if rule.values else text
            if self.read is None or not isinstance(stands_for, str):
                return stands_for
            return self.read(stands_for)
        except ValueError as error:
            raise Invalid(why(error).of(".".join(self.path))) from error


class Binding:
    """What rules are bound to: the file's columns and notations, the zone, the other system's
    name."""

    def __init__(
        self,
        columns: Columns,
        zone: ZoneInfo,
        system: str | None,
        finding: Notations | None = None,
        parts: Mapping[str, str] | None = None,
    ) -> None:
        """``finding``: None where columns are read as the rules say and in no other way;
        ``parts``: names of the row's other records → the kind of each."""
        self.columns, self._zone, self._system = columns, zone, system
        self._finding = finding
        self._parts = dict(parts or {})
        self.is_lenient = False
        """Whether some rule goes without what it names, where that is not there."""

    def fillers(self, command: type[Command[Any]], rules: Mapping[str, Rule]) -> tuple[Filler, ...]:
        """One for each rule. Raises BadMapping."""
        return tuple(self._named(command, name, rule) for name, rule in rules.items())

    def filler(self, of: Target, rule: Rule) -> Filler:
        if rule.made is not None:
            one = self._made(of, rule.made)
            return Filler(of.path, [one] if of.is_several else one, None, rule, None)
        if rule.constant is not None:
            return Filler(of.path, self._said(of, rule, rule.constant), None, rule, None)
        text, default = self.columns.text(rule), self._said(of, rule, rule.default)
        for stands_for in rule.values.values():
            if not isinstance(stands_for, str):
                self._said(of, rule, stands_for)
        if self._finding is not None:
            rule = settled(rule, of, self._finding)
        return Filler(of.path, None, text, rule, self._read(of, rule), default)

    def _said(self, of: Target, rule: Rule, given: Any) -> Any:
        """The value that the mapping itself gives: a text is read as that of a cell, a date or
        time as 2026-03-01. Raises BadMapping where it cannot be the field's."""
        read = self._read(of, rule.model_copy(update={"format": None}))
        try:
            if of.holds(date, datetime) and given is not None:
                given = str(given)  # A number is no moment, though some count seconds by it.
            value = read(given) if read is not None and isinstance(given, str) else given
            if given is not None and not _holds_references(value):
                TypeAdapter(of.annotation).validate_python(value)
        except ValidationError as error:
            raise _cannot_be(of, given, fault(error.errors()[0])) from None
        except ValueError as error:
            raise _cannot_be(of, given, why(error)) from None
        return value

    def _made(self, of: Target, name: str) -> Reference:
        kind = self._parts.get(name)
        if kind is None:
            raise BadMapping("mapping.no-part", part=name, known=tuple(self._parts) or None)
        if kind not in of.refers_to:
            raise BadMapping("mapping.takes-none", field=of.name, kind=kind)
        return made(name, kind)

    def _named(self, command: type[Command[Any]], name: str, rule: Rule) -> Filler:
        try:
            return self.filler(target(command, name), rule)
        except BadMapping as error:
            raise BadMapping("mapping.field", field=name, said=error.remark) from error

    def _read(self, of: Target, rule: Rule) -> Read | None:
        if of.refers_to:
            read = referring(of.refers_to, rule, self._system)
            self.is_lenient |= rule.missing == "note"
            if read is not None:
                return several(read, rule.split) if of.is_several else read
        code = next(markers(of.annotation, Code), None)
        if code is not None:
            return lambda text: _code(text, code.dictionary)
        reader = of.reader(rule, self._zone)
        return None if reader is str else reader


def _cannot_be(of: Target, given: Any, said: Remark) -> BadMapping:
    return BadMapping("mapping.cannot-be", field=of.name, text=str(given), said=said)


def _holds_references(value: Any) -> bool:
    return any(
        isinstance(one, Reference) for one in (value if isinstance(value, list) else [value])
    )


@lru_cache(1_000)
def _code(text: str, dictionary: str) -> str:
    """The text, where codes are written so; whether there is one, the rules find out."""
    try:
        return _CODE.validate_python(text)
    except ValidationError:
        said = {"text": text, "dictionary": dictionary, "dictionary_code": dictionary}
        raise Unread("cells.no-code", **said) from None


Fields = dict[str, Any]


def filled(fillers: Iterable[Filler], cells: Cells) -> Fields:
    """Field → value, parts nested; references stay to be found. Raises Invalid naming all."""
    fields: Fields = {}
    errors: list[FieldError] = []
    for filler in fillers:
        try:
            value = filler.value(cells)
        except Invalid as error:
            errors += error.errors
            continue
        if value is not None:
            inside = fields
            for part in filler.path[:-1]:
                inside = inside.setdefault(part, {})
            inside[filler.path[-1]] = value
    if errors:
        raise Invalid(*errors)
    return fields


def several(read: Read, split: str | None) -> Read:
    """How a text is read that names several records, or one where there may be several."""
    return lambda text: [read(part) for part in (text.split(split) if split else [text])]


def references(fields: Fields) -> Iterable[Reference]:
    """Those that are to be found before the fields are complete."""
    return (reference for _, reference in _referred(fields) if reference.scope != MADE)


def refers_to_parts(fields: Fields) -> bool:
    """Whether they name what other parts of the row make."""
    return any(reference.scope == MADE for _, reference in _referred(fields))


def with_made(fields: Fields, made: Mapping[str, str]) -> Fields:
    """The fields with a text for each record that another part of the row makes."""
    said = {n: made.get(one.value) for n, one in _referred(fields) if one.scope == MADE}
    return {**fields, **said}


def _referred(fields: Fields) -> list[tuple[str, Reference]]:
    """Field and reference; of a field that takes several, each."""
    referred = []
    for name, value in fields.items():
        if type(value) is Reference:
            referred.append((name, value))
        elif type(value) is list:
            referred += [(name, one) for one in value if isinstance(one, Reference)]
    return referred


def resolved(fields: Fields, found: Finds) -> Fields:
    """The fields with ids for references, without those that are missing and may be.

    Raises Invalid naming those that were not found and may not.
    """
    named = _referred(fields)
    if not named:
        return fields
    ids: dict[str, list[UUID]] = {}
    wrong = []
    for name, one in named:
        of = ids.setdefault(name, [])
        id = found.get(one)
        if id is not None:
            of.append(id)
        elif not one.is_optional:
            wrong.append(found.why_not(one).of(name))
    if wrong:
        raise Invalid(*wrong)
    complete = dict(fields)
    for name, found_ids in ids.items():
        if found_ids:
            complete[name] = found_ids if type(fields[name]) is list else found_ids[0]
        else:
            del complete[name]
    return complete


def dangling(fields: Fields, found: Finds) -> Iterable[FieldError]:
    """References that may be missing, and are."""
    for name, one in _referred(fields):
        if one.is_optional and one.scope != MADE and found.get(one) is None:
            yield found.why_not(one).of(name)
