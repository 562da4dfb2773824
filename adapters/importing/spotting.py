"""Spotting: fields that a column's values speak for, where its heading says nothing."""

import re
from collections.abc import Callable, Iterable

from adapters.importing.coding import Codes
from adapters.importing.evidence import MOST_READ, Asking, Cells, taking
from adapters.importing.mapping import Rule
from adapters.importing.targets import Target
from aggregates.base import markers
from aggregates.values import Code

FEWEST = 2
"""Different values that it takes to recognise anything."""
_KINDS = {
    "a.b@example.com": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "13800000001": re.compile(r"(\+|00)\d[\d ()/-]{6,20}|1[3-9]\d{9}|0\d{2,3}-\d{7,8}", re.ASCII),
}
"""What tells: an example that a field of such values takes, and how they are written."""
_WORDS = ("example", "云泽", "A 1", "2026-03-01")
"""What a field takes that takes any text; such a one cannot be recognised."""


class Spotter:
    """Recognises what can be in none but one of these fields."""

    def __init__(self, targets: Iterable[Target], asking: Asking) -> None:
        self._takers: dict[str, dict[str, Callable[[str], bool]]] = {kind: {} for kind in _KINDS}
        self._codes: dict[str, Codes] = {}
        for of in targets:
            code = next(markers(of.annotation, Code), None)
            if code is not None:
                entries = asking.entries.get(code.dictionary, ())
                self._codes[of.name] = Codes(code.dictionary, entries)
            elif of.holds(str) and not of.refers_to:
                self._remember(of.name, taking(of, Rule(column=""), asking.zone))

    def _remember(self, name: str, takes: Callable[[str], bool]) -> None:
        if any(map(takes, _WORDS)):
            return
        for example, takers in self._takers.items():
            if takes(example):
                takers[name] = takes

    def fields(self, cells: Cells) -> tuple[str, ...]:
        """The fields that every value of the column speaks for."""
        values = cells.stripped[:MOST_READ]
        if len(values) < FEWEST:
            return ()
        for example, written in _KINDS.items():
            if all(map(written.fullmatch, values)):
                takers = self._takers[example].items()
                return tuple(name for name, takes in takers if all(map(takes, values)))
        return tuple(n for n, codes in self._codes.items() if all(map(codes.of, values)))
