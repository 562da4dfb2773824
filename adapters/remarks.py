"""Remarks: what is said to people, kept until it is known in which language."""

from collections.abc import Mapping
from dataclasses import dataclass
from errno import EACCES, EISDIR, ENOENT, ENOSPC
from typing import Any, Protocol, Union

from adapters.phrases import Fill, Writing, said
from aggregates.errors import FieldError

Saying = Union[str, "Remark"]
"""A text is somebody's own words, and the same in every language."""
Value = Union[None, int, Saying, "Field", tuple["Value", ...]]
LONGEST = 80
"""Characters that are shown of what stands in a file."""


class Either(tuple[Value, ...]):
    """Values of which one is meant."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field, as a mapping names it, and the column of a file that fills it."""

    kind: str
    name: str
    column: str | None = None


@dataclass(frozen=True, slots=True, init=False)
class Remark:
    """The key of a text, and the values of its places. Small, and can be sent to another process.

    A place ``{text}`` takes what stands in a file, and shows its beginning on one line.
    """

    key: str
    values: Mapping[str, Value]

    def __init__(self, key: str, /, **values: Value) -> None:
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "values", values)

    def about(self, said: Saying) -> "Remark":
        """This, said of something else: what takes its place ``{said}``."""
        return Remark(self.key, **{**self.values, "said": said})

    def replacing(self, old: str, new: Saying) -> "Remark":
        """With something else in place of this value, such as a file's path."""
        return Remark(self.key, **{n: _replacing(v, old, new) for n, v in self.values.items()})

    @property
    def parts(self) -> tuple[Saying, ...]:
        """Of several remarks, each."""
        said = self.values["said"]
        assert isinstance(said, tuple)
        return tuple(one for one in said if isinstance(one, str | Remark))

    def of(self, field: str) -> FieldError:
        """That this is what is wrong with a field."""
        return FieldError(field, self.key, **self.values)

    def __reduce__(self) -> tuple[object, ...]:
        return _remark, (self.key, self.values)

    def __str__(self) -> str:
        """In English, for logs and whoever develops; people are told by ``Texts.told``."""
        from adapters.texts import english  # Texts know what a remark is.

        return english().told(self)


def _remark(key: str, values: Mapping[str, Value]) -> Remark:
    return Remark(key, **values)


def _replacing(value: Value, old: str, new: Saying) -> Value:
    if isinstance(value, Remark):
        return value.replacing(old, new)
    return new if value == old else value


def about(remark: Remark, *before: Remark) -> Remark:
    """The remark, as what these say it of, the first outermost."""
    for one in reversed(before):
        remark = one.about(remark)
    return remark


def several(remarks: tuple[Saying, ...]) -> Remark:
    """One after the other."""
    first, *others = remarks
    return first if isinstance(first, Remark) and not others else Remark(SEVERAL, said=remarks)


SEVERAL = "several"
PROBLEM = "problems."
"""Before the code of a rejection, whose details are the values."""


class Spoken(Protocol):
    """One language."""

    writing: Writing

    def told(self, saying: Saying) -> str: ...
    def message(self, key: str) -> str: ...
    def named(self, what: str, name: str) -> str: ...
    def label(self, kind: str, field: str | None) -> str: ...
    def fill(self, values: Mapping[str, Any]) -> Fill: ...


def filling(spoken: Spoken, values: Mapping[str, Value]) -> Fill:
    """How a language writes the values of a remark: kinds, dictionaries and forms of texts as in
    every message, and a text whole, as far as it can be printed."""
    usual = spoken.fill(values)

    def one(name: str, value: Value) -> str:
        match value:
            case Remark():
                return spoken.told(value)
            case Field():
                return _field(spoken, value)
            case tuple():
                told = [one(name, part) for part in value]
                return spoken.writing.listed(told, "or" if isinstance(value, Either) else "and")
        if name == "plural" or name == "command":
            return spoken.named(name, str(value))
        text = "".join(c if c.isprintable() else " " for c in str(value))
        is_cut = name in ("text", "texts") and len(text) > LONGEST
        return text[: LONGEST - 1] + "…" if is_cut else text

    def fill(name: str) -> str | None:
        if name in USUAL:
            return usual(name)
        value = values.get(name)
        return None if value is None else one(name, value)

    return fill


USUAL = frozenset({"kind", "dictionary", "dictionary_code", "pattern"})


def _field(spoken: Spoken, field: Field) -> str:
    label = spoken.label(field.kind, field.name)
    column = None if field.column in (field.name, label) else field.column
    fill = {"label": label, "name": field.name, "column": column}.get
    return said(
        spoken.message("field.labelled" if label != field.name else "field.unlabelled"), fill
    )


class Remarkable(Exception):
    """An error that says what is wrong by a remark."""

    def __init__(self, key: str, /, **values: Value) -> None:
        self.remark = Remark(key, **values)
        super().__init__(self.remark)

    def __str__(self) -> str:
        return str(self.remark)

    def __reduce__(self) -> tuple[object, ...]:
        return _remarkable, (type(self), self.args), vars(self)


class Unread(Remarkable, ValueError):
    """A text that cannot be read as what it should be."""


def why(error: ValueError) -> Remark:
    """Why a text cannot be read; of an error that is not ours, only that it cannot."""
    return error.remark if isinstance(error, Unread) else Remark("cells.unreadable")


def of_system(error: OSError) -> Saying:
    """Why the operating system did not do something; what is rare, in its own words."""
    known = {ENOENT: "absent", EACCES: "forbidden", EISDIR: "folder", ENOSPC: "full"}
    said = known.get(error.errno or 0)
    return Remark(f"system.{said}") if said else error.strerror or str(error)


def _remarkable(kind: type[Remarkable], args: tuple[object, ...]) -> Remarkable:
    """As another process gets it: not made anew, for kinds differ in what they are made of."""
    return kind.__new__(kind, *args)
