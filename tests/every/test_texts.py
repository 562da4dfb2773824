"""Nothing is left unsaid: every label, sentence, rejection and message, in both languages."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import core_schema

from adapters import registry
from adapters.phrases import places
from adapters.seeds import dictionaries
from adapters.texts import LANGUAGES, Texts
from aggregates.base import Aggregate
from aggregates.errors import Rejected
from commands.base import COMMANDS, Meta
from projections.base import Projection

registry.load()
ROOT = Path(__file__).resolve().parents[2]
TEXTS = Texts()
PARTS = sorted({p.kind for p in Projection.registry.values() if p.is_of_parts})
KINDS = sorted(
    kind
    for kind, of in Aggregate.registry.items()
    if of.__module__
    in {p.stem and f"aggregates.{p.stem}" for p in (ROOT / "aggregates").glob("*.py")}
)
EVENTS = [event for kind in KINDS for event in Aggregate.registry[kind].EVENTS.values()]
REJECTIONS = sorted(
    code for code, kind in Rejected.registry.items() if not kind.__module__.startswith("tests")
)
SPECIAL = {"changes", "corrections", "actor", "kind"}
FROM_PYTHON = re.compile(
    r"^(dataclass|named_tuple|frozen_(field|instance|dict)|get_attribute|no_such|default_factory"
    r"|ordered_dict|counter|deque|missing_sentinel|ellipsis|is_(instance|subclass)_of|callable"
    r"|arguments|missing_(argument|keyword|positional)|unexpected|multiple_argument|fraction|complex)"
)
"""Kinds of errors that no JSON can cause in a model."""

both = pytest.mark.parametrize("language", LANGUAGES)


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Paths of a model's fields, parts of nested models included."""
    for name, field in model.model_fields.items():
        yield prefix + name
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel) and not prefix:
            yield from fields(nested, f"{name}.")


def is_said(text: str | None) -> bool:
    return bool(text and text.strip())


@both
@pytest.mark.parametrize("kind", KINDS)
def test_every_aggregate_has_its_file_and_its_name(kind: str, language: str) -> None:
    tree = TEXTS.of(language).aggregate(kind)
    assert is_said(tree.get("label"))
    assert is_said(tree.get("plural"))


@both
@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_label(kind: str, language: str) -> None:
    aggregate = Aggregate.registry[kind]
    named = {n for e in aggregate.EVENTS.values() for n in e.model_fields}
    for command in COMMANDS.values():
        if command.AGGREGATE is aggregate:
            named |= {*fields(command)} | {f"meta.{n}" for n in Meta.model_fields}
    for projection in Projection.registry.values():
        if projection.of is aggregate:
            named |= projection.row.fields.keys()
    spoken = TEXTS.of(language)
    known = spoken.aggregate(kind)["fields"] | spoken.base["fields"]
    parts_of_values = {f"{n}.{p}" for n in named for p in ("amount", "currency")}
    assert sorted(named - known.keys() - parts_of_values) == []


@both
@pytest.mark.parametrize("kind", PARTS)
def test_every_part_has_a_name_and_labels(kind: str, language: str) -> None:
    [row] = [p.row for p in Projection.registry.values() if p.kind == kind]
    spoken = TEXTS.of(language)
    tree = spoken.aggregate(kind)
    assert is_said(tree["label"])
    assert is_said(tree["plural"])
    known = tree["fields"] | spoken.base["fields"]
    assert sorted(row.fields.keys() - known.keys()) == []


@both
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_a_label_and_a_summary(name: str, language: str) -> None:
    kind, verb = COMMANDS[name].AGGREGATE.KIND, name.split("/")[1]
    texts = TEXTS.of(language).aggregate(kind)["commands"][verb]
    assert texts.keys() == {"label", "summary"}
    assert TEXTS.command(name, language) == (texts["label"], texts["summary"])
    assert is_said(texts["label"])
    assert is_said(texts["summary"])


@both
@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.TOPIC)
def test_every_event_has_a_sentence_of_things_it_knows(event: Any, language: str) -> None:
    kind = event.TOPIC.partition(".")[0]
    phrase = TEXTS.of(language).aggregate(kind)["events"][event.__name__]
    assert is_said(phrase)
    rows = [p.row.fields for p in Projection.registry.values() if kind == p.kind]
    for place in places(phrase):
        where, _, field = place.rpartition(".")
        if where:
            assert where in ("before", "after", "added", "removed"), place
            assert any(field in row for row in rows), place
        else:
            assert field in SPECIAL or field in event.model_fields, place


@both
@pytest.mark.parametrize("code", REJECTIONS)
def test_every_rejection_is_explained(code: str, language: str) -> None:
    texts = TEXTS.of(language).rejection(code)
    assert texts is not None
    assert texts.keys() == {"title", "detail"}
    title, detail = TEXTS.problem(code, language)
    assert is_said(title)
    assert is_said(detail)
    assert "{" not in title + detail


@both
def test_nothing_is_said_that_nobody_says(language: str) -> None:
    """A text whose event, command, field or rejection is gone goes too."""
    spoken = TEXTS.of(language)
    stale = set()
    for kind in KINDS:
        aggregate, tree = Aggregate.registry[kind], spoken.aggregate(kind)
        stale |= tree["events"].keys() - {e.__name__ for e in aggregate.EVENTS.values()}
        verbs = {c.VERB for c in COMMANDS.values() if c.AGGREGATE is aggregate}
        stale |= tree.get("commands", {}).keys() - verbs
        stale |= tree.get("rejections", {}).keys() - Rejected.registry.keys()
    assert stale == set()


def shape(tree: Any) -> Any:
    return {k: shape(v) for k, v in tree.items()} if isinstance(tree, dict) else type(tree)


@pytest.mark.parametrize(
    "file", sorted(p.relative_to(ROOT) for p in ROOT.glob("a*/**/*.zh.toml")), ids=str
)
def test_both_languages_say_the_same_things(file: Path) -> None:
    chinese = tomllib.loads((ROOT / file).read_text(encoding="utf-8"))
    english = tomllib.loads((ROOT / str(file).replace(".zh.", ".en.")).read_text(encoding="utf-8"))
    chinese.pop("currencies", None), english.pop("currencies", None)
    assert shape(chinese) == shape(english)


def constants(*names: str) -> Iterator[tuple[str, Path]]:
    """First text that stands for a message key in calls of these names."""
    for package in ("aggregates", "commands", "projections", "queries", "adapters"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in names:
                    at = names.index(ast.unparse(node.func).split(".")[-1])
                    texts = node.args[1:2] if names[at] == "FieldError" else node.args[:1]
                    for text in texts:
                        if isinstance(text, ast.Constant) and isinstance(text.value, str):
                            yield text.value, path.relative_to(ROOT)


@both
def test_every_message_that_code_uses_is_worded(language: str) -> None:
    messages = TEXTS.of(language).general["messages"]
    used = list(constants("FieldError", "PydanticCustomError", "Unreadable"))
    assert {"unstorable", "not-a-date", "stage-of-other-pipeline"} <= {key for key, _ in used}
    assert [(key, str(path)) for key, path in used if key not in messages] == []


@both
def test_every_error_that_json_can_cause_is_worded(language: str) -> None:
    messages = TEXTS.of(language).general["messages"]
    kinds = {k for k in get_args(core_schema.ErrorType) if not FROM_PYTHON.match(k)}
    assert len(kinds) > 60
    assert sorted(kinds - messages.keys()) == []


def patterns(schema: Any) -> Iterator[str]:
    """Every pattern that a model's JSON schema asks of a text."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from patterns(part)


@both
def test_every_form_of_a_text_is_worded(language: str) -> None:
    used = {p for c in COMMANDS.values() for p in patterns(c.model_json_schema())}
    used -= {p for p in used if "d{1,15}" in p}  # Of amounts, which have a message of their own.
    assert len(used) >= 2
    assert sorted(used - TEXTS.of(language).general["patterns"].keys()) == []


@both
def test_every_dictionary_has_a_name(language: str) -> None:
    names = TEXTS.of(language).aggregate("DictionaryEntry")["values"]["dictionary"]
    assert sorted(dictionaries().keys() - names.keys()) == []


@both
def test_every_problem_of_http_is_worded(language: str) -> None:
    from adapters.http.asking import Unavailable
    from adapters.http.errors import HttpProblem, Retryable

    codes = {kind.code for kind in (*HttpProblem.__subclasses__(), *Retryable.__subclasses__())}
    codes -= {Retryable.code}
    codes |= {"validation", "not-found", "version-conflict", "idempotency-key-reused"}
    assert Unavailable.code in codes
    assert sorted(codes - TEXTS.of(language).general["problems"].keys()) == []
