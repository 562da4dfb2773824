"""Why a request is refused: a small tree of exceptions, each named as callers see it.

DomainError
├── Invalid            the request's shape, codes or references are wrong; names the fields
├── NotFound           there is no such record (yet)
├── VersionConflict    somebody else changed the same fields since the version named by the caller
└── Rejected           a rule of the business said no; one subclass per rule
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID


def kebab(name: str) -> str:
    """``OpportunityClosed`` → ``opportunity-closed``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


class DomainError(Exception):
    """Any reason of the business to refuse a request."""

    code: ClassVar[str] = ""
    """The end of the problem's ``type``."""
    details: Mapping[str, Any]

    def __init__(self, **details: Any) -> None:
        super().__init__(self.code, details)
        self.details = details

    def __init_subclass__(cls) -> None:
        cls.code = cls.__dict__.get("code", kebab(cls.__name__))

    def __reduce__(self) -> tuple[Any, ...]:
        """As another process gets it: not made anew from ``args``, which are not what it took."""
        return _refusal, (type(self), self.args), vars(self)


def _refusal(kind: type[DomainError], args: tuple[Any, ...]) -> DomainError:
    return kind.__new__(kind, *args)


class FieldError:
    """One field that is wrong, and a text key or plain message saying why."""

    __slots__ = ("field", "message", "values")

    def __init__(self, field: str, message: str, **values: Any) -> None:
        self.field, self.message, self.values = field, message, values

    def __repr__(self) -> str:
        return f"{self.field}: {self.message} {self.values or ''}".rstrip()


class Invalid(DomainError):
    """The request is not valid."""

    code = "validation"

    def __init__(self, *errors: FieldError) -> None:
        super().__init__()
        self.errors: Sequence[FieldError] = errors

    def __str__(self) -> str:
        return "; ".join(map(repr, self.errors))


class NotFound(DomainError):
    """There is no such record."""

    def __init__(self, kind: str, id: UUID | str) -> None:
        super().__init__(kind=kind, id=str(id))


class VersionConflict(DomainError):
    """The record was changed meanwhile."""

    def __init__(self, current: int, fields: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(current_version=current, fields=dict(fields))


class Rejected(DomainError):
    """A rule said no. The subclass's docstring is the problem's title."""

    registry: ClassVar[dict[str, type["Rejected"]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        Rejected.registry[cls.code] = cls


class AlreadyExists(Rejected):
    """A record with this id exists already."""


class DuplicateExternalId(Rejected):
    """Another record already has this id of that system."""
