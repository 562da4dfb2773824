"""Hypothesis strategies made from models' fields: by type, bounds and markers, for any model."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from aggregates.values import (
    MINOR_UNITS,
    Code,
    Money,
    Ref,
    line,
    not_blank,
    valid_email,
    valid_phone,
)

PHONES = ("13812345678", "+86 138 1234 5678", "021-58881234", "+1 202 555 0143", "+81 90-1234-5678")
EMAILS = ("a@example.cn", "fang.wang+crm@mail.example.com", "王芳@例子.公司")
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
LINE_CHARACTERS = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
Strategy = st.SearchStrategy[Any]


@dataclass(frozen=True)
class World:
    """What commands may name."""

    ids: Mapping[str, Sequence[UUID]] = field(default_factory=dict)
    """Kind → records."""
    codes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Dictionary → codes."""

    def refer(self, ref: Ref) -> Strategy:
        known = [id for kind in ref.kinds for id in self.ids.get(kind, ())]
        return st.sampled_from(known) if known else st.uuids()

    def code(self, code: Code) -> Strategy:
        known = self.codes.get(code.dictionary, ())
        return st.sampled_from(known) if known else st.sampled_from(["other", "a", "price"])


def models(model: type[BaseModel], world: World) -> Strategy:
    """Values of a model's fields, as a dictionary; those that may be left out sometimes are."""
    required: dict[str, Strategy] = {}
    optional: dict[str, Strategy] = {}
    for name, info in model.model_fields.items():
        one = values(info.rebuild_annotation(), world)
        (required if info.is_required() else optional)[name] = one
    return st.fixed_dictionaries(required, optional=optional)


def instances(model: type[BaseModel], world: World) -> Strategy:
    """Valid instances of a model."""
    return models(model, world).map(model.model_validate)


def values(annotation: Any, world: World, metadata: tuple[Any, ...] = ()) -> Strategy:
    """Values that a field of this annotation takes. TypeError where no rule is known."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return values(arguments[0], world, (*_flat(arguments[1:]), *metadata))
    if origin in (Union, types.UnionType):
        return st.one_of(*(values(member, world, metadata) for member in arguments))
    if origin is tuple:
        items = values(arguments[0], world)
        return st.lists(items, min_size=_bound(metadata, MinLen, 0), max_size=4).map(tuple)
    if origin is dict:
        keys, scalars = (values(argument, world) for argument in arguments)
        return st.dictionaries(keys, scalars, max_size=4)
    if origin is Literal:
        return st.sampled_from(arguments)
    if annotation is Money:
        return monies()
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return models(annotation, world).map(annotation.model_validate)
    return _scalars(annotation, world, metadata)


def _scalars(annotation: Any, world: World, metadata: tuple[Any, ...]) -> Strategy:
    if annotation is None or annotation is type(None):
        return st.none()
    if annotation is bool:
        return st.booleans()
    if annotation is str:
        return _texts(world, metadata)
    if annotation is UUID:
        refs = [marker for marker in metadata if isinstance(marker, Ref)]
        return world.refer(refs[0]) if refs else st.uuids()
    if annotation is int:
        return st.integers(_bound(metadata, Ge, -(2**53)), _bound(metadata, Le, 2**53))
    if annotation is float:
        low, high = _bound(metadata, Gt, None), _bound(metadata, Lt, None)
        return st.floats(low, high, exclude_min=True, exclude_max=True, allow_nan=False)
    if annotation is date:
        return st.dates(_bound(metadata, Ge, date.min), _bound(metadata, Le, date.max))
    if annotation is datetime:
        return st.datetimes(datetime(1900, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))
    raise TypeError(f"there is no strategy for {annotation}: add one to tests/strategies.py")


def _texts(world: World, metadata: tuple[Any, ...]) -> Strategy:
    checks = [marker.func for marker in metadata if isinstance(marker, AfterValidator)]
    codes = [marker for marker in metadata if isinstance(marker, Code)]
    patterns = [m.pattern for m in metadata if isinstance(m, StringConstraints) and m.pattern]
    if codes:
        return world.code(codes[0])
    if valid_phone in checks:
        return st.sampled_from(PHONES)
    if valid_email in checks:
        return st.sampled_from(EMAILS)
    if patterns:
        return st.from_regex(patterns[0], fullmatch=True).filter(lambda t: "\n" not in t)
    is_line, may_be_empty = line in checks, not {line, not_blank} & {*checks}
    characters = LINE_CHARACTERS if is_line else CHARACTERS
    texts = st.text(characters, min_size=0 if may_be_empty else 1, max_size=30)
    return texts.filter(lambda text: all(_passes(check, text) for check in checks))


def _passes(check: Any, text: str) -> bool:
    try:
        check(text)
    except PydanticCustomError:
        return False
    return True


def monies() -> Strategy:
    """Amounts within the scale of their currency."""

    def amounts(currency: str) -> Strategy:
        numbers = st.decimals(-(10**12), 10**12, places=MINOR_UNITS[currency])
        return numbers.map(lambda n: Money(amount=Decimal(n), currency=currency))

    return st.sampled_from(["CNY", "USD", "JPY", "KWD"]).flatmap(amounts)


def _flat(metadata: tuple[Any, ...]) -> tuple[Any, ...]:
    """The markers themselves, out of the FieldInfo objects that hold some."""
    held = [m.metadata if isinstance(m, FieldInfo) else [m] for m in metadata]
    return tuple(marker for markers in held for marker in markers)


def _bound(metadata: tuple[Any, ...], kind: type[Any], default: Any) -> Any:
    names = {Ge: "ge", Gt: "gt", Le: "le", Lt: "lt", MinLen: "min_length", MaxLen: "max_length"}
    found = [getattr(m, names[kind]) for m in metadata if isinstance(m, kind)]
    return found[-1] if found else default
