"""No sentence and no cell shows an id where it is known what the id is of, in either language."""

import re
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID, uuid5

import pytest

from adapters import registry
from adapters.meanings import meanings
from adapters.texts import LANGUAGES, Texts
from aggregates.base import Aggregate, markers
from aggregates.events import Envelope, Event
from aggregates.values import Ref
from projections.base import Projection

registry.load()
TEXTS = Texts()
KINDS = sorted(k for k, a in Aggregate.registry.items() if a.__module__.startswith("aggregates."))
EVENTS = [event for kind in KINDS for event in Aggregate.registry[kind].EVENTS.values()]
SOME = UUID("0d4f4f9c-6d0b-5c56-9d7f-7d0a1d3c2b11")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
TECHNICAL = {"id", "content_id"}
"""Ids of what has no name: the record itself, and the bytes of a file."""
PLAIN = {"id": SOME, "incomplete": ()}
RAW = re.compile(r"[0-9a-f]{8}|UUID")

both = pytest.mark.parametrize("language", LANGUAGES)


class Names:
    """Every record has a name that says its kind; no code has one."""

    def record(self, kind: str, id: UUID) -> str | None:
        return f"<{kind}>"

    def code(self, dictionary: str, code: str, language: str) -> str | None:
        return f"<{dictionary}>"


class Own(Names):
    """Only records of one kind have names."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def record(self, kind: str, id: UUID) -> str | None:
        return f"<{kind}>" if kind == self._kind else None


class Strangers(Names):
    """Nothing has a name."""

    def record(self, kind: str, id: UUID) -> str | None:
        return None


def holds_ids(annotation: Any) -> bool:
    return annotation is UUID or any(map(holds_ids, get_args(annotation)))


def filling(annotations: dict[str, Any]) -> dict[str, Any]:
    """A value for every field: an id, or several, where it holds ids; else some text."""
    ids = {n: uuid5(SOME, n) for n, annotation in annotations.items() if holds_ids(annotation)}
    lists = {n: (id,) for n, id in ids.items() if "tuple" in str(annotations[n])}
    return {**dict.fromkeys(annotations, "x"), **ids, **lists}


def filled(event: type[Event]) -> Event:
    """The event with something in every field."""
    given = filling({n: f.rebuild_annotation() for n, f in event.model_fields.items()})
    said = event.model_construct(_fields_set=set(given), **given)
    at = Envelope(SOME, 1, 1, NOW, NOW, SOME, None, "api", None, SOME, SOME, None, SOME)
    return said.stored_as(at)


@both
@pytest.mark.parametrize("names", [Names(), Strangers()], ids=["known", "unknown"])
@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.TOPIC)
def test_no_sentence_shows_an_id(event: Any, names: Names, language: str) -> None:
    kind = event.TOPIC.partition(".")[0]
    [row] = [p.row for p in Projection.registry.values() if p.kind == kind]
    before = row(**{**filling(row.fields), **PLAIN})
    sentence = TEXTS.sentence(filled(event), before, row(id=SOME), language, names)
    assert RAW.findall(sentence) == [], sentence


@both
def test_what_was_taken_back_is_told_by_name(language: str) -> None:
    """A revert of a list of ids says whose they were."""
    told = []
    for kind in ("Customer", "Contact"):
        aggregate = Aggregate.registry[kind]
        [row] = [p.row for p in Projection.registry.values() if p.kind == kind]
        before: Any = row(id=SOME, distinct_from=(SOME,))
        event = aggregate.EVENTS[f"{kind}.Reverted"].model_validate(
            {"to_version": 1, "distinct_from": ()}
        )
        told.append(TEXTS.sentence(event, before, row(id=SOME), language, Own(kind)))
    begun, was = {
        "zh": ("把记录恢复到第1版：清空了已确认不同的记录", "（原为“{}”）"),
        "en": ("Took it back to version 1: cleared Records confirmed to be others", " (was “{}”)"),
    }[language]
    assert told == [begun + was.format("<Customer>"), begun + was.format("<Contact>")]


def test_numbers_are_written_with_their_units() -> None:
    spoken = {language: TEXTS.of(language) for language in LANGUAGES}
    labels = {n: s.label("Opportunity", "probability") for n, s in spoken.items()}
    said = [s.speech.change(labels[n], "5", "60") for n, s in spoken.items()]
    assert said == ["成交概率由“5%”改为“60%”", "changed Probability from “5%” to “60%”"]
    lasting = {0: "0秒", 45: "45秒", 1_200: "20分钟", 3_661: "1小时1分钟1秒", 86_400: "24小时"}
    assert {n: spoken["zh"].writing.duration(n) for n in lasting} == lasting
    assert spoken["en"].writing.duration(5_430) == "1 h 30 min 30 s"


@pytest.mark.parametrize("projection", Projection.registry.values(), ids=lambda p: p.table)
def test_of_every_id_in_a_table_it_is_known_what_it_is_of(projection: Any) -> None:
    ids = {name for name, annotation in projection.row.fields.items() if holds_ids(annotation)}
    known = {name for name, of in meanings(projection.kind).items() if isinstance(of, Ref)}
    assert ids - TECHNICAL - known == set()


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.TOPIC)
def test_of_every_id_in_an_event_it_is_known_what_it_is_of(event: Any) -> None:
    kind = event.TOPIC.partition(".")[0]
    fields = {n: f.rebuild_annotation() for n, f in event.model_fields.items()}
    ids = {name for name, annotation in fields.items() if holds_ids(annotation)}
    known = {name for name, of in meanings(kind).items() if isinstance(of, Ref)}
    declared = {name for name in ids if [*markers(fields[name], Ref)]}
    assert ids - TECHNICAL - known - declared == set()
