"""A revert that is killed goes on when it is asked for again, and ends as an unbroken one."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from adapters.bootstrap import Backstory
from adapters.importing import reverting
from adapters.importing.jobs import IMPORTER
from adapters.importing.reverting import Reverted
from commands.application import Application
from commands.base import COMMANDS
from commands.importing import RevertImport
from commands.requests import Caller, Request
from tests.importing import SECRET, counts, events, imported, last, opened, write_csv
from tests.killing import SECONDS, wall

HEADER = ["id", "name", "region", "phone", "said"]
MAPPING = """
kind = "customers"
external = { system = "WORD", id = "id" }
occurred_at = { constant = "2024-03-01T00:00:00Z" }
[fields]
name = "name"
region = "region"
"primary_contact.name" = { constant = "张三" }
"primary_contact.phone" = "phone"
[[then]]
unless = { said = "" }
command = "record-interaction"
fields.channel = { constant = "visit" }
fields.subject = "said"
"""


class Killed(BaseException):
    """What nobody catches."""


class Files:
    """A file that was imported, and a longer one that changes its records and adds to them."""

    def __init__(self, backstory: Backstory, folder: Path, word: str, many: int) -> None:
        self._backstory, self._folder, self._word = backstory, folder, word
        folder.mkdir(exist_ok=True)
        (folder / "m.toml").write_text(MAPPING.replace("WORD", word), encoding="utf-8")
        assert counts(self._imported(many, "华东")) == (many, 0, 0, 0)
        report = self._imported(2 * many, "华北", on_duplicate="update")
        assert counts(report) == (many, many, 0, 0)
        assert report.import_id is not None
        self.id: UUID = report.import_id
        self._edit(1)
        self._edit(many + 1)

    def _name(self, n: int) -> str:
        return f"{self._word}{n}号有限公司"

    def _imported(self, many: int, region: str, **options: Any) -> Any:
        rows = [
            [str(n), self._name(n), region, "13800000001", f"{region}参观" if n % 2 else ""]
            for n in range(many)
        ]
        file = write_csv(self._folder / "c.csv", [HEADER, *rows])
        mapping = self._folder / "m.toml"
        return imported(self._backstory, "customers", file, mapping, **options)

    def _edit(self, n: int) -> None:
        """Somebody changes what the import changed or made."""
        id = self._backstory.application.find_external("customers", self._word, str(n))
        change = COMMANDS["customers/change-details"].model_validate({"region": "西南"})
        self._backstory.application.dispatch(Request(change, id), Caller(IMPORTER.actor))

    def begin(self) -> None:
        """Ask for the longer file to be reverted, and leave it to whoever comes."""
        self._backstory.application.dispatch(Request(RevertImport(), self.id), IMPORTER)

    def said(self) -> Counter[tuple[Any, ...]]:
        """What the log says of the records, without their ids and numbers."""
        names: dict[UUID, str] = {}
        told: Counter[tuple[Any, ...]] = Counter()
        for event in events(self._backstory):
            of = event.envelope
            if event.TOPIC == "Customer.Registered" and self._word in event.name:  # type: ignore[attr-defined]
                names[of.stream_id] = event.name  # type: ignore[attr-defined]
            root = names.get(of.customer_id) if of.customer_id is not None else None
            if root is not None:
                payload = event.model_dump(mode="json", exclude_unset=True)
                payload = {n: v for n, v in payload.items() if n != "number" and "_id" not in n}
                one = root, event.TOPIC, of.version, str(payload)
                told[tuple(str(said).replace(self._word, "") for said in one)] += 1
        return told

    def came(self) -> tuple[Any, ...]:
        """What the revert says of itself."""
        return summed(reverting.outcome(self._backstory, self.id))


def summed(came: Reverted | None) -> tuple[Any, ...]:
    assert came is not None, "it was not reverted"
    kept = Counter((one.kind, one.why, one.fields) for one in came.kept_records)
    return came.withdrawn, came.taken_back, came.kept, sorted(kept.items())


@pytest.fixture(scope="module")
def backstory(module_database_url: str) -> Iterator[Backstory]:
    with opened(module_database_url) as backstory, backstory.runner:
        yield backstory


def test_cut_off_after_any_command_and_asked_for_again_it_ends_as_an_unbroken_one(
    backstory: Backstory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Files(backstory, tmp_path / "w", "qqw", 3)
    whole.begin()
    before = last(backstory)
    assert reverting.revert(backstory, whole.id) is not None
    steps = len({e.envelope.command_id for e in events(backstory, before)})
    assert steps > 5
    submit, submit_all = Application.submit, Application.submit_all
    for n in range(steps + 1):
        broken = Files(backstory, tmp_path / f"b{n}", f"qq{n}x", 3)
        broken.begin()
        left = iter(range(n))

        def killing(application: Application, prepared: Any, left: Iterator[int] = left) -> Any:
            first = [one for one, _ in zip(prepared, left, strict=False)]
            handed_over = submit_all(application, first)
            if len(first) < len(prepared):
                raise Killed
            return handed_over

        def killing_one(application: Application, prepared: Any, left: Iterator[int] = left) -> Any:
            if next(left, None) is None:
                raise Killed
            return submit(application, prepared)

        with monkeypatch.context() as patched:
            patched.setattr(Application, "submit_all", killing)
            patched.setattr(Application, "submit", killing_one)
            with pytest.raises(Killed):
                reverting.revert(backstory, broken.id)
        assert reverting.outcome(backstory, broken.id) is None
        reverting.revert(backstory, broken.id)
        assert broken.came() == whole.came(), f"after command {n}"
        assert broken.said() == whole.said(), f"after command {n}"


def process(url: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {"BACKSTORY_DATABASE_URL": url, "BACKSTORY_SECRET": SECRET}
    return subprocess.Popen(
        [sys.executable, "-m", "adapters.cli", *arguments],
        env={**os.environ, "BACKSTORY_AUTH": "off", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_at_the_command_line_and_while_serving_it_goes_on_and_nothing_is_done_twice(
    backstory: Backstory, tmp_path: Path
) -> None:
    whole, broken = (Files(backstory, tmp_path / word, word, 60) for word in ("qqu", "qqk"))
    whole.begin()
    reverting.revert(backstory, whole.id)
    begun, url = last(backstory), backstory.url
    for past, lost in ((0, True), (60, False)):
        with wall(url, begun + past) as end:
            end.kill(process(url, "import", "--revert", str(broken.id)), lost=lost)
    with wall(url, begun + 200) as end:
        end.kill(process(url, "serve", "--port", "0"), lost=True)
    done, error = process(url, "import", "--revert", str(broken.id)).communicate(timeout=SECONDS)
    assert "records withdrawn" in done, error
    assert broken.came() == whole.came()
    assert broken.said() == whole.said()
