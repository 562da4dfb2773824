"""Mapping files (TOML): which column fills which field of which command."""

import tomllib
from collections.abc import Iterable, Sequence
from datetime import date, time
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from adapters.importing.faults import Inconsistent, faults
from adapters.importing.sources import Choices, UnreadableFile
from adapters.remarks import Remarkable, Saying, of_system


class BadMapping(Remarkable):
    """The mapping is wrong, by itself or for this file; the message says where."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """What was probably meant."""
    return next(iter(get_close_matches(name, known, 1)), None)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _spelt(value: Any) -> Any:
    """A date or time that is written without quotes is the text that it is."""
    return value.isoformat() if isinstance(value, date | time) else value


Scalar = Annotated[str | int | float | bool, BeforeValidator(_spelt)]


class Rule(_Part):
    """How one value is made. Exactly one of ``column``, ``template``, ``constant`` and ``made``."""

    column: str | None = None
    template: str | list[str] | None = None
    """``{column}`` and ``{column|filter}`` in a text; of several, the first whose columns are all
    filled."""
    constant: Scalar | list[Scalar] | None = None
    made: str | None = None
    """Of a reference: the record that another part of the row, of this name, has entered."""
    trim: bool = False
    values: dict[str, Scalar] = {}
    """What stands for what; a text that is not listed stays as it is."""
    default: Scalar | None = None
    """For an empty cell."""
    type: Literal["text", "integer", "number", "boolean"] = "text"
    """Of a custom field, whose type nothing else says."""
    format: str | None = None
    """Of a date or instant, as strptime reads it; without it, ISO 8601."""
    decimal: Literal[".", ","] | None = None
    """What the decimals of a number begin with; between thousands may then stand the other one."""
    split: str | None = None
    """What stands between the values of a field that takes several."""
    currency: str | None = None
    times: Decimal | None = None
    """One in the file is this many units of the currency, or of what the field counts."""
    by: str | None = None
    """How a reference finds its record: name, login, phone, external, or id."""
    system: str | None = None
    """The other system's name, for ``by = "external"``."""
    missing: Literal["refuse", "note"] = "refuse"
    """Of a reference to what is not there: refuse the row, or go without and note it."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = (self.column, self.template, self.constant, self.made)
        if sum(source is not None for source in sources) != 1:
            raise Inconsistent("mapping.one-of")
        return self


def _shorthand(value: Any) -> Any:
    """``name = "account"`` is short for ``name = { column = "account" }``."""
    return {"column": value} if isinstance(value, str) else value


AnyRule = Annotated[Rule, BeforeValidator(_shorthand)]


class External(_Part):
    """What the other system calls the record."""

    system: str
    id: AnyRule


class Conditional(_Part):
    """What is for some rows only. Column → a text or several; "" is an empty cell."""

    when: dict[str, str | list[str]] = {}
    """One of them must stand there."""
    unless: dict[str, str | list[str]] = {}
    """None of them may stand there."""


class Step(Conditional):
    """A further command to the same record, for rows of which the conditions hold."""

    command: str
    occurred_at: AnyRule | None = None
    fields: dict[str, AnyRule] = {}
    if_differs: bool = False
    """Whether it is made only where the record is not as the fields say already."""
    reason: AnyRule | None = None
    """Why, or what the other system calls it; kept with the event as it is written."""


class Also(Conditional):
    """Another record that a row speaks of: found, or else entered, before the row's own."""

    kind: str
    name: str = ""
    """By which ``made`` refers to it; the kind's, where there is none."""
    external: External | None = None
    identity: AnyRule | None = None
    """What makes two rows speak of the same record where there is no external id."""
    occurred_at: AnyRule | None = None
    fields: dict[str, AnyRule]

    @property
    def called(self) -> str:
        return self.name or self.kind

    def alone(self, exported: bool) -> "Mapping":
        """The mapping of this record by itself."""
        own = {name: getattr(self, name) for name in type(self).model_fields if name != "name"}
        return Mapping(exported=exported, **own)


class Suspicion(Conditional):
    """What is kept as it is but said in the report."""

    says: str
    earlier: AnyRule | None = None
    """A moment that should not be before ``than``; without them, the conditions say enough."""
    than: AnyRule | None = None

    @model_validator(mode="after")
    def _compares_two(self) -> Self:
        if (self.earlier is None) != (self.than is None):
            raise Inconsistent("mapping.earlier")
        return self


class Mapping(Conditional):
    """A mapping file; rows of which the conditions do not hold are skipped."""

    kind: str
    encoding: str | None = None
    """In which the file is written, and what separates its cells, and which sheet it is of a
    workbook; without them, what the file itself says."""
    delimiter: str | None = None
    sheet: str | None = None
    exported: bool = False
    """Whether it was exported from here: cells may then have marks against formulas."""
    external: External | None = None
    identity: AnyRule | None = None
    """What makes two rows the same record where there is no external id."""
    occurred_at: AnyRule | None = None
    """When the record came into being."""
    fields: dict[str, AnyRule] | None = None
    then: list[Step] = []
    record: AnyRule | None = None
    """The record that a row tells more of: nothing is entered then, only steps are made."""
    also: list[Also] = []
    """Further records of a row, each before those that refer to it, the row's own last."""
    on_behalf_of: AnyRule | None = None
    """The user who did what the row says."""
    in_order: bool = False
    """Whether the rows of a record are its history: after a refused one the rest waits."""
    suspicious: list[Suspicion] = []

    @property
    def columns(self) -> dict[str, str]:
        """Field → the column that fills it; fields of other records with those's names before."""
        own = {"record": self.record, "occurred_at": self.occurred_at, **(self.fields or {})}
        external = {} if self.external is None else {"external.id": self.external.id}
        parts = {f"{a.called}.{n}": rule for a in self.also for n, rule in a.fields.items()}
        steps = {n: rule for step in self.then for n, rule in step.fields.items()}
        rules = {**steps, **parts, **external, "on_behalf_of": self.on_behalf_of, **own}
        return {n: rule.column for n, rule in rules.items() if rule and rule.column}

    @property
    def choices(self) -> Choices:
        """What it says of the file."""
        return Choices(self.encoding, self.delimiter, self.sheet)

    @model_validator(mode="after")
    def _one_character(self) -> Self:
        try:
            _ = self.choices
        except UnreadableFile as error:
            raise Inconsistent(error.remark.key, **error.remark.values) from None
        return self

    @model_validator(mode="after")
    def _enters_or_tells_more(self) -> Self:
        if (self.record is None) == (self.fields is None):
            raise Inconsistent("mapping.fields-or-record")
        if self.record is not None and (self.external is not None or not self.then):
            raise Inconsistent("mapping.record")
        if self.in_order and self.record is None:
            raise Inconsistent("mapping.in-order")
        return self


def load(path: Path) -> Mapping:
    """The mapping in a file. Raises BadMapping."""
    try:
        return parsed(path.read_bytes(), str(path))
    except OSError as error:
        raise BadMapping("file.unreadable", path=str(path), said=of_system(error)) from error


def parsed(text: bytes, called: Saying) -> Mapping:
    """The mapping that a TOML text holds, or a JSON text of the same shape. Raises BadMapping."""
    try:
        if text.lstrip().startswith(b"{"):  # No TOML begins so.
            return Mapping.model_validate_json(text)
        return Mapping.model_validate(tomllib.loads(text.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise BadMapping("mapping.not-utf", path=called) from error
    except RecursionError as error:
        raise BadMapping("mapping.nested", path=called) from error
    except ValidationError as error:
        raise BadMapping("mapping.wrong", path=called, said=faults(error)) from error
    except ValueError as error:  # Not only TOMLDecodeError: a number may have too many digits.
        raise BadMapping("mapping.no-toml", path=called, said=str(error)) from error


REPORTED = ("line", "reason")
"""Columns that a file of refused rows has before those of its original."""


def is_reported(name: str) -> bool:
    """Whether a column is one of those; where the original has one called so, ``_`` is added."""
    return name.rstrip("_") in REPORTED


def reported_columns(header: Sequence[str]) -> int:
    """How many columns at the beginning say why the row was refused before."""
    first = [*map(is_reported, header[: len(REPORTED)])]
    return len(REPORTED) if first == [True] * len(REPORTED) else 0


def by_name(kind: str, header: list[str]) -> Mapping:
    """The mapping of a file whose columns are called like the fields that they fill."""
    fields = {name: Rule(column=name) for name in header if name and not is_reported(name)}
    occurred_at = fields.pop("occurred_at", None)
    return Mapping(kind=kind, occurred_at=occurred_at, fields=fields)
