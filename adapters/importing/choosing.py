"""Choosing: the mapping of a file for which nobody gave one, as its columns speak for it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters import registry
from adapters.importing import people
from adapters.importing.coding import Entries
from adapters.importing.detecting import Finding
from adapters.importing.evidence import Asking
from adapters.importing.opening import source
from adapters.importing.plan import creating
from adapters.importing.sources import FOUND_OUT, Choices
from adapters.importing.suggesting import Suggestion, is_plain, sample, suggest
from adapters.remarks import Remarkable
from adapters.texts import Texts
from aggregates.values import MINOR_UNITS

SYSTEM = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")


@dataclass(frozen=True, slots=True)
class Hints:
    """What somebody says beside the file."""

    choices: Choices = FOUND_OUT
    with_custom: bool = False
    """Whether columns without a field are kept as custom fields."""
    currency: str | None = None
    system: str | None = None


class WrongHint(Remarkable):
    """What was said cannot be; ``hint`` names it."""

    def __init__(self, hint: str, text: str) -> None:
        super().__init__(f"hint.{hint}", text=text)
        self.hint = hint


class Undecided(Exception):
    """A person has to say something before the file can be imported."""

    def __init__(self, suggestion: Suggestion) -> None:
        super().__init__("not every column is certain")
        self.suggestion = suggestion


def suggested(
    kind: str, path: Path, hints: Hints, entries: Callable[[], Entries], zone: ZoneInfo
) -> Suggestion:
    """What a file speaks for. Raises WrongHint, BadMapping or UnreadableFile."""
    registry.load()
    currency, system = hints.currency, hints.system
    if currency is not None and currency not in MINOR_UNITS:
        raise WrongHint("currency", currency)
    if system is not None and not SYSTEM.fullmatch(system):
        raise WrongHint("system", system)
    creating(kind)
    file = source(path, hints.choices)
    asking = Asking(entries(), zone, Finding(file), currency, system)
    rows = sample(file)
    if kind == people.KIND and file.form.kind == "vCard":
        return people.of_cards(file.header, rows, asking, hints.choices, hints.with_custom)
    return suggest(kind, file.header, rows, asking, Texts(), hints.choices, hints.with_custom)


def chosen(
    kind: str, path: Path, choices: Choices, entries: Callable[[], Entries], zone: ZoneInfo
) -> Suggestion | None:
    """The suggestion for a file, or None where its columns are called like fields and none is
    needed. Raises Undecided where it leaves something open, BadMapping and UnreadableFile."""
    registry.load()
    if is_plain(kind, source(path, choices).header):
        return None
    suggestion = suggested(kind, path, Hints(choices), entries, zone)
    if suggestion.to_decide:
        raise Undecided(suggestion)
    return suggestion
