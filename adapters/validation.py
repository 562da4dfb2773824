"""What a library finds wrong with given values, as our own refusal."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aggregates.errors import FieldError, Invalid


class HasErrors(Protocol):
    """An error of pydantic, or of FastAPI, which only a server need load."""

    def errors(self) -> Sequence[Any]: ...


def invalid(error: HasErrors, prefix: str = "", given: Any = None) -> Invalid:
    """A library's validation errors as ours: the field's path, and the kind of error.

    ``given`` is what was found invalid; with it, no member of a union is taken for a field.
    """
    found: dict[str, list[FieldError]] = {}
    for one in (_field_error(e, prefix, given) for e in error.errors()):
        found.setdefault(one.field, []).append(one)
    return Invalid(*map(_told, found.values()))


def _told(of_field: list[FieldError]) -> FieldError:
    """The one error to tell of a field: of a union, what the member that fits best says."""
    if len(of_field) == 1:
        return of_field[0]
    fitting = (e for e in of_field if not e.message.endswith("_type"))
    return next(fitting, FieldError(of_field[0].field, "wrong-type"))


def _field_error(error: Mapping[str, Any], prefix: str, given: Any) -> FieldError:
    located = error["loc"][1:] if error["loc"][:1] == ("path",) else error["loc"]
    path = ".".join(str(part) for part in _fields(located, given, error["type"] == "missing"))
    context = {k: v for k, v in error.get("ctx", {}).items() if isinstance(v, str | int | float)}
    return FieldError((prefix + path).rstrip("."), str(error["type"]), **context)


def _fields(located: tuple[int | str, ...], given: Any, is_missing: bool) -> tuple[int | str, ...]:
    """The parts of a location that lead through the given value; the others name types."""
    if given is None:
        return located
    found: list[int | str] = []
    for part in located[:-1] if is_missing else located:
        is_item = isinstance(given, list) and isinstance(part, int) and part < len(given)
        if is_item or (isinstance(given, dict) and part in given):
            found.append(part)
            given = given[part]
    return (*found, *located[-1:]) if is_missing else tuple(found) or located
