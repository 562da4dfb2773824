"""Stored events are read for ever: their shapes only grow, their folds change only by revision."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.every import freeze, golden
from tests.every.freeze import breaks, shapes

NOW = shapes()
CORPUS = sorted(golden.FOLDER.glob("*.json"))


def test_events_have_the_frozen_shapes() -> None:
    frozen = json.loads(freeze.FILE.read_text("utf-8"))
    assert list(breaks(frozen, NOW)) == []
    assert frozen == NOW, "something was added: run python -m tests.every.freeze"


def changed(path: str, **values: Any) -> dict[str, Any]:
    """Today's shapes with one part replaced; a value of None removes it."""
    shapes = copy.deepcopy(NOW)
    part: Any = shapes
    for name in path.split("/"):
        part = part[int(name) if isinstance(part, list) else name]
    for name, value in values.items():
        part[name] = value
        if value is None:
            del part[name]
    return shapes


WON = "Opportunity.Won/fields"
KEPT = "Import.Reverted/fields/kept_records/type/items"
NUMBER = {"type": {"type": "integer"}, "required": False, "sealed_for": None}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (WON, {"won_on": None}),
        (f"{WON}/won_on", {"type": {"type": "string"}}),
        (f"{WON}/amount", {"required": True}),
        (WON, {"discount": {**NUMBER, "required": True}}),
        ("Opportunity.Won", {"schema_version": 0}),
        ("Contact.Added/fields/phone", {"sealed_for": "customer"}),
        ("Contact.Added/fields/phone", {"sealed_for": ""}),
        (f"{KEPT}/properties", {"by": None}),
        (f"{KEPT}/properties/by/anyOf/0/properties/id", {"format": "date"}),
        (KEPT, {"required": ["kind", "id", "why", "by"]}),
    ],
)
def test_what_would_not_be_read_any_more_is_noticed(path: str, values: dict[str, Any]) -> None:
    assert len(list(breaks(NOW, changed(path, **values)))) == 1


def test_a_topic_that_is_gone_is_noticed() -> None:
    later = {topic: shape for topic, shape in NOW.items() if topic != "User.Disabled"}
    assert [why.split()[0] for why in breaks(NOW, later)] == ["User.Disabled"]


def test_what_only_adds_is_allowed() -> None:
    later = changed(WON, discount=NUMBER) | {"Opportunity.Split": NOW["Opportunity.Won"]}
    later["Opportunity.Lost"] = {"schema_version": 2, "fields": {}}
    item = later["Import.Reverted"]["fields"]["kept_records"]["type"]["items"]
    item["properties"]["since"] = {"type": "string"}
    assert list(breaks(NOW, later)) == []


# The corpus


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_stored_events_still_give_the_same_state_and_row(file: Path) -> None:
    corpus = json.loads(file.read_text("utf-8"))
    for case in corpus["cases"]:
        folded = golden.folded(corpus["kind"], case["events"])
        assert folded["state"] == case["state"], "raise the aggregate's REVISION, then refresh"
        assert folded["rows"] == case["rows"], "raise the projection's revision, then refresh"
    assert golden.revisions(corpus["kind"]) == corpus["revisions"], (
        "a revision was raised: run python -m tests.every.golden"
    )


def test_every_topic_is_in_the_corpus() -> None:
    cases = [case for file in CORPUS for case in json.loads(file.read_text("utf-8"))["cases"]]
    assert {event["topic"] for case in cases for event in case["events"]} == set(NOW)
    files = {json.loads(file.read_text("utf-8"))["kind"] for file in CORPUS}
    assert files == {topic.split(".")[0] for topic in NOW}
