"""What may be attached: names, declared types and contents have to agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.attachments.types import DEFAULT, HEAD, KNOWN, TYPES, Inspection, Unfit, type_of
from tests.adapters.attached_files import CSV, DISGUISED, DOCX, EXE, PDF, TAKEN


def inspected(name: str, content: bytes, declared: str | None = None, step: int = 1_000) -> str:
    """The media type that a file was found to have. Raises Unfit."""
    found = type_of(name, declared, DEFAULT)
    inspection = Inspection(found)
    for at in range(0, len(content), step):
        inspection.feed(content[at : at + step])
    inspection.finish()
    return found.media_type


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_files_as_people_have_them_are_taken(name: str, step: int) -> None:
    extension = "." + name.rpartition(".")[2].lower()
    expected = next(t.media_type for t in TYPES if extension in t.extensions)
    assert inspected(name, TAKEN[name], step=step) == expected


@pytest.mark.parametrize("name", DISGUISED)
@pytest.mark.parametrize("step", [1, 100_000])
def test_what_is_not_what_its_name_says_is_refused(name: str, step: int) -> None:
    with pytest.raises(Unfit) as refused:
        inspected(name, DISGUISED[name], step=step)
    assert refused.value.key == "file-content"


@pytest.mark.parametrize(
    "name",
    [
        "a.exe",
        "a.html",
        "a.svg",
        "a.js",
        "a.bat",
        "a.jar",
        "a.docm",
        "a.zip",
        "a.pdf.exe",
        "a",
        "a.",
    ],
)
def test_what_is_not_on_the_list_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(Unfit) as refused:
        inspected(name, EXE)
    assert refused.value.key == "file-type"
    assert ".pdf" in refused.value.values["known"]


def test_what_a_sender_declares_has_to_agree_with_the_name() -> None:
    assert inspected("a.pdf", PDF, "application/pdf; charset=x") == "application/pdf"
    assert inspected("a.pdf", PDF, "application/octet-stream") == "application/pdf"
    assert inspected("a.csv", CSV, "application/vnd.ms-excel") == "text/csv"
    assert inspected("scan", PDF, "application/pdf") == "application/pdf", "without an extension"
    with pytest.raises(Unfit) as refused:
        inspected("a.pdf", PDF, "image/png")
    assert refused.value.key == "file-declared"


def test_an_archive_is_taken_where_the_settings_say_so() -> None:
    assert type_of("a.zip", None, [*DEFAULT, "application/zip"]) == KNOWN["application/zip"]
    with pytest.raises(Unfit):
        type_of("a.pdf", None, ["image/png"])


def test_what_a_container_must_hold_may_come_late() -> None:
    padded = DOCX[:30] + bytes(3 * HEAD) + DOCX[30:]
    for step in (1, HEAD, len(padded)):
        assert inspected("a.docx", padded, step=step).endswith("wordprocessingml.document")


@given(st.binary(max_size=300), st.sampled_from([t.extensions[0] for t in TYPES]))
def test_no_content_is_more_than_refused(content: bytes, extension: str) -> None:
    try:
        type = type_of("a" + extension, None, [t.media_type for t in TYPES])
        inspection = Inspection(type)
        inspection.feed(content)
        inspection.finish()
    except Unfit:
        return
    assert type.seen_as == () or content
