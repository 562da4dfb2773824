"""What the documents say about the repository is true of the repository.

As long as there is no README, links to the pages that come with it may lead nowhere; from then on
nothing may.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
COMING_WITH_THE_README = {README, ROOT / "docs/architecture.md", ROOT / "docs/performance.md"}
RECORDS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE
)


def documents() -> list[Path]:
    folders = [ROOT, *(path for path in ROOT.iterdir() if path.is_dir() and is_ours(path))]
    pages = [page for folder in folders[1:] for page in folder.rglob("*.md") if is_ours(page)]
    return sorted([*ROOT.glob("*.md"), *pages])


def is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return not any(part.startswith(".") or part == "node_modules" for part in parts)


def title(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without code, where brackets are not links."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))


def links(page: Path) -> list[str]:
    targets = [inline or defined for inline, defined in LINK.findall(prose(page))]
    return [target for target in targets if not re.match(r"[a-z][a-z0-9+.-]*:", target)]


def anchors(page: Path) -> set[str]:
    """Headings of a page as the links that lead to them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = [heading.lower() for heading in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)]
    slugs = [re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings]
    seen: dict[str, int] = {}
    for slug in slugs:
        seen[slug] = seen.get(slug, -1) + 1
    return {f"{slug}-{n}" if n else slug for slug, count in seen.items() for n in range(count + 1)}


def leads_nowhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not README.exists() and target in COMING_WITH_THE_README:
        return False
    if not target.exists() or not target.is_relative_to(ROOT):
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors(target)


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][\w-]*):(?!=)", text, flags=re.MULTILINE))


def make_lines(page: Path) -> list[str]:
    """Targets that a page tells its reader to make, in shell blocks and in inline code."""
    text = page.read_text(encoding="utf-8")
    shell = "\n".join(
        body for kind, body in FENCE.findall(text) if kind in {"sh", "bash", "console"}
    )
    said = re.findall(r"^(?:\$ )?make ([a-z][\w-]*)", shell, flags=re.MULTILINE)
    return [*said, *re.findall(r"`make ([a-z][\w-]*)", FENCE.sub("", text))]


@pytest.mark.parametrize("page", documents(), ids=title)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert [link for link in links(page) if leads_nowhere(page, link)] == []


@pytest.mark.parametrize("page", documents(), ids=title)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    assert set(make_lines(page)) - make_targets() == set()


@pytest.mark.parametrize("page", documents(), ids=title)
def test_a_page_has_one_title_and_it_comes_first(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", FENCE.sub("", text), flags=re.MULTILINE)) == 1


def test_every_page_under_docs_can_be_found_from_the_index() -> None:
    index = ROOT / "docs/README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    pages = [page for page in (ROOT / "docs").rglob("*.md") if page != index]
    folders = {folder for folder in listed if folder.is_dir()}
    lost = [title(page) for page in pages if page not in listed and not folders & {*page.parents}]
    assert lost == [], "list it in docs/README.md"


def test_decision_records_are_numbered_in_order() -> None:
    numbers = [int(record.name[:4]) for record in RECORDS]
    assert numbers == sorted(set(numbers)), "numbers are taken beforehand; none is taken twice"


@pytest.mark.parametrize("record", RECORDS, ids=title)
def test_a_decision_record_has_its_form_and_its_line_in_the_index(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    heading = re.match(
        r"# (\d{4})\.? (.+)\n\nStatus: (proposed|accepted|superseded by \d{4})\n", text
    )
    assert heading, "it should open as docs/decisions/template.md does"
    number, decision, status = heading.groups()
    assert record.name.startswith(f"{number}-")
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    line = f"| [{number}](decisions/{record.name}) | {decision} | {status} |"
    assert line in index, f"docs/README.md should hold this line: {line}"


def test_the_changelog_has_a_place_for_what_comes() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[Unreleased\]$", text, flags=re.MULTILINE)


@pytest.mark.skipif(not README.exists(), reason="there is no README yet")
def test_the_readme_opens_the_way_in() -> None:
    assert {"demo", "test"} <= set(make_lines(README))
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in links(README)}
    assert ROOT / "docs/architecture.md" in reached
    assert ROOT / "CONTRIBUTING.md" in reached
