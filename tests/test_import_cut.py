"""An import that is cut off after any of its commands and run again leaves the log of a whole run.

The commands are made on a rehearsal's log, in memory, so that every place can be tried.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest

from adapters.bootstrap import Backstory
from adapters.importing import running
from adapters.importing.jobs import IMPORTER, Job, prepare
from adapters.importing.rehearsal import Rehearsal
from adapters.importing.report import Report
from adapters.importing.running import Import, OnDuplicate
from adapters.mapper import Mapper
from aggregates.events import Event
from aggregates.interaction import interaction_id
from commands.application import Application
from commands.ports import Answer, Append, Outcome
from tests.importing import opened

Fates = Callable[[int], str]
Files = Callable[..., Job]
STORED = "stored"
DRAWN = 7
"""Version of the ids of commands that have no key, such as updates."""


class Killed(BaseException):
    """What nobody catches."""


class Cut(Rehearsal):
    """A log whose process is killed at the n-th unit: before it is handed over, or with those
    after it stored already and only itself lost, as several connections may leave it."""

    def __init__(self, backstory: Backstory) -> None:
        super().__init__(backstory.log)
        self.live()

    def live(self, fate: Fates = lambda _: STORED) -> None:
        """Begin another process, and say what becomes of its units."""
        self._fate, self.submitted = fate, 0

    def submit(self, unit: Append) -> "Future[Outcome]":
        fate = self._fate(self.submitted)
        self.submitted += 1
        if fate == "killed":
            raise Killed
        if fate == "lost":
            future: Future[Outcome] = Future()
            future.set_exception(Killed())
            return future
        return super().submit(unit)

    def submit_all(self, units: Sequence[Append]) -> "Future[Sequence[Answer]]":
        futures = [self.submit(unit) for unit in units]
        answers: Future[Sequence[Answer]] = Future()
        lost = next((error for one in futures if (error := one.exception())), None)
        if lost is None:
            answers.set_result([one.result() for one in futures])
        else:
            answers.set_exception(lost)
        return answers

    def said(self, mapper: Mapper) -> dict[Any, list[tuple[Any, ...]]]:
        """Stream → its events; ids of streams are replaced by the commands that began them."""
        names = {id: f"{e[0].kind} of {e[0].command_id}" for id, e in self._streams.items() if e}
        real = {name: self._streams[id] for id, name in names.items()}
        assert len(real) == len(names), "two records of one kind begun by one command"
        return {
            name: [self._one(event, names) for event in mapper.read_all(stored)]
            for name, stored in real.items()
        }

    def _one(self, event: Event, names: dict[UUID, str]) -> tuple[Any, ...]:
        payload = str(event.model_dump(mode="json", exclude_unset=True, exclude={"number"}))
        for id, name in names.items():
            payload = payload.replace(str(id), name)
        of, at = event.envelope, event.envelope.occurred_at
        payload = payload.replace(str(interaction_id(of.stream_id, of.version)), "new")
        happened = at if at < of.recorded_at else "now"
        said = (event.TOPIC, of.version, payload, happened, of.origin, of.reason)
        who = (of.actor, names.get(of.on_behalf_of or of.actor))
        return *said, *who, None if of.command_id.version == DRAWN else of.command_id


class Story:
    """Files that are imported one after the other, the last of them cut off."""

    def __init__(self, backstory: Backstory, *jobs: Job) -> None:
        self._backstory = backstory
        self._prepared = [prepare(job, backstory.timezone) for job in jobs]
        self.log = Cut(backstory)
        self._mapper = Mapper(self.log, backstory.keyring)

    def _import(self, which: int) -> Report:
        one, keys = self._prepared[which], self._backstory.keyring
        application = Application(self.log, self._mapper, keys, self._backstory.timezone)
        caller, on_duplicate = IMPORTER, one.job.on_duplicate
        return Import(one.plan, application, self.log, keys, caller, on_duplicate).run(one.file)

    def said(self) -> dict[Any, list[tuple[Any, ...]]]:
        return self.log.said(self._mapper)

    def told(self, *fates: Fates) -> Report:
        """The report of the last file's last run, after one run for each fate that ended it."""
        for which in range(len(self._prepared) - 1):
            self._import(which)
        for fate in fates:
            self.log.live(fate)
            with pytest.raises(Killed):
                self._import(-1)
        self.log.live()
        return self._import(-1)


PEOPLE = """
kind = "customers"
external = { system = "old", id = "id" }
occurred_at = "since"
[fields]
name = "name"
region = "region"
parent_id = { column = "parent", by = "external" }
"primary_contact.name" = { column = "person" }
"primary_contact.phone" = { column = "phone" }
[[then]]
unless = { said = "" }
command = "record-interaction"
fields.channel = { constant = "visit" }
fields.subject = "said"
"""
CUSTOMERS = [
    ["id", "name", "region", "parent", "person", "phone", "said", "since"],
    ["1", "上海一号有限公司", "华东", "4", "张三", "13800000001", "参观", "2024-03-01"],
    ["2", "上海二号有限公司", "华东", "1", "", "", "", "2024-03-02"],
    ["3", "上海三号有限公司", "", "", "李四", "13800000002", "来访", ""],
    ["4", "上海四号有限公司", "华北", "5", "", "", "", "2024-03-04"],
    ["5", "上海五号有限公司", "", "", "", "", "参观", "2024-03-05"],
]
CHANGED = [
    CUSTOMERS[0],
    ["1", "上海一号有限公司", "华南", "5", "张三", "13800000001", "再参观", "2024-03-01"],
    ["2", "上海二号有限公司", "华南", "3", "", "", "参观", "2024-03-02"],
    ["3", "上海三号新有限公司", "华南", "1", "", "", "来访", ""],
    ["6", "上海六号有限公司", "", "7", "王五", "13800000003", "", ""],
    ["7", "上海七号有限公司", "", "", "", "", "", ""],
]
DEALS = """
kind = "opportunities"
external = { system = "old", id = "deal" }
on_behalf_of = { made = "users" }
[[also]]
kind = "users"
unless = { owner = "" }
fields.login = "owner"
fields.name = "owner"
[[also]]
kind = "customers"
fields.name = "company"
[[also]]
name = "person"
kind = "contacts"
unless = { person = "" }
fields.customer_id = { made = "customers" }
fields.name = "person"
[fields]
title = "title"
customer_id = { made = "customers" }
decision_maker_id = { made = "person" }
owner_id = { made = "users" }
[[then]]
when = { won = "yes" }
command = "win"
occurred_at = "day"
fields.won_on = "day"
fields.amount = { template = "12.50 CNY" }
"""
SOLD = [
    ["deal", "title", "company", "person", "won", "owner", "day"],
    ["1", "机床", "上海一号有限公司", "王芳", "yes", "anna", "2024-03-01"],
    ["2", "机床", "上海二号有限公司", "王芳", "", "anna", ""],
    ["3", "铣床", "上海一号有限公司", "王芳", "yes", "", "2024-03-02"],
    ["4", "铣床", "上海一号有限公司", "李雷", "yes", "bob", "2024-03-03"],
    ["4", "铣床", "上海一号有限公司", "李雷", "yes", "bob", "2024-03-03"],
    ["5", "磨床", "上海二号有限公司", "", "", "anna", ""],
]
HISTORY = """
kind = "tickets"
record = { made = "tickets" }
in_order = true
on_behalf_of = { made = "users" }
occurred_at = "at"
[[also]]
kind = "users"
unless = { who = "" }
fields.login = "who"
fields.name = "who"
[[also]]
kind = "tickets"
external = { system = "desk", id = "case" }
occurred_at = "at"
fields.subject = "case"
[[then]]
command = "record-status"
reason = "what"
fields.status = "status"
"""
EVENTS = [
    ["case", "what", "at", "who", "status"],
    ["c1", "open", "2024-03-01T09:00:00Z", "anna", "pending"],
    ["c2", "open", "2024-03-01T09:00:00Z", "bob", "pending"],
    ["c1", "work", "2024-03-01T09:00:00Z", "bob", "in_progress"],
    ["c1", "work", "2024-03-01T09:00:00Z", "bob", "in_progress"],
    ["c2", "done", "2024-03-02T09:00:00Z", "", "completed"],
    ["c1", "done", "2024-03-02T08:00:00Z", "anna", "completed"],
    ["c2", "open", "2024-03-03T08:00:00Z", "anna", "pending"],
]


@pytest.fixture(scope="module")
def backstory(module_database_url: str) -> Iterator[Backstory]:
    with opened(module_database_url) as backstory:
        yield backstory


@pytest.fixture
def job(tmp_path: Path) -> Files:
    numbers = count()

    def made(rows: list[list[str]], mapping: str, ending: str = "csv", **options: Any) -> Job:
        path = tmp_path / f"{next(numbers)}.{ending}"
        _write(path, rows)
        plan = path.with_suffix(".toml")
        plan.write_text(mapping, encoding="utf-8")
        kind = mapping.split('"')[1]
        return Job(kind, path, plan, **options)

    return made


def _write(path: Path, rows: list[list[str]]) -> None:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        return
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)


def update(job: Files, on_duplicate: OnDuplicate = "update") -> list[Job]:
    return [job(CUSTOMERS, PEOPLE), job(CHANGED, PEOPLE, on_duplicate=on_duplicate)]


STORIES: dict[str, Callable[[Files], list[Job]]] = {
    "rows that name rows further down": lambda job: [job(CUSTOMERS, PEOPLE)],
    "a workbook": lambda job: [job(CUSTOMERS, PEOPLE, "xlsx")],
    "several records of a row": lambda job: [job(SOLD, DEALS)],
    "the same, companies being there": lambda job: [job(CUSTOMERS, PEOPLE), job(SOLD, DEALS)],
    "histories": lambda job: [job(EVENTS, HISTORY)],
    "updates": update,
    "refused where they differ": lambda job: update(job, "refuse"),
    "skipped where they differ": lambda job: update(job, "skip"),
}


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize(("fate", "chunk"), [("killed", 2), ("lost", 500)])
def test_cut_off_anywhere_and_run_again_the_log_is_that_of_a_whole_run(
    backstory: Backstory,
    job: Files,
    story: str,
    fate: str,
    chunk: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "CHUNK", chunk)
    jobs = STORIES[story](job)
    whole = Story(backstory, *jobs)
    report, unbroken = whole.told(), whole.said()
    assert report.outcomes.keys() & {"created", "updated", "refused", "skipped"}
    assert whole.log.submitted > 1
    for n in range(whole.log.submitted):
        broken = Story(backstory, *jobs)
        again = broken.told(at(n, fate))
        assert broken.said() == unbroken, f"{fate} at command {n}"
        assert again.read == again.outcomes.total() == report.read
        assert again.outcomes["refused"] == report.outcomes["refused"]


@pytest.mark.parametrize("story", STORIES)
def test_cut_off_several_times_it_is_no_other(backstory: Backstory, job: Files, story: str) -> None:
    jobs = STORIES[story](job)
    whole, broken = Story(backstory, *jobs), Story(backstory, *jobs)
    whole.told()
    broken.told(at(1, "lost"), at(0, "killed"), at(0, "lost"))
    assert broken.said() == whole.said()


def at(n: int, fate: str) -> Fates:
    """What becomes of each command: the n-th is the last of its process."""
    return lambda m: fate if m == n else STORED
