"""Imports: every row is accounted for, again changes nothing, a killed one goes on."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.bootstrap import Backstory
from adapters.importing.beside import refused_path
from adapters.importing.report import Report
from aggregates.values import shows
from tests.importing import counts, events, imported, last, opened, read_csv, rows, write_csv

HEADER = ["name", "industry", "source", "primary_contact.name", "primary_contact.phone"]
_runs = count(1)


def customer(name: str, industry: str = "software", phone: str = "13800000001") -> list[str]:
    return [name, industry, "website", "张三", phone]


def mapping(folder: Path, text: str) -> Path:
    path = folder / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return path


def said(report: Report) -> dict[int, str]:
    """Line → reason."""
    return {line.number: str(reason) for line, reason in report.refusals}


def unnamed(reasons: dict[int, str]) -> dict[int, str]:
    """Without the ids of records, which are new each time."""
    return {line: re.sub(r"[0-9a-f-]{36}", "…", reason) for line, reason in reasons.items()}


def names(backstory: Backstory) -> set[str]:
    return {row.name for row in rows(backstory, "customers").values()}


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


# Any text

ANY_TEXT = """
kind = "customers"
external = { system = "test", id = "id" }
[fields]
name = { template = "{id}云泽有限公司" }
notes = "text"
"""


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_any_text_is_kept_byte_for_byte_or_refused_with_line_and_reason(
    backstory: Backstory, tmp_path: Path, texts: list[str]
) -> None:
    run = next(_runs)
    cells = [[f"{run}-{index}", text] for index, text in enumerate(texts)]
    path = write_csv(tmp_path / "any.csv", [["id", "text"], *cells])
    report = imported(backstory, "customers", path, mapping(tmp_path, ANY_TEXT))
    assert counts(report)[0] + counts(report)[3] == len(texts)
    refused = {line.cells[0]: str(reason) for line, reason in report.refusals}
    for id, text in cells:
        found = backstory.application.find_external("customers", "test", id)
        if id in refused:
            assert found is None
            assert refused[id]
            assert not any(map(shows, text)) or "\0" in text
        else:
            assert found is not None
            [registered] = backstory.mapper.read_all(backstory.log.stream(found))
            assert registered.notes == (text or None)  # type: ignore[attr-defined]


# Verdicts


MESSY = [
    HEADER,
    customer("云泽青峰有限公司"),
    customer("云泽青峰有限公司", phone="13800000002"),  # the same company, said otherwise
    customer("青岚科技有限公司", industry="mining"),
    customer("青岚机床有限公司", phone="12"),
    ["沧浦电子有限公司", "software"],
    customer("沧浦电子股份有限公司"),
    customer(""),
    customer("北屿\0有限公司"),
    customer("沧浦电子"),  # short for two that are above
    ["南棠机械有限公司", "", "", "", ""],
]
REASONS = {
    8: "name: is required",
    3: "exists already",
    4: "industry: there is no code “mining”",
    5: "primary_contact.phone: is not a valid phone number",
    6: "has 2 cells where the header has 5",
    9: "contains NUL",
    10: "begins with this name",
}


def test_every_row_is_accounted_for_and_what_is_refused_says_why(
    backstory: Backstory, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "messy.csv", MESSY)
    report = imported(backstory, "customers", path)
    assert counts(report) == (3, 0, 0, 7)
    reasons = said(report)
    assert reasons.keys() == REASONS.keys()
    for line, reason in REASONS.items():
        assert reason in reasons[line], reasons[line]
    assert names(backstory) == {"云泽青峰有限公司", "沧浦电子股份有限公司", "南棠机械有限公司"}
    [first] = [row for row in rows(backstory, "customers").values() if "青峰" in row.name]
    known = f"exists already as {first.number} 云泽青峰有限公司 [{first.id}], and differs in "
    assert reasons[3].startswith(known), "people know it by its number and name"
    [longer] = [row for row in rows(backstory, "customers").values() if "沧浦" in row.name]
    assert f"({longer.number} {longer.name} [{longer.id}])" in reasons[10]
    incomplete = {r.name: set(r.incomplete) for r in rows(backstory, "customers").values()}
    assert incomplete["南棠机械有限公司"] == {"industry", "source", "primary_contact"}


def test_a_dry_run_gives_the_real_verdicts_and_stores_nothing(
    backstory: Backstory, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "messy.csv", MESSY)
    before = last(backstory)
    rehearsed = imported(backstory, "customers", path, is_rehearsal=True)
    assert names(backstory) == set()
    real = imported(backstory, "customers", path)
    assert counts(rehearsed) == counts(real)
    assert unnamed(said(rehearsed)) == unnamed(said(real))
    assert min(e.envelope.position for e in events(backstory, before)) > before
    # Once more on top of what is there now: the verdicts are those of a second import.
    again = imported(backstory, "customers", path, is_rehearsal=True)
    position = last(backstory)
    assert counts(again) == counts(imported(backstory, "customers", path)) == (0, 0, 3, 7)
    assert last(backstory) == position


def test_refused_rows_are_written_as_they_were_and_can_be_imported_once_repaired(
    backstory: Backstory, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "messy.csv", MESSY)
    imported(backstory, "customers", path)
    refused = tmp_path / "messy.csv.refused.csv"
    found = read_csv(refused)
    assert [int(row["line"]) for row in found] == sorted(REASONS)
    by_line = {int(row["line"]): [row[column] for column in HEADER] for row in found}
    assert by_line[4] == MESSY[3]
    assert by_line[6] == [*MESSY[5], None, None, None], "as ragged as it was"
    position = last(backstory)
    assert counts(imported(backstory, "customers", refused)) == (0, 0, 0, 7), "nothing is repaired"
    assert last(backstory) == position
    repaired = [by_line[4][0], "software", *by_line[4][2:]]
    write_csv(refused, [["line", "reason", *HEADER], ["4", "repaired", *repaired]])
    assert counts(imported(backstory, "customers", refused)) == (1, 0, 0, 0)
    assert "青岚科技有限公司" in names(backstory)


RAGGED = """name,reason,line
云泽青峰有限公司,why
云泽青岚有限公司,why,1,more
"云泽"沧浦有限公司,why,1
,why,1
"""


@pytest.mark.parametrize(
    ("content", "many"),
    [(RAGGED, 4), ('name\n"云泽"沧浦有限公司\n"云泽,\n', 2), ("name\n云泽\0有限公司\n,\n", 2)],
)
def test_refused_rows_are_refused_until_they_are_repaired(
    backstory: Backstory, tmp_path: Path, content: str, many: int
) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text(content, encoding="utf-8")
    by = mapping(tmp_path, 'kind = "customers"\nfields.name = "name"')
    for _ in range(3):  # the file, its refused rows, and the refused of those
        report = imported(backstory, "customers", path, by)
        assert counts(report) == (0, 0, 0, many), said(report)
        path = refused_path(path)
        [header, *rest] = path.read_text(encoding="utf-8").splitlines()
        assert header.count("line") <= 2
        assert len(rest) >= many


def test_only_an_import_that_refuses_rows_leaves_a_file_of_them(
    backstory: Backstory, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "c.csv", [HEADER, customer("云泽青峰有限公司", industry="mining")])
    assert counts(imported(backstory, "customers", path, is_rehearsal=True)) == (0, 0, 0, 1)
    assert not refused_path(path).exists()
    imported(backstory, "customers", path)
    assert refused_path(path).exists()
    write_csv(path, [HEADER, customer("云泽青峰有限公司")])
    imported(backstory, "customers", path, is_rehearsal=True)
    assert refused_path(path).exists(), "a dry run takes nothing away either"
    imported(backstory, "customers", path)
    assert not refused_path(path).exists()


def test_a_file_that_somebody_else_has_called_so_is_left_alone(
    backstory: Backstory, tmp_path: Path
) -> None:
    notes = tmp_path / "c.csv.refused.csv"
    notes.write_text("my own notes\n", encoding="utf-8")
    path = write_csv(tmp_path / "c.csv", [HEADER, customer("云泽青峰有限公司", industry="nothing")])
    assert counts(imported(backstory, "customers", path)) == (0, 0, 0, 1)
    assert [row["line"] for row in read_csv(tmp_path / "c.csv.refused-2.csv")] == ["2"]
    write_csv(path, [HEADER, customer("云泽青峰有限公司")])
    assert counts(imported(backstory, "customers", path)) == (1, 0, 0, 0)
    assert not (tmp_path / "c.csv.refused-2.csv").exists()
    assert notes.read_text("utf-8") == "my own notes\n"


def test_what_is_no_code_is_said_to_be_none(backstory: Backstory, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "c.csv", [HEADER, customer("云泽青峰有限公司", industry="软件")])
    [reason] = said(imported(backstory, "customers", path)).values()
    assert "there is no code “软件” in the dictionary “industry”" in reason
    assert "mapping" in reason
    assert "[a-z0-9]" not in reason


def test_a_folder_that_is_not_to_be_written_to_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    assert refused_path(folder / "a.csv") == folder / "a.csv.refused.csv"
    folder.chmod(0o555)
    assert refused_path(folder / "a.csv") == tmp_path / "a.csv.refused.csv"
    assert refused_path(Path("a.csv")) == tmp_path / "a.csv.refused.csv"


# Duplicates

KNOWN = """
kind = "customers"
external = { system = "old", id = "id" }
[fields]
name = "name"
industry = "industry"
employees = "employees"
owner_id = { column = "owner", by = "login" }
tags = { column = "tags", split = ";" }
"custom.color" = "color"
"""
COLUMNS = ["id", "name", "industry", "employees", "owner", "tags", "color"]
FIRST = ["7", "云泽青峰有限公司", "software", "80", "local", "a;b", "red"]


def known(
    backstory: Backstory, folder: Path, *rows: list[str], on_duplicate: str = "refuse"
) -> Report:
    path = write_csv(folder / "known.csv", [COLUMNS, *rows])
    by = mapping(folder, KNOWN)
    return imported(backstory, "customers", path, by, on_duplicate=on_duplicate)


def changed(row: list[str], **cells: str) -> list[str]:
    return [cells.get(column, cell) for column, cell in zip(COLUMNS, row, strict=True)]


@pytest.mark.parametrize("mode", ["refuse", "skip", "update"])
def test_the_same_row_again_changes_nothing(
    backstory: Backstory, tmp_path: Path, mode: str
) -> None:
    assert counts(known(backstory, tmp_path, FIRST, FIRST, on_duplicate=mode)) == (1, 0, 1, 0)
    before = last(backstory)
    assert counts(known(backstory, tmp_path, FIRST, on_duplicate=mode)) == (0, 0, 1, 0)
    assert last(backstory) == before


def test_another_row_of_the_same_record_is_refused_skipped_or_taken_over(
    backstory: Backstory, tmp_path: Path
) -> None:
    known(backstory, tmp_path, FIRST)
    other = changed(FIRST, industry="finance", tags="b;c", color="blue")
    refused = known(backstory, tmp_path, other)
    assert counts(refused) == (0, 0, 0, 1)
    assert "--on-duplicate" in said(refused)[2]
    assert counts(known(backstory, tmp_path, other, on_duplicate="skip")) == (0, 0, 1, 0)
    [row] = rows(backstory, "customers").values()
    assert row.industry == "software"
    before = last(backstory)
    assert counts(known(backstory, tmp_path, other, on_duplicate="update")) == (0, 1, 0, 0)
    [row] = rows(backstory, "customers").values()
    assert (row.industry, row.tags, row.custom) == ("finance", ("a", "b", "c"), {"color": "blue"})
    [details, tagged] = events(backstory, before)
    assert details.model_fields_set == {"industry", "custom"}, "only what differs is recorded"
    assert tagged.TOPIC == "Customer.Tagged"


@pytest.mark.parametrize("mode", ["refuse", "skip", "update"])
def test_a_row_that_says_what_is_recorded_by_now_changes_nothing(
    backstory: Backstory, tmp_path: Path, mode: str
) -> None:
    known(backstory, tmp_path, FIRST)
    other = changed(FIRST, industry="finance", tags="b;c", color="blue")
    known(backstory, tmp_path, other, on_duplicate="update")
    before = last(backstory)
    assert counts(known(backstory, tmp_path, other, on_duplicate=mode)) == (0, 0, 1, 0)
    assert last(backstory) == before
    further = changed(other, color="green")
    assert counts(known(backstory, tmp_path, further)) == (0, 0, 0, 1)


def test_of_a_first_contact_too_a_row_says_what_is_recorded_or_not(
    backstory: Backstory, tmp_path: Path
) -> None:
    rows = [customer("云泽青峰有限公司"), customer("云泽青峰有限公司")]
    path = write_csv(tmp_path / "plain.csv", [HEADER, *rows])
    assert counts(imported(backstory, "customers", path)) == (1, 0, 1, 0)
    write_csv(path, [HEADER, customer("云泽青峰有限公司", phone="13800000002")])
    assert counts(imported(backstory, "customers", path)) == (0, 0, 0, 1)


def test_a_row_that_goes_back_to_what_it_first_said_is_taken_over_too(
    backstory: Backstory, tmp_path: Path
) -> None:
    known(backstory, tmp_path, FIRST)
    known(backstory, tmp_path, changed(FIRST, employees="90"), on_duplicate="update")
    assert counts(known(backstory, tmp_path, FIRST, on_duplicate="update")) == (0, 1, 0, 0)
    [row] = rows(backstory, "customers").values()
    assert row.employees == 80


def test_a_record_entered_otherwise_is_a_duplicate_by_its_name(
    backstory: Backstory, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "plain.csv", [HEADER, customer("云泽青峰有限责任公司")])
    imported(backstory, "customers", path)
    assert counts(known(backstory, tmp_path, FIRST)) == (0, 0, 0, 1)
    assert counts(known(backstory, tmp_path, FIRST, on_duplicate="skip")) == (0, 0, 1, 0)
    assert counts(known(backstory, tmp_path, FIRST, on_duplicate="update")) == (0, 1, 0, 0)
    [row] = rows(backstory, "customers").values()
    assert (row.name, row.external.id) == ("云泽青峰有限公司", "7")


def test_of_two_rows_that_contradict_each_other_the_first_stands(
    backstory: Backstory, tmp_path: Path
) -> None:
    pairs = [
        [changed(FIRST, id=str(n), name=f"云泽{n}有限公司", employees=e) for e in ("1", "2")]
        for n in range(300)
    ]
    report = known(backstory, tmp_path, *(row for pair in pairs for row in pair))
    assert counts(report) == (300, 0, 0, 300)
    assert sorted(said(report)) == list(range(3, 602, 2))
    assert {row.employees for row in rows(backstory, "customers").values()} == {1}


# References

FAMILY = """
kind = "customers"
[fields]
name = "name"
parent_id = { column = "parent", by = "name" }
"""


def family(backstory: Backstory, folder: Path, *rows: list[str]) -> Report:
    path = write_csv(folder / "family.csv", [["name", "parent"], *rows])
    return imported(backstory, "customers", path, mapping(folder, FAMILY))


def test_a_parent_may_stand_further_down_and_be_spelt_otherwise(
    backstory: Backstory, tmp_path: Path
) -> None:
    report = family(
        backstory,
        tmp_path,
        ["云泽三厂有限公司", "云泽二厂有限公司"],
        ["云泽二厂有限公司", "云泽 总厂 有限责任公司"],
        ["云泽总厂有限公司", ""],
    )
    assert counts(report) == (3, 0, 0, 0)
    found = rows(backstory, "customers")
    parents = {row.name: row.parent_id and found[row.parent_id].name for row in found.values()}
    assert parents == {
        "云泽三厂有限公司": "云泽二厂有限公司",
        "云泽二厂有限公司": "云泽总厂有限公司",
        "云泽总厂有限公司": None,
    }


def test_a_parent_that_is_given_and_not_found_refuses_the_row_and_those_that_hang_on_it(
    backstory: Backstory, tmp_path: Path
) -> None:
    report = family(
        backstory,
        tmp_path,
        ["云泽甲有限公司", "云泽乙有限公司"],
        ["云泽乙有限公司", "没有这家公司"],
        ["云泽丙有限公司", "云泽丁有限公司"],
        ["云泽丁有限公司", "云泽丙有限公司"],
        ["云泽戊有限公司", ""],
    )
    assert counts(report) == (1, 0, 0, 4)
    assert said(report)[3] == "parent_id: there is no customer '没有这家公司'"
    assert names(backstory) == {"云泽戊有限公司"}


# Further commands

DEALS = """
kind = "opportunities"
external = { system = "old", id = "id" }
occurred_at = "opened"
[fields]
title = "id"
stage = { constant = "lead" }
[[then]]
when = { stage = "Won" }
command = "win"
fields.won_on = "closed"
fields.amount = { column = "amount", currency = "USD" }
[[then]]
when = { stage = "Lost" }
command = "lose"
fields.lost_on = "closed"
fields.lost_reason = "why"
"""
DEAL_COLUMNS = ["id", "stage", "opened", "closed", "amount", "why"]


def deals(backstory: Backstory, folder: Path, *rows: list[str], mode: str = "refuse") -> Report:
    path = write_csv(folder / "deals.csv", [DEAL_COLUMNS, *rows])
    by = mapping(folder, DEALS)
    return imported(backstory, "opportunities", path, by, on_duplicate=mode)


def test_a_row_becomes_what_happened_when_it_happened(backstory: Backstory, tmp_path: Path) -> None:
    before = last(backstory)
    deals(backstory, tmp_path, ["1", "Won", "2017-03-01", "2017-05-02", "12.50", ""])
    [opened, won] = events(backstory, before)
    assert opened.envelope.occurred_at == datetime(2017, 2, 28, 16, tzinfo=UTC)
    zoned = won.envelope.occurred_at.astimezone(backstory.timezone)
    assert zoned.date() == date(2017, 5, 2)
    assert {opened.envelope.origin, won.envelope.origin} == {"import"}


def test_what_lies_ahead_or_far_back_is_refused_in_a_persons_words(
    backstory: Backstory, tmp_path: Path
) -> None:
    report = deals(
        backstory,
        tmp_path,
        ["1", "Open", "2199-01-01", "", "", ""],
        ["2", "Won", "2017-03-01", "2199-01-01", "12.50", ""],
        ["3", "Open", "1017-03-01", "", "", ""],
    )
    reasons = said(report)
    assert reasons[2] == "occurred_at: must not be in the future"
    assert reasons[3].endswith("but win: won_on: must not be in the future")
    assert reasons[4] == "occurred_at: must not be before 1900"


def test_a_record_that_came_into_being_on_another_day_is_not_as_the_row_says(
    backstory: Backstory, tmp_path: Path
) -> None:
    assert counts(deals(backstory, tmp_path, ["1", "Open", "2017-03-01", "", "", ""])) == (
        *(1, 0, 0, 0),
    )
    later = ["1", "Open", "2017-03-02", "", "", ""]
    assert counts(deals(backstory, tmp_path, later)) == (0, 0, 0, 1)


def test_what_further_commands_fill_in_is_not_counted_as_incomplete(
    backstory: Backstory, tmp_path: Path
) -> None:
    text = DEALS.replace('title = "id"', 'title = "id"\ncustomer_id = { constant = "%s" }')
    path = write_csv(tmp_path / "c.csv", [HEADER, customer("云泽青峰有限公司")])
    imported(backstory, "customers", path)
    [id] = rows(backstory, "customers")
    by = mapping(tmp_path, text % id)
    won = ["1", "Won", "2017-03-01", "2017-05-02", "12.50", ""]
    lost = ["2", "Lost", "2017-03-01", "2017-05-02", "", "price"]
    undated = ["3", "Won", "", "2017-05-02", "12.50", ""]
    path = write_csv(tmp_path / "deals.csv", [DEAL_COLUMNS, won, lost, undated])
    report = imported(backstory, "opportunities", path, by)
    assert counts(report) == (3, 0, 0, 0)
    lacking = {r.title: r.incomplete for r in rows(backstory, "opportunities").values()}
    assert lacking == {"1": (), "2": ("amount",), "3": ("occurred_at",)}
    assert report.incomplete == 2


def test_a_row_whose_further_command_cannot_be_made_is_not_entered_at_all(
    backstory: Backstory, tmp_path: Path
) -> None:
    before = last(backstory)
    report = deals(
        backstory,
        tmp_path,
        ["1", "Won", "2017-03-01", "", "1", ""],
        ["2", "Won", "2017-03-01", "2017-03-02", "1.2345", ""],
        ["3", "Lost", "2017-03-01", "2017-03-02", "", "weather"],
        ["4", "Won", "2017-03-01", "2017-02-30", "1", ""],
    )
    assert said(report) == {
        2: "won_on: is required",
        3: "amount: USD has at most 2 decimals",
        4: "lost_reason: there is no code “weather” in the dictionary “reason for a loss”;"
        " /v1/dictionary-entries?dictionary=lost_reason lists those there are",
        5: "won_on: there is no day '2017-02-30'",
    }
    assert events(backstory, before) == []


def test_a_record_that_went_on_is_led_on_by_a_later_file(
    backstory: Backstory, tmp_path: Path
) -> None:
    open_ = ["1", "Open", "2017-03-01", "", "", ""]
    won = ["1", "Won", "2017-03-01", "2017-05-02", "7", ""]
    assert counts(deals(backstory, tmp_path, open_)) == (1, 0, 0, 0)
    assert counts(deals(backstory, tmp_path, won)) == (0, 1, 0, 0)
    for mode in ("refuse", "update"):
        assert counts(deals(backstory, tmp_path, won, mode=mode)) == (0, 0, 1, 0)
    lost = ["1", "Lost", "2017-03-01", "2017-06-01", "", "price"]
    report = deals(backstory, tmp_path, lost, mode="update")
    assert counts(report) == (0, 0, 0, 1)
    assert "but lose: The opportunity is won or lost already" in said(report)[2]
