"""Naughty strings in every field of every kind: kept to the letter, or refused with a reason."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from adapters import registry
from adapters.bootstrap import Backstory
from adapters.importing.jobs import IMPORTER, Job, prepare
from adapters.importing.mapping import Mapping
from adapters.importing.plan import may_lack
from adapters.importing.rehearsal import Rehearsal
from adapters.importing.running import Import
from adapters.importing.targets import Target, target
from adapters.mapper import Mapper
from commands.application import Application
from commands.base import COMMANDS, Command
from tests.importing import opened, write_csv
from tests.test_import_encodings import BLNS

registry.load()
STEP = 12
"""Each field is given every so many of them, the next one others."""
KINDS = {c.AGGREGATE.PLURAL: c for c in COMMANDS.values() if c.CREATES and not c.IMPORT_ONLY}
FITTING = {"login": "a{n}", "code": "a{n}", "dictionary": "industry"}
PERSON = {
    "primary_contact.name": {"constant": "张三"},
    "primary_contact.phone": {"constant": "13800000001"},
}
"""What a first contact cannot be without."""


def fields(model: type[BaseModel], before: str = "") -> Iterator[Target]:
    """What a column may fill, inside of parts too."""
    for name in model.model_fields:
        of = target(model, name)
        if of.parts is None:
            yield Target((*before.split(".")[:-1], name), of.annotation)
        else:
            yield from fields(of.parts, f"{before}{name}.")


@pytest.fixture(scope="module")
def backstory(module_database_url: str) -> Iterator[Backstory]:
    with opened(module_database_url) as backstory:
        yield backstory


def mapped(command: type[Command[Any]], of: Target) -> dict[str, Any]:
    """A mapping by which the field is filled from a column, and others as they must be."""
    required = (n for n, f in command.model_fields.items() if f.is_required())
    must = [name for name in required if name not in may_lack(command)]
    fitting = {name: {"template": FITTING.get(name, "{n}号有限公司")} for name in must}
    beside = PERSON if of.path[0] == "primary_contact" else {}
    said = {"kind": command.AGGREGATE.PLURAL, "fields": {**fitting, **beside}}
    if of.path[0] == "external":
        return {**said, "external": {"system": "old", "id": "text"}}
    said["fields"][of.name] = "text"  # type: ignore[index]
    return said


def taken(backstory: Backstory, job: Job) -> tuple[set[int], str]:
    """The lines that were refused, each with a reason, and what was recorded of the others."""
    prepared, log = prepare(job, backstory.timezone), Rehearsal(backstory.log)
    keys, mapper = backstory.keyring, Mapper(log, backstory.keyring)
    application = Application(log, mapper, keys, backstory.timezone)
    report = Import(prepared.plan, application, log, keys, IMPORTER).run(prepared.file)
    assert report.read == report.outcomes.total()
    assert all(reason for _, reason in report.refusals)
    recorded = [e for stream in log._streams.values() for e in mapper.read_all(stream)]
    said = [json.dumps(e.model_dump(mode="json"), ensure_ascii=False) for e in recorded]
    return {line.number for line, _ in report.refusals}, "\n".join(said)


@pytest.mark.skipif(not BLNS.exists(), reason=f"{BLNS} is not here")
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_in_every_field_they_are_kept_to_the_letter_or_refused(
    backstory: Backstory, tmp_path: Path, kind: str
) -> None:
    naughty = [one for one in json.loads(BLNS.read_text("utf-8")) if one]
    kept = 0
    for number, of in enumerate(fields(KINDS[kind])):
        texts = naughty[number % STEP :: STEP]
        rows = [[str(n), text] for n, text in enumerate(texts)]
        file = write_csv(tmp_path / "c.csv", [["n", "text"], *rows])
        mapping = Mapping.model_validate(mapped(KINDS[kind], of))
        refused, recorded = taken(backstory, Job(kind, file, mapping))
        if of.holds(str):
            whole = [text for n, text in enumerate(texts, start=2) if n not in refused]
            lost = [t for t in whole if json.dumps(t, ensure_ascii=False)[1:-1] not in recorded]
            assert lost == [], of.name
            kept += len(whole)
    assert kept > len(naughty) // STEP
