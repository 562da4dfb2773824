"""Headings: what the columns of a file may be called, for each field of a command."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from rapidfuzz import fuzz, process

from adapters.importing.steps import MOMENT
from adapters.importing.targets import Target, target
from adapters.texts import LANGUAGES, Texts
from aggregates.folding import folded
from aggregates.values import Money
from commands.base import Command

Why = Literal["name", "label", "synonym", "similar", "beside", "values", "card", "custom"]
LONGEST = 100
"""Characters of a heading that is looked up; longer ones are no names."""
NEAR = 90
"""Of 100: how alike a heading must be to a name that it is not; a letter or two of a long word."""
SHORTEST_NEAR = 9
"""Characters; shorter words that are alike are others: contact and contract."""
_QUALIFIED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")


@cache
def synonyms() -> Mapping[str, Any]:
    """The words of ``synonyms.toml``."""
    path = Path(__file__).with_name("synonyms.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def form(text: str) -> str:
    """What is compared: letters and digits in simplified script, without case."""
    return "".join(c for c in folded(text) if c.isalnum())


@dataclass(frozen=True, slots=True)
class Meaning:
    """A field that a heading may mean."""

    field: str
    why: Why
    rank: int
    """Of meanings the lowest counts."""


class Headings:
    """Every name of every field of a command."""

    def __init__(self, command: type[Command[Any]], texts: Texts) -> None:
        self.targets = {t.name: t for t in leaves(command)}
        self._kind, self._plural = command.AGGREGATE.KIND, command.AGGREGATE.PLURAL
        self._texts = texts
        self._meanings: dict[str, dict[str, Meaning]] = {}
        for meaning, said in self._said():
            self._meanings.setdefault(form(said), {}).setdefault(meaning.field, meaning)
        kind = (texts.label(self._kind, None, language) for language in LANGUAGES)
        self._prefixes = tuple(form(label) for label in kind)

    def meanings(self, heading: str) -> list[Meaning]:
        """The fields that a heading may mean: one where it is clear, none where it says nothing."""
        if heading in self.targets:
            return [Meaning(heading, "name", 0)]
        if len(heading) > LONGEST:
            return []
        plain = _QUALIFIED.sub("", unicodedata.normalize("NFKC", heading))
        forms = [form(heading), form(plain)]
        forms += [f.removeprefix(p) for f in forms for p in self._prefixes if f.startswith(p)]
        for one in forms:
            if one in self._meanings:
                return _best(self._meanings[one].values())
        return self._amounts(forms[1]) or self._near(forms[1])

    def _amounts(self, one: str) -> list[Meaning]:
        """What it may mean that ends with a unit of amounts: Revenue USD, 金额万元."""
        for unit in synonyms()["units"]:
            found = self._meanings.get(one.removesuffix(unit), {}).values() if unit in one else ()
            if amounts := [m for m in found if self.targets[m.field].holds(Money)]:
                return _best(amounts)
        return []

    def _near(self, one: str) -> list[Meaning]:
        if len(one) < SHORTEST_NEAR:
            return []
        alike = process.extract(
            one, self._meanings.keys(), scorer=fuzz.ratio, score_cutoff=NEAR, limit=None
        )
        fields = {field for name, _, _ in alike for field in self._meanings[name]}
        return [Meaning(field, "similar", 9) for field in sorted(fields)]

    def _said(self) -> Iterator[tuple[Meaning, str]]:
        """What each field is called, the surest name first."""
        for name in self.targets:
            yield Meaning(name, "name", 1), name
            for language in LANGUAGES:
                for label in self._labels(name, language):
                    yield Meaning(name, "label", 2), label
            for said in synonyms().get(self._plural, {}).get(name, ()):
                yield Meaning(name, "synonym", 3), said
            for said in synonyms()["fields"].get(name, ()):
                yield Meaning(name, "synonym", 4), said

    def _labels(self, name: str, language: str) -> tuple[str, ...]:
        if name != MOMENT.name:
            return (self._texts.label(self._kind, name, language),)
        known = ("meta.occurred_at", "created_at")
        return tuple(self._texts.label(self._kind, field, language) for field in known)


def _best(meanings: Iterable[Meaning]) -> list[Meaning]:
    found = list(meanings)
    best = min(meaning.rank for meaning in found)
    return [meaning for meaning in found if meaning.rank == best]


def leaves(command: type[Command[Any]]) -> Iterator[Target]:
    """The fields of a command that a column can fill, and when it happened."""
    for name in command.model_fields:
        whole = target(command, name)
        if whole.parts is not None:
            yield from (target(command, f"{name}.{part}") for part in whole.parts.model_fields)
        elif not whole.holds(dict):
            yield whole
    yield MOMENT
