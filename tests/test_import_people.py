"""Users are found by their names, as a spreadsheet has them; of two with one name neither is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.jobs import IMPORTER
from adapters.importing.report import Report
from commands.base import COMMANDS
from commands.requests import Request
from tests.importing import counts, events, imported, opened, rows, write_csv

MAPPING = """
kind = "customers"
on_behalf_of = { column = "登记人", by = "name", missing = "note" }
[fields]
name = "客户名称"
owner_id = { column = "负责人", by = "name" }
"""
HEADER = ["客户名称", "负责人", "登记人"]
USERS = [
    ["login", "name"],
    ["zhang", "张三"],
    ["li.1", "李四"],
    ["li.2", "李 四"],
    ["wang", "王五"],
]


@pytest.fixture
def backstory(database_url: str, tmp_path: Path) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        imported(backstory, "users", write_csv(tmp_path / "u.csv", USERS))
        yield backstory


def take(backstory: Backstory, folder: Path, lines: list[list[str]], kind: str = MAPPING) -> Report:
    (folder / "m.toml").write_text(kind, encoding="utf-8")
    file = write_csv(folder / "c.csv", [HEADER, *lines])
    return imported(backstory, "customers", file, folder / "m.toml")


def logins(backstory: Backstory) -> dict[object, str]:
    return {id: row.login for id, row in rows(backstory, "users").items()}


def test_by_their_names_however_these_are_spaced(backstory: Backstory, tmp_path: Path) -> None:
    lines = [
        ["甲有限公司", "张三", "王五"],
        ["乙有限公司", "张　三", ""],
        ["丙有限公司", "", "无名"],
    ]
    report = take(backstory, tmp_path, lines)
    assert counts(report) == (3, 0, 0, 0)
    assert [str(said) for _, said in report.dangling] == ["on_behalf_of: there is no user '无名'"]
    known, found = logins(backstory), rows(backstory, "customers").values()
    assert {row.name: known.get(row.owner_id) for row in found} == {
        "甲有限公司": "zhang",
        "乙有限公司": "zhang",
        "丙有限公司": None,
    }
    did = {e.envelope.on_behalf_of for e in events(backstory) if e.TOPIC == "Customer.Registered"}
    assert {known.get(id) for id in did} == {"wang", None}


def test_one_of_two_with_a_name_is_refused_naming_both(
    backstory: Backstory, tmp_path: Path
) -> None:
    report = take(backstory, tmp_path, [["甲有限公司", "李四", ""], ["乙有限公司", "赵六", ""]])
    known = {id: row for id, row in rows(backstory, "users").items() if "li." in row.login}
    both = ", ".join(f"{known[id].name} {known[id].login} [{id}]" for id in sorted(known))
    assert [str(said) for _, said in report.in_order()] == [
        f"owner_id: which user is '李四'? There are {both}",
        "owner_id: there is no user '赵六'",
    ]


def test_a_new_name_counts_and_the_old_no_more(backstory: Backstory, tmp_path: Path) -> None:
    [id] = [id for id, login in logins(backstory).items() if login == "li.2"]
    renamed = COMMANDS["users/change-details"].model_validate({"name": "李五"})
    backstory.application.dispatch(Request(renamed, id), IMPORTER)  # type: ignore[arg-type]
    lines = [["甲有限公司", "李四", ""], ["乙有限公司", "李五", ""]]
    assert counts(take(backstory, tmp_path, lines)) == (2, 0, 0, 0)
    known, found = logins(backstory), rows(backstory, "customers").values()
    assert {known[row.owner_id] for row in found} == {"li.1", "li.2"}


def test_who_did_it_is_a_user_if_named_by_an_id_too(backstory: Backstory, tmp_path: Path) -> None:
    [left] = [id for id, login in logins(backstory).items() if login == "wang"]
    disabled = COMMANDS["users/disable"].model_validate({})
    backstory.application.dispatch(Request(disabled, left), IMPORTER)  # type: ignore[arg-type]
    assert counts(take(backstory, tmp_path, [["甲有限公司", "", ""]])) == (1, 0, 0, 0)
    [customer] = rows(backstory, "customers")
    by_id = MAPPING.replace(', by = "name", missing = "note"', "")
    who = [str(left), str(customer), "00000000-0000-7000-8000-000000000009", "王五"]
    lines = [[f"第{n}号有限公司", "", one] for n, one in enumerate(who)]
    report = take(backstory, tmp_path, lines, by_id)
    assert counts(report) == (1, 0, 0, 3)
    assert all(str(said).startswith("on_behalf_of: ") for _, said in report.in_order())
    assert {e.envelope.on_behalf_of for e in events(backstory)} == {None, left}
