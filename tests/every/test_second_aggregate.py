"""What another aggregate costs: new files, no edit. Measured with a throw-away one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import database

ROOT = Path(__file__).parents[2]
ADDED = Path(__file__).with_name("second_aggregate")
PACKAGES = ("adapters", "aggregates", "commands", "projections", "queries")
MOST_LINES = {".py": 70, ".toml": 45}
"""Of code and of texts, for two events and two commands, blank lines not counted."""

NEW = "(test_texts or Parcel or parcels) and not dispatch"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and the tests over registries, and the new aggregate's files among them."""
    ignored = shutil.ignore_patterns("__pycache__")
    for package in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file in files():
        target = tmp_path / file.relative_to(ADDED)
        assert not target.exists(), "an aggregate is added by files of its own"
        shutil.copy(file, target)
    return tmp_path


def files() -> list[Path]:
    return [file for package in PACKAGES for file in sorted((ADDED / package).glob("*.*"))]


def run(copy: Path, *arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]


def test_a_second_aggregate_costs_a_few_lines() -> None:
    for suffix, most in MOST_LINES.items():
        texts = [file.read_text("utf-8") for file in files() if file.suffix == suffix]
        lines = [line for text in texts for line in text.splitlines() if line.strip()]
        assert 0 < len(lines) <= most


def test_it_gets_routes_documents_lists_history_and_a_command_line(
    copy: Path, postgres_url: str
) -> None:
    with database(postgres_url) as url:
        run(copy, "tests/every/second_aggregate/journey.py", url)


def test_it_is_held_to_what_every_aggregate_is_held_to(copy: Path) -> None:
    held = ["tests/every/test_texts.py", "tests/every/test_lives.py"]
    run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *held, "-k", NEW)
