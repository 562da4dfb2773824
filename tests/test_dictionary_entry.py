"""Dictionary entries: one code once, renamed, retired, deleted only while unused."""

from typing import Any

import pytest
from pydantic import ValidationError

from aggregates.base import Reservation
from aggregates.dictionary_entry import (
    DictionaryEntry,
    DictionaryEntryInUse,
    DictionaryEntryRetired,
    DuplicateDictionaryCode,
)
from commands.base import Command
from commands.dictionary_entry import (
    AddDictionaryEntry,
    DeleteDictionaryEntry,
    RenameDictionaryEntry,
    ReorderDictionaryEntry,
    RetireDictionaryEntry,
)
from tests.spec import RECORD, given

NAMES: dict[str, Any] = {"zh": "制造业", "en": "Manufacturing"}
ADDED = DictionaryEntry.Added(dictionary="industry", code="manufacturing", **NAMES)
RETIRED, DELETED = DictionaryEntry.Retired(), DictionaryEntry.Deleted()
CODE = Reservation("code/industry", "manufacturing", DuplicateDictionaryCode)
USE = Reservation("code-in-use", str(RECORD), DictionaryEntryInUse)


def test_an_entry_has_a_code_and_names_and_holds_its_code() -> None:
    outcome = given().when(AddDictionaryEntry(dictionary="industry", code="manufacturing", **NAMES))
    outcome.then(ADDED)
    assert list(outcome.aggregate.reservations()) == [CODE]


@pytest.mark.parametrize("code", ["", "Ä", "a b", "-a", "a" * 61, "A", "制造", "a\n"])
def test_a_code_is_small_letters_digits_and_a_few_signs(code: str) -> None:
    with pytest.raises(ValidationError):
        AddDictionaryEntry.model_validate({"dictionary": "industry", "code": code, **NAMES})


def test_a_stage_names_its_pipeline_and_what_it_means() -> None:
    stage: dict[str, Any] = {"dictionary": "stage", "code": "demo", **NAMES}
    given().when(AddDictionaryEntry(**stage)).invalid("pipeline", "type")
    given().when(AddDictionaryEntry(**stage, pipeline="sales")).invalid("type")
    whole: dict[str, Any] = {
        **stage,
        "pipeline": "sales",
        "type": "open",
        "probability": 30,
        "order": 7,
    }
    given().when(AddDictionaryEntry(**whole)).then(DictionaryEntry.Added(**whole))


def test_it_is_renamed_and_reordered() -> None:
    given(ADDED).when(RenameDictionaryEntry(zh="制造")).then(DictionaryEntry.Renamed(zh="制造"))
    given(ADDED).when(ReorderDictionaryEntry(order=3)).then(DictionaryEntry.Reordered(order=3))


def test_what_is_so_already_is_not_recorded() -> None:
    given(ADDED).when(RenameDictionaryEntry(**NAMES)).changes_nothing()
    given(ADDED).when(RenameDictionaryEntry()).changes_nothing()
    given(ADDED, DictionaryEntry.Reordered(order=3)).when(
        ReorderDictionaryEntry(order=3)
    ).changes_nothing()
    given(ADDED, RETIRED).when(RetireDictionaryEntry()).changes_nothing()
    given(ADDED, DELETED).when(DeleteDictionaryEntry()).changes_nothing()


@pytest.mark.parametrize("gone", [RETIRED, DELETED], ids=["retired", "deleted"])
@pytest.mark.parametrize(
    "command",
    [RenameDictionaryEntry(zh="x"), ReorderDictionaryEntry(order=9)],
    ids=lambda c: c.VERB,
)
def test_a_retired_or_deleted_entry_is_not_changed(
    gone: DictionaryEntry.Retired, command: Command
) -> None:
    given(ADDED, gone).when(command).rejects(DictionaryEntryRetired)


def test_a_deleted_entry_is_not_retired_and_a_retired_one_may_be_deleted() -> None:
    given(ADDED, DELETED).when(RetireDictionaryEntry()).rejects(DictionaryEntryRetired)
    given(ADDED, RETIRED).when(DeleteDictionaryEntry()).then(DELETED)


def test_retired_it_keeps_its_code_and_deleted_it_frees_it() -> None:
    retired = given(ADDED).when(RetireDictionaryEntry()).then(RETIRED).leaves(is_retired=True)
    assert list(retired.aggregate.reservations()) == [CODE]
    deleted = given(ADDED).when(DeleteDictionaryEntry()).then(DELETED).leaves(is_deleted=True)
    assert list(deleted.aggregate.reservations()) == [USE]
