"""Reference pages from the registries: ``python -m adapters.reference`` writes them anew."""

import types
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel

from adapters import registry
from adapters.mapper import personal_fields
from adapters.texts import Texts
from aggregates.base import Aggregate, markers
from aggregates.errors import kebab
from aggregates.values import Code, Ref
from commands.base import COMMANDS, Command

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
TEXTS = Texts()
_NOTE = "<!-- Written by `python -m adapters.reference` from the registries. -->"
_PLAIN: dict[Any, str] = {
    str: "text",
    int: "integer",
    bool: "true or false",
    float: "number",
    date: "date",
    datetime: "instant",
    UUID: "id",
    dict: "values by code",
}


def kinds() -> list[type[Aggregate]]:
    """The aggregates, by name."""
    registry.load()
    declared = [a for a in Aggregate.registry.values() if a.__module__.startswith("aggregates.")]
    return sorted(declared, key=lambda kind: kind.PLURAL)


def described(annotation: Any) -> str:
    """A field's type in words."""
    codes, refs = list(markers(annotation, Code)), list(markers(annotation, Ref))
    if codes:
        return f"code of `{codes[0].dictionary}`"
    if refs:
        kinds = " or ".join(kebab(k).replace("-", " ") for k in refs[0].kinds)
        return f"id of {'an' if kinds[0] in 'aeio' else 'a'} {kinds}"  # A user, an opportunity.
    return _described(annotation)


def _described(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _described(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(_described(part) for part in arguments if part is not type(None))
    if origin is tuple:
        return f"list of {_described(arguments[0])}s"
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        parts = annotation.model_fields.items()
        return "{" + ", ".join(f"{n}*" if f.is_required() else n for n, f in parts) + "}"
    return _PLAIN[origin or annotation]


def commands() -> str:
    """``commands.md``: every command, with its fields."""
    lines = ["# Commands", "", _NOTE, "", "Required fields have a star."]
    for kind in kinds():
        own = [c for _, c in sorted(COMMANDS.items()) if c.AGGREGATE is kind]
        if own:
            lines += ["", f"## {kind.PLURAL}"]
        for command in own:
            lines += ["", *_command(kind, command)]
    return "\n".join(lines) + "\n"


def _command(kind: type[Aggregate], command: type[Command[Any]]) -> Iterator[str]:
    route = (
        f"{kind.PLURAL}/{command.VERB}"
        if command.CREATES
        else f"{kind.PLURAL}/{{id}}/{command.VERB}"
    )
    yield f"### {command.NAME}"
    yield ""
    yield f"{(command.__doc__ or '').strip().splitlines()[0]} `POST /v1/{route}`"
    said = [word for word, is_so in _traits(command) if is_so]
    if said:
        yield ""
        yield " ".join(said)
    if command.model_fields:
        yield ""
        yield "| field | label | 中文 | type |"
        yield "|---|---|---|---|"
    for name, info in command.model_fields.items():
        star = "*" if info.is_required() else ""
        labels = [TEXTS.label(kind.KIND, name, language) for language in ("en", "zh")]
        yield f"| `{name}`{star} | {' | '.join(labels)} | {described(info.rebuild_annotation())} |"


def _traits(command: type[Command[Any]]) -> Iterator[tuple[str, bool]]:
    yield "A stale `If-Match` is accepted where nobody else wrote the same fields.", command.MERGES
    yield "For imports only.", command.IMPORT_ONLY
    yield "Asked by policies only.", command.POLICY_ONLY


def events() -> str:
    """``events.md``: every topic, with its fields."""
    lines = [
        "# Events",
        "",
        _NOTE,
        "",
        "Their exact shapes are frozen in [events.json](events.json).",
    ]
    for kind in kinds():
        lines += ["", f"## {kind.KIND}", "", "| topic | fields | sealed |", "|---|---|---|"]
        for topic, event in kind.EVENTS.items():
            fields = {n: f.rebuild_annotation() for n, f in event.model_fields.items()}
            sealed = ", ".join(f"`{name}`" for name in personal_fields(fields))
            lines.append(f"| `{topic}` | {', '.join(f'`{name}`' for name in fields)} | {sealed} |")
    return "\n".join(lines) + "\n"


PAGES = {"commands.md": commands, "events.md": events}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
