"""Another system's tables as files in a folder, with the mappings by which they are imported."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.report import Report
from tests.importing import imported, opened, rows

ROOT = Path(__file__).resolve().parents[2]
MAPPINGS = ROOT / "docs/mappings"


@dataclass(frozen=True)
class Tables:
    """The tables of one system."""

    system: str
    files: Mapping[str, tuple[str, str]]
    """What a mapping is called → the kind of its records, and the table."""

    @property
    def folder(self) -> Path:
        return ROOT.parent / f"shared/data/fivetran-{self.system}"

    @property
    def needed(self) -> pytest.MarkDecorator:
        """Skips the tests of a module where the tables are not there."""
        return pytest.mark.skipif(not self.folder.exists(), reason=f"{self.folder} is not here")

    def rows(self, table: str) -> list[dict[str, str]]:
        with (self.folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def mapping(self, name: str) -> Path:
        return MAPPINGS / f"{self.system}-{name}.toml"

    def enter(self, backstory: Backstory, name: str) -> Report:
        kind, table = self.files[name]
        return imported(backstory, kind, self.folder / f"{table}.csv", self.mapping(name))

    def enter_all(self, backstory: Backstory) -> dict[str, Report]:
        """Every file, in the order in which they are to be imported."""
        return {name: self.enter(backstory, name) for name in self.files}


@contextmanager
def apart(url: str, folder: Path) -> Iterator[Backstory]:
    """A whole process that writes refused rows into a folder: that of the data is not ours."""
    with pytest.MonkeyPatch.context() as patch, opened(url) as backstory:
        patch.chdir(folder)
        yield backstory


def by_external_id(backstory: Backstory, kind: str) -> dict[str, Any]:
    found = rows(backstory, kind).values()
    return {row.external.id: row for row in found if row.external is not None}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")
