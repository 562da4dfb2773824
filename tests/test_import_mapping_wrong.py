"""Whatever is wrong with a mapping is said, with its place: never a traceback, never a lost row."""

import copy
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.bootstrap import Backstory
from adapters.importing.faults import faults
from adapters.importing.jobs import Job, PreparedJob, prepare, run
from adapters.importing.mapping import BadMapping, Mapping, load
from adapters.importing.sources import UnreadableFile
from tests.importing import counts, events, imported, opened, write_csv
from tests.test_import_cut import CUSTOMERS, DEALS, EVENTS, HISTORY, PEOPLE, SOLD

STORIES = [(PEOPLE, CUSTOMERS), (DEALS, SOLD), (HISTORY, EVENTS)]
ZONE = ZoneInfo("Asia/Shanghai")
ENDLESS = float("inf")
COLUMN = {"column": "id"}
WRONG: list[Any] = [
    *(5, True, "", -1, 1.5, ENDLESS, 10**400, "2024-03-01", "x" * 10_000, "\0", "é", [], {}),
    *("{", "{}", "{a|b}", "name", "external", ["x"], [1, "a"], COLUMN, {"column": "nope"}),
    *({"constant": one} for one in (5, True, ENDLESS, "2024-03-01", ["a", 1], "", [])),
    *({"template": one} for one in ("{id", [], ["{id}", "{nope}"], "{id|x}", "{id|login}")),
    *({"made": one} for one in ("customers", "users", "")),
    *({**COLUMN, "by": one} for one in ("name", "login", "external", "id", "")),
    *({**COLUMN, "format": one} for one in ("%", "%Q", "%Y", "")),
    *({**COLUMN, "default": one} for one in (5, True, "2024-03-01", "")),
    *({**COLUMN, "times": one} for one in (0, "NaN", 1e300, "1e999999")),
    {**COLUMN, "values": {"1": 5, "2": True, "3": "", "4": 1.5}},
    *({**COLUMN, "split": ""}, {**COLUMN, "currency": "??"}, {**COLUMN, "missing": "note"}),
    *({**COLUMN, "by": "external", "system": one} for one in ("", "a\0", "old")),
]
NAMES = [
    *("kind", "external", "identity", "occurred_at", "fields", "then", "record", "also", "when"),
    *("on_behalf_of", "in_order", "suspicious", "unless", "command", "if_differs", "reason"),
    *("encoding", "delimiter", "sheet", "exported", "column", "constant", "default", "values"),
    *("name", "tags", "custom.x", "custom", "annual_revenue", "founded_on", "employees"),
    *("primary_contact", "external.id", "owner_id", "parent_id", "amount", "status", "login"),
]


@pytest.fixture(scope="module")
def backstory(module_database_url: str) -> Iterator[Backstory]:
    with opened(module_database_url) as backstory:
        yield backstory


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    return [write_csv(folder / f"{n}.csv", rows) for n, (_, rows) in enumerate(STORIES)]


def places(inside: Any) -> Iterator[tuple[Any, Any]]:
    """Everything that is in a mapping, each as what holds it and its name there."""
    named = inside.items() if isinstance(inside, dict) else enumerate(inside)
    for name, one in list(named):
        yield inside, name
        if isinstance(one, dict | list):
            yield from places(one)


def mutated(mapping: str, random: Random) -> dict[str, Any]:
    """The mapping with up to three things in it changed, left out or added."""
    said = tomllib.loads(mapping)
    for _ in range(random.choice((1, 1, 2, 3))):
        inside, name = random.choice(list(places(said)))
        wrong, at = copy.deepcopy(random.choice(WRONG)), inside[name]
        match random.randrange(4):
            case 0:
                del inside[name]
            case 1 if isinstance(at, dict):
                at[random.choice(NAMES)] = wrong
            case 2 if isinstance(inside, dict):
                inside[random.choice(NAMES)] = wrong
            case _:
                inside[name] = wrong
    return said


def prepared(backstory: Backstory, file: Path, said: dict[str, Any], kind: str) -> PreparedJob:
    try:
        mapping = Mapping.model_validate(said)
    except ValidationError as error:  # What ``load`` makes a BadMapping of.
        raise BadMapping("mapping.wrong", path="m.toml", said=faults(error)) from error
    return prepare(Job(kind, file, mapping, is_rehearsal=True), backstory.timezone)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(which=st.integers(0, 2), random=st.randoms(use_true_random=False))
def test_a_mapping_that_was_tampered_with_is_refused_or_every_row_is_accounted_for(
    backstory: Backstory, files: list[Path], which: int, random: Random
) -> None:
    mapping = STORIES[which][0]
    said = mutated(mapping, random)
    try:
        job = prepared(backstory, files[which], said, tomllib.loads(mapping)["kind"])
    except (BadMapping, UnreadableFile):  # It says of the file what that is not.
        return
    report, _ = run(backstory, job)
    assert report.read == report.outcomes.total()


def wrong(folder: Path, mapping: str | bytes, kind: str = "customers") -> str:
    """What is said of a mapping for a file of names."""
    path = folder / "m.toml"
    path.write_bytes(mapping if isinstance(mapping, bytes) else mapping.encode())
    file = write_csv(folder / "c.csv", [["name", "since"], ["上海云泽有限公司", "2024-03-01"]])
    with pytest.raises(BadMapping) as raised:
        prepare(Job(kind, file, path), ZONE)
    return str(raised.value)


BEGIN = 'kind = "customers"\n'
NAMED = BEGIN + '[fields]\nname = "name"\n'


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        (b"\xff\xfe\x00", "is not UTF-8"),
        ("kind = ", "is not valid TOML"),
        ("a = " + "[" * 100_000, "is nested too deeply"),
        ("a = " + "9" * 100_000, "is not valid TOML"),
        (NAMED + 'nmae = "name"', "has no field 'nmae'; did you mean 'name'?"),
        (NAMED + 'region = "nam"', "field region: the file has no column 'nam'; did you mean"),
        (NAMED.replace("customers", "customer"), "is for customer, not for customers"),
        (NAMED + "founded_on = { constant = 5 }", "field founded_on: founded_on cannot be '5'"),
        (NAMED + 'founded_on = { constant = "5.3." }', "founded_on cannot be '5.3.'"),
        (NAMED + "notes = { constant = true }", "field notes: notes cannot be 'True'"),
        (NAMED + 'founded_on = { column = "since", default = "-" }', "founded_on cannot be '-'"),
        (NAMED + 'employees = { column = "since", values = { a = 1.5 } }', "employees cannot be"),
        (NAMED + 'owner_id = { constant = "anna" }', "owner_id cannot be 'anna'"),
        (BEGIN + "occurred_at = { constant = 5 }\n" + NAMED[len(BEGIN) :], "occurred_at cannot be"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, mapping: str, says: str) -> None:
    assert says in wrong(tmp_path, mapping)


def test_a_folder_is_no_mapping(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match="cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize("day", ['"2024-03-01"', "2024-03-01"])
@pytest.mark.parametrize("way", ["constant = {}", 'column = "since", default = {}'])
def test_a_day_in_the_mapping_is_the_days_beginning_here_with_or_without_quotes(
    backstory: Backstory, tmp_path: Path, day: str, way: str
) -> None:
    path, number = tmp_path / "m.toml", abs(hash((day, way)))
    path.write_text(
        f'kind = "customers"\noccurred_at = {{ {way.format(day)} }}\n[fields]\nname = "name"\n'
        f"founded_on = {{ {way.format(day)} }}\n",
        encoding="utf-8",
    )
    file = write_csv(tmp_path / "c.csv", [["name", "since"], [f"上海{number}有限公司", ""]])
    before = backstory.log.head().position
    assert counts(imported(backstory, "customers", file, path)) == (1, 0, 0, 0)
    [event] = [e for e in events(backstory, before) if e.TOPIC == "Customer.Registered"]
    assert event.envelope.occurred_at == datetime(2024, 3, 1, tzinfo=backstory.timezone)
    assert str(event.founded_on) == "2024-03-01"  # type: ignore[attr-defined]


def test_a_constant_may_name_a_record_as_a_cell_does(backstory: Backstory, tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(
        NAMED + 'owner_id = { constant = "local", by = "login" }\n'
        'annual_revenue = { constant = "12.50", currency = "CNY" }\n',
        encoding="utf-8",
    )
    file = write_csv(tmp_path / "c.csv", [["name"], ["上海常数有限公司"]])
    assert counts(imported(backstory, "customers", file, path)) == (1, 0, 0, 0)
