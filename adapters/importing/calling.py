"""Calling: records as people call them, and the ids by which they are found."""

from collections.abc import Iterator

from adapters.sentences import TITLES
from aggregates.base import Aggregate


def called(record: Aggregate) -> str:
    """``KH-2026-000123 华东机械 [0190…]``: number, name, and of a user the login, for two may have
    one name; then the id. What was never named has its id alone."""
    return " ".join([*_names(record), f"[{record.id}]"])


def _names(record: Aggregate) -> Iterator[str]:
    name = next((n for n in TITLES if getattr(record, n, None)), None)
    for field in dict.fromkeys(("number", name, "login")):
        said = None if field is None else getattr(record, field, None)
        if said:
            yield str(said)
