"""The reference pages say what the registries hold."""

import re

import pytest

from adapters import reference
from commands.base import COMMANDS


@pytest.mark.parametrize("name", sorted(reference.PAGES))
def test_a_page_is_as_the_registries_are(name: str) -> None:
    written = (reference.FOLDER / name).read_text("utf-8")
    assert written == reference.PAGES[name](), "run python -m adapters.reference"


def test_what_can_be_imported_is_listed() -> None:
    creating = (c for c in COMMANDS.values() if c.CREATES and not c.IMPORT_ONLY)
    plurals = {c.AGGREGATE.PLURAL for c in creating if c.__module__.startswith("commands.")}
    text = (reference.FOLDER.parent / "importing.md").read_text("utf-8")
    [line] = [row for row in text.splitlines() if row.startswith("| `KIND` |")]
    assert {plural for plural in plurals if f"`{plural}`" not in line} == set()


def test_articles_fit_their_nouns() -> None:
    assert (
        re.findall(r"\ba [aeio]\w+", "\n".join(page() for page in reference.PAGES.values())) == []
    )
