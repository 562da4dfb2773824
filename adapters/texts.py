"""Texts: what people read, in Chinese and English, from the files beside the aggregates.

``aggregates/{module}.{language}.toml`` holds one aggregate's labels, sentences and rejections,
``aggregates/base.*.toml`` what all have in common, ``adapters/http/problems.*.toml`` the problems
that are no rule of the business, ``adapters/importing/remarks.*.toml`` what
imports say. Missing keys fail a test, not a request: here they fall back.
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

import aggregates
from adapters.phrases import Writing, said
from adapters.remarks import PROBLEM, SEVERAL, Remark, Saying, filling
from adapters.sentences import Names, Speech
from aggregates.base import Aggregate, traits
from aggregates.errors import kebab
from aggregates.events import Event
from commands.requests import POLICY
from projections.base import Row

LANGUAGES = ("zh", "en")
"""The first is spoken where a request asks for none, the last where it asks for others."""
_BESIDE_AGGREGATES = Path(aggregates.__file__).parent
_PROBLEMS = Path(__file__).parent / "http"
_REMARKS = Path(__file__).parent / "importing"

Tree = Mapping[str, Any]


def negotiated(accept_language: str | None) -> str:
    """The language to answer in, from an Accept-Language header (RFC 9110, 12.5.4)."""
    if not accept_language or not accept_language.strip():
        return LANGUAGES[0]
    ranked: list[tuple[float, int, str]] = []
    for rank, part in enumerate(accept_language.split(",")[:20]):
        tag, _, parameter = part.strip().partition(";")
        language = tag.strip().lower().split("-")[0]
        language = LANGUAGES[0] if language == "*" else language
        weight = _weight(parameter)
        if language in LANGUAGES and weight > 0:
            ranked.append((-weight, rank, language))
    return min(ranked)[2] if ranked else LANGUAGES[-1]


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


class Texts:
    """Everything that is said to people. Immutable and thread-safe.

    Instants are written in ``zone``.
    """

    def __init__(self, zone: tzinfo = UTC) -> None:
        self._languages = {language: _Language(language, zone) for language in LANGUAGES}

    def of(self, language: str) -> "_Language":
        return self._languages.get(language) or self._languages[LANGUAGES[0]]

    def problem(self, code: str, language: str, **details: Any) -> tuple[str, str]:
        """Title and detail of a problem; ``code`` is the end of its ``type``."""
        return self.of(language).problem(code, details)

    def message(self, key: str, language: str, **values: Any) -> str:
        """What is wrong with a field."""
        spoken = self.of(language)
        if key in spoken.remarks:
            return spoken.told(Remark(key, **values))
        return said(spoken.message(key), spoken.fill(values))

    def told(self, saying: Saying, language: str) -> str:
        """What was to be said, or in somebody's own words, those."""
        return self.of(language).told(saying)

    def actor(self, origin: str, name: str | None, language: str) -> str | None:
        """Who did something: of policies, the system itself."""
        spoken = self.of(language)
        return str(spoken.base["system"]) if origin == POLICY else spoken.person(name)

    def label(self, kind: str, field: str | None, language: str) -> str:
        """What a field is called, or without one, a record of this kind."""
        return self.of(language).label(kind, field)

    def command(self, name: str, language: str) -> tuple[str, str]:
        """Label and summary of a command, ``customers/register``."""
        plural, verb = name.split("/")
        kind = next(k for k, a in Aggregate.registry.items() if plural == a.PLURAL)
        command = self.of(language).aggregate(kind).get("commands", {}).get(verb, {})
        return command.get("label", verb), command.get("summary", name)

    def sentence(
        self, event: Event, before: Row | None, after: Row | None, language: str, names: Names
    ) -> str:
        """What happened, in one sentence."""
        return self.of(language).speech.sentence(event, before, after, names)


class _Language:
    """The texts of one language."""

    def __init__(self, language: str, zone: tzinfo) -> None:
        self.base = _tree(_BESIDE_AGGREGATES / f"base.{language}.toml")
        self.general = _tree(_PROBLEMS / f"problems.{language}.toml")
        self.remarks = _flat(_tree(_REMARKS / f"remarks.{language}.toml"))
        self._modules: dict[str, Tree] = {
            path.name.split(".")[0]: _tree(path)
            for path in _BESIDE_AGGREGATES.glob(f"*.{language}.toml")
        }
        self._kinds: dict[str, Tree] = {}
        self._rejections: dict[str, tuple[Mapping[str, str], Tree]] = {}
        """Code → its text, and the closed lists whose values it may name."""
        for tree in self._modules.values():
            for code, text in tree.get("rejections", {}).items():
                self._rejections[code] = text, tree.get("values", {})
        self.writing = Writing(self.base["formats"], self.base["currencies"], zone)
        self.speech = Speech(self, language)

    def aggregate(self, kind: str) -> Tree:
        """The texts of one kind of aggregate, those of its traits among them, or of a part; empty
        where there are none."""
        if kind not in self._kinds:
            aggregate = Aggregate.registry.get(kind)
            declared = () if aggregate is None else (*traits(aggregate), aggregate)
            modules = [d.__module__.rpartition(".")[2] for d in declared]
            self._kinds[kind] = self._merged(modules or [kebab(kind).replace("-", "_")])
        return self._kinds[kind]

    def _merged(self, modules: Sequence[str]) -> Tree:
        """Sections of several files as one; labels are those of the last."""
        merged: dict[str, Any] = {}
        for module in modules:
            for name, section in self._modules.get(module, {}).items():
                is_table = isinstance(section, Mapping)
                merged[name] = {**merged.get(name, {}), **section} if is_table else section
        return merged

    def label(self, kind: str, field: str | None) -> str:
        tree = self.aggregate(kind)
        if field is None:
            return str(tree.get("label", kebab(kind)))
        label = tree.get("fields", {}).get(field) or self.base["fields"].get(field)
        return str(label or field)

    def named(self, what: str, name: str) -> str:
        """What addresses name ``customers``, or ``customers/register``."""
        plural, _, verb = name.partition("/")
        kind = next((k for k, a in Aggregate.registry.items() if plural == a.PLURAL), plural)
        tree = self.aggregate(kind)
        if what == "plural":
            return str(tree.get("plural", plural))
        return str(tree.get("commands", {}).get(verb, {}).get("label", verb))

    def person(self, name: str | None) -> str | None:
        """What somebody is called; who was there from the start is called in this language."""
        people: Mapping[str, str] = self.base["people"]
        return people.get(name, name) if name is not None else None

    def value(self, kind: str, field: str, value: Any) -> str | None:
        """The name of a value of a closed list, or of ``true`` and ``false``."""
        names: Mapping[str, str] = self.aggregate(kind).get("values", {}).get(field, {})
        key = str(value).lower() if isinstance(value, bool) else value
        return names.get(key) if isinstance(key, str) else None

    def problem(self, code: str, details: Mapping[str, Any]) -> tuple[str, str]:
        text, lists = self._rejections.get(code, (None, {}))
        problems = self.general["problems"]
        text = text or problems.get(code) or problems["rejected"]
        fill = self.fill({name: _in_words(value, lists) for name, value in details.items()})
        return said(text["title"], fill), said(text["detail"], fill)

    def rejection(self, code: str) -> Mapping[str, str] | None:
        return self._rejections.get(code, (None, {}))[0]

    def message(self, key: str) -> str:
        messages = self.general["messages"]
        return str(messages.get(key) or self.remarks.get(key) or messages["fallback"])

    def told(self, saying: Saying) -> str:
        """A remark in this language."""
        if isinstance(saying, str):
            return saying
        key, values = saying.key, saying.values
        if key == SEVERAL:
            return str(self.base["sentences"]["then"]).join(map(self.told, saying.parts))
        if key.startswith(PROBLEM):
            return self.problem(key.removeprefix(PROBLEM), values)[1]
        return said(self.message(key), filling(self, values))

    def fill(self, values: Mapping[str, Any]) -> Any:
        """Values by name, as this language writes them; a kind of record by its label, a dictionary
        by its name, a text's form in words."""

        def value(name: str) -> str | None:
            given = values.get("dictionary" if name == "dictionary_code" else name)
            if given is None:
                return None
            if isinstance(given, Remark):
                return self.told(given)
            if name == "said":  # A sentence already.
                return str(given)
            if name == "kind":
                return self.label(str(given), None)
            if name == "dictionary":
                return self.value("DictionaryEntry", name, given) or str(given)
            if name == "pattern":
                return str(self.general["patterns"].get(given, given))
            return str(given) if isinstance(given, int) else self.writing.value(given)

        return value


def _in_words(value: Any, lists: Tree) -> Any:
    """What a value of one of these closed lists is called; any other value is itself."""
    found = (names[value] for names in lists.values() if isinstance(value, str) and value in names)
    return next(found, value)


def _tree(path: Path) -> Tree:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _flat(tree: Tree) -> Mapping[str, str]:
    """Keys with the names of their sections before them."""
    return {
        f"{section}.{key}": text for section, texts in tree.items() for key, text in texts.items()
    }


@cache
def english() -> _Language:
    """For logs, whose readers nobody knows."""
    return _Language(LANGUAGES[-1], UTC)
