"""The reference pages say what the registries hold."""

import pytest

from adapters import reference


@pytest.mark.parametrize("name", sorted(reference.PAGES))
def test_a_page_is_as_the_registries_are(name: str) -> None:
    written = (reference.FOLDER / name).read_text("utf-8")
    assert written == reference.PAGES[name](), "run python -m adapters.reference"
