"""Drafting: a mapping as the text of a mapping file."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import tomli_w

from adapters.importing.mapping import Mapping, Step


def drafted(mapping: Mapping, remarks: Iterable[str] = ()) -> str:
    """The file that loads back as this mapping; remarks are comments at its head."""
    lines = [f"# {_line(remark)}\n" for remark in remarks]
    written = _written(mapping.model_dump(exclude_defaults=True))
    return "".join(lines) + ("\n" if lines else "") + tomli_w.dumps(written)


def commented(steps: Iterable[Step]) -> str:
    """Steps for the end of a mapping file, to be uncommented by whoever completes them."""
    written = [_written(step.model_dump(exclude_defaults=True)) for step in steps]
    lines = tomli_w.dumps({"then": written}).splitlines() if written else []
    return "".join(f"\n# {line}" if line else "\n#" for line in lines) + ("\n" if lines else "")


def _line(remark: str) -> str:
    """A comment must be one line without control characters."""
    return "".join(c if c.isprintable() else " " for c in remark)


def _written(value: Any) -> Any:
    """What TOML writes: rules that are no more than a column in short, numbers exactly."""
    if isinstance(value, dict):
        if value.keys() == {"column"}:
            return value["column"]
        return {name: _written(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [_written(inside) for inside in value]
    if isinstance(value, Decimal):
        return _number(value)
    return value


def _number(value: Decimal) -> int | str:
    """A whole number, or a text where TOML's numbers would be rounded."""
    is_whole = value == value.to_integral_value() and abs(value) < 10**18
    return int(value) if is_whole else str(value)
