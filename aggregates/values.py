"""Value types that fields of commands, events and rows share.

A text is kept byte for byte or refused: nothing is trimmed, folded or repaired in silence.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self
from uuid import UUID

import iso4217
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from aggregates import emails, phones

MINOR_UNITS = {c.code: c.exponent for c in iso4217.Currency if c.exponent is not None}
"""Decimals of each ISO 4217 currency; metals and test codes have none and are no currencies."""


class Value(BaseModel):
    """A frozen value with named parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def left_out() -> Any:
    """Default of a field that a request may leave out, but not set to null."""
    return Field(default_factory=lambda: None)


class Ref:
    """Marks an id field: a record of one of these kinds that exists and can be referred to."""

    __slots__ = ("kinds",)

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds


class Code:
    """Marks a text field: an entry of this dictionary that exists and is not retired."""

    __slots__ = ("dictionary",)

    def __init__(self, dictionary: str) -> None:
        self.dictionary = dictionary


class Personal:
    """Marks a field as personal data, sealed with the key of its data subject.

    ``subject`` is ``self`` (the stream: a contact, a user) or ``customer`` (the customer the
    stream belongs to: free texts).
    """

    __slots__ = ("subject",)

    def __init__(self, subject: str = "self") -> None:
        assert subject in ("self", "customer")
        self.subject = subject


# Texts

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """The text itself; refused where it holds NUL or a lone surrogate."""
    if _UNSTORABLE.search(text):
        raise PydanticCustomError("unstorable", "must not contain NUL or lone surrogates")
    return text


_SHOWS_NOTHING = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""What shows nothing although its category is another: Default_Ignorable_Code_Point of Unicode, and
Braille without dots."""
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""Categories of what shows nothing by itself: controls, formats, line ends, spaces."""


def shows(character: str) -> bool:
    """Whether the character alone can be seen."""
    return unicodedata.category(character) not in _UNSEEN and not _SHOWS_NOTHING.match(character)


def seen(text: str) -> str:
    """The text without what shows nothing; spaces and line ends stay."""
    if text.isprintable() and not _SHOWS_NOTHING.search(text):
        return text  # Nearly every one, and much faster.
    return "".join(c for c in text if c.isspace() or shows(c))


def not_blank(text: str) -> str:
    """The text itself; refused where it shows nothing."""
    if not any(map(shows, storable(text))):
        raise PydanticCustomError("blank", "must not be blank")
    return text


_NO_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BEGINS_PLAINLY = re.compile("[0-9A-Za-z\u4e00-\u9fff]")
"""With something that shows, whatever follows."""


def line(text: str) -> str:
    """The text itself; refused where it shows nothing, or has control characters or line ends.

    Joiners and signs of direction are part of what people write, and stay.
    """
    if text.isprintable() and _BEGINS_PLAINLY.match(text):
        return text  # Nearly every one, and much faster.
    if _NO_LINE.search(not_blank(text)):
        raise PydanticCustomError("line", "must be one line without control characters")
    return text


Text = Annotated[str, StringConstraints(max_length=300), AfterValidator(line)]
"""One line: a name, a title, a subject."""
LongText = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(not_blank)]
"""Free text in paragraphs."""
FreeText = Annotated[LongText, Personal("customer")]
"""Free text about a customer: may name persons, so it is sealed with the customer's key."""
Tag = Annotated[str, StringConstraints(max_length=60), AfterValidator(line)]
MOST_TAGS = 100
Tags = Annotated[tuple[Tag, ...], Field(max_length=MOST_TAGS)]
CodeText = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,59}$")]
"""The stored form of a dictionary entry."""


# Dates and numbers


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


def _day(value: Any) -> date:
    """The date a text writes in full; a number of seconds since 1970 is none."""
    if type(value) is date:
        return value
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        raise PydanticCustomError("date_parsing", "must be a date such as 2026-03-01")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise PydanticCustomError("date_parsing", "there is no such day") from error


def _instant(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        raise PydanticCustomError("datetime_parsing", "must be an RFC 3339 instant")
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise PydanticCustomError("datetime_parsing", "there is no such moment") from error


Instant = Annotated[datetime, BeforeValidator(_instant)]


def _from(first: date) -> Any:
    """A check that a day is not before the first, nor after the last; bounds as people write them.

    For pydantic's own, which stay for who reads the type, bounds are Python's.
    """

    def placed(value: Any) -> date:
        day = _day(value)
        if not first <= day <= _LAST_DAY:
            bounds = {"min": first.isoformat(), "max": _LAST_DAY.isoformat()}
            raise PydanticCustomError("out-of-range", "must be from {min} to {max}", bounds)
        return day

    return BeforeValidator(placed), Field(ge=first, le=_LAST_DAY)


_LAST_DAY = date(2199, 12, 31)
BusinessDate = Annotated[date, *_from(date(1900, 1, 1))]
_YEARS = range(1900, 2200)


def _placed(instant: datetime) -> datetime:
    """The instant in UTC; refused where it does not say its offset, or is in no year of ours."""
    if instant.tzinfo is None:
        raise PydanticCustomError("without-offset", "needs an offset such as Z or +08:00")
    if instant.year not in _YEARS:
        years = {"min": str(_YEARS[0]), "max": str(_YEARS[-1])}
        raise PydanticCustomError("out-of-range", "must be in the years {min} to {max}", years)
    return instant.astimezone(UTC)


BusinessInstant = Annotated[Instant, AfterValidator(_placed)]
"""A moment that people agree on, past or to come."""
FoundingDate = Annotated[date, *_from(date(1000, 1, 1))]
Count = Annotated[int, Field(ge=0, le=100_000_000)]
Percent = Annotated[int, Field(ge=0, le=100)]

_AMOUNT = re.compile(r"^-?\d{1,15}(\.\d{1,4})?$", re.ASCII)


def _amount(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        value = format(value, "f")
    if not isinstance(value, str) or not _AMOUNT.match(value) or value.endswith("\n"):
        raise PydanticCustomError(
            "amount", 'must be a string such as "12.50": up to 15 digits, at most 4 decimals'
        )
    return Decimal(value)


class Money(Value):
    """An amount in a currency (ISO 4217), with no more decimals than the currency has."""

    amount: Annotated[
        Decimal,
        BeforeValidator(_amount),
        PlainSerializer(lambda v: format(v, "f"), return_type=str),
        WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,15}(\.\d{1,4})?$"}),
    ]
    currency: Annotated[str, WithJsonSchema({"type": "string", "enum": sorted(MINOR_UNITS)})]

    @field_validator("currency")
    @classmethod
    def _known(cls, currency: str) -> str:
        if currency not in MINOR_UNITS:
            raise PydanticCustomError("currency", "is not an ISO 4217 currency code")
        return currency

    @model_validator(mode="after")
    def _scale(self) -> Self:
        decimals = MINOR_UNITS[self.currency]
        if self.amount != round(self.amount, decimals):
            raise PydanticCustomError(
                "scale",
                "{currency} has at most {decimals} decimals",
                {"currency": self.currency, "decimals": decimals},
            )
        return self


# Reaching people


def valid_phone(text: str) -> str:
    """The text as entered; refused where it is no number of any region's numbering plan."""
    if phones.is_plain(text):
        return text
    if _NO_LINE.search(storable(text)) or phones.known(text) is None:
        raise PydanticCustomError("phone", "is not a valid phone number")
    return text


def valid_email(text: str) -> str:
    """The address as entered; refused where its syntax is wrong. Nothing is looked up."""
    if not emails.is_valid(storable(text)):
        raise PydanticCustomError("email", "is not a valid e-mail address")
    return text


Phone = Annotated[str, StringConstraints(max_length=40), AfterValidator(valid_phone)]
Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(valid_email)]


# Identity in other systems, and fields of the organisation's own


class ExternalId(Value):
    """How another system calls the record; unique per system among records of a kind."""

    system: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,59}$")]
    id: Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(line)]


Scalar = (
    bool
    | Annotated[int, Field(ge=-(2**53), le=2**53)]
    | Annotated[float, Field(gt=-(2**53), lt=2**53, allow_inf_nan=False)]
    | Annotated[str, StringConstraints(max_length=2_000), AfterValidator(storable)]
    | None
)
MOST_CUSTOM = 200
Custom = Annotated[dict[CodeText, Scalar], Field(max_length=MOST_CUSTOM)]
"""Values of custom fields, by code. Treated as immutable. Numbers beyond 2^53 are refused: as
doubles they would be kept as other numbers."""


def with_changes(known: dict[str, Any] | None, changes: dict[str, Any]) -> dict[str, Any] | None:
    """Custom fields after some were changed; one that is set to null is there no more."""
    merged = {**(known or {}), **changes}
    return {code: value for code, value in merged.items() if value is not None} or None


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """What a rule may know of a dictionary entry that a field names."""

    code: str
    pipeline: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Referred:
    """What a rule may know of a record that a field names."""

    kind: str
    id: UUID
    customer_id: UUID | None = None
    """The customer it belongs to now: itself, where it is one."""
