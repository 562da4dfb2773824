"""Speaking: the language in which the command line tells what it found and did."""

import os
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Annotated, Literal

import typer

from adapters.remarks import Saying
from adapters.texts import LANGUAGES, Texts

VARIABLE = "BACKSTORY_LANGUAGE"
_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
"""The first of these that is set says what people here speak."""
_chosen: ContextVar[str | None] = ContextVar("language", default=None)


def choose(given: str | None) -> str | None:
    """Speak this language from now on; None: the one that the surroundings say."""
    _chosen.set(given)
    return given


Language = Annotated[
    Literal["zh", "en"] | None,
    typer.Option(
        help="Of what is told; else Chinese where the locale is, and English elsewhere.",
        envvar=VARIABLE,
        callback=choose,
    ),
]


def language() -> str:
    return _chosen.get() or spoken_here(os.environ)


def spoken_here(environment: Mapping[str, str]) -> str:
    """The language that the surroundings say: Chinese where they do, English elsewhere."""
    if environment.get(VARIABLE) in LANGUAGES:
        return environment[VARIABLE]
    said = next((environment[name] for name in _LOCALE if environment.get(name)), "")
    return next((one for one in LANGUAGES if said.lower().startswith(one)), LANGUAGES[-1])


@cache
def texts() -> Texts:
    return Texts()


def told(saying: Saying) -> str:
    """In the language that is spoken."""
    return texts().told(saying, language())


def say(sayings: Iterable[Saying]) -> None:
    """Print each on a line."""
    for one in sayings:
        print(told(one), flush=True)
