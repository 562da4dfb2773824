"""Imported, reverted and imported again, however often, the views are those of one import."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from adapters.importing.report import Report
from aggregates.base import derived
from tests.importing import counts, imported, write_csv
from tests.service import Service, database, running
from tests.test_import_cut import EVENTS, HISTORY
from tests.test_import_parts import DEALS, deal
from tests.test_import_parts import HEADER as DEAL_HEADER
from tests.test_import_reverted import Folder

TIMES = 3
Take = Callable[[], Report]


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


@pytest.fixture
def folder(service: Service, tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    return Folder(service, tmp_path, f"a{abs(hash(request.node.name)) % 10**8}")


@pytest.fixture
def deals(folder: Folder, tmp_path: Path) -> Take:
    """Five deals with two companies and three of their people."""
    one, two = f"{folder.word}甲有限公司", f"{folder.word}乙有限公司"
    rows = [
        *(deal(1, one, "王芳", won="yes"), deal(2, two, "李雷"), deal(3, one, "王芳")),
        *(deal(4, one), deal(5, two, "王芳")),
    ]
    (tmp_path / "p.toml").write_text(DEALS.replace("old", folder.word), encoding="utf-8")
    path = write_csv(tmp_path / "p.csv", [DEAL_HEADER, *rows])

    def take() -> Report:
        backstory = folder.service.backstory
        return imported(backstory, "opportunities", path, tmp_path / "p.toml")

    return take


def again_and_again(folder: Folder, take: Take, came: tuple[int, int, int, int]) -> None:
    """Nothing is left of it, and then everything is there again."""
    before, report = folder.views(), take()
    assert counts(report) == came
    once = folder.views()
    for _ in range(TIMES):
        assert folder.revert(report).kept == 0
        assert folder.views() == before
        report = take()
        assert counts(report) == came
        assert folder.views() == once


def test_several_records_of_a_row(folder: Folder, deals: Take) -> None:
    again_and_again(folder, deals, (5, 0, 0, 0))


def test_of_which_one_was_there_before(folder: Folder, deals: Take) -> None:
    folder.service.customer(name=f"{folder.word}甲有限公司")
    again_and_again(folder, deals, (5, 0, 0, 0))


def test_updates(folder: Folder) -> None:
    folder.customers(3)
    for region in ("华北", "华南"):
        again_and_again(
            folder,
            lambda region=region: folder.customers(3, region=region, on_duplicate="update"),  # type: ignore[misc]
            (0, 3, 0, 0),
        )
        folder.revert(folder.customers(3, region=region, on_duplicate="update"))


def test_histories(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "h.toml").write_text(HISTORY.replace("desk", folder.word), encoding="utf-8")
    path = write_csv(tmp_path / "h.csv", EVENTS)

    def tickets() -> list[Any]:
        shown = folder.read("tickets", limit=1000)["items"]
        names = ("subject", "status", "irregular", "withdrawn_at")
        return sorted([t.get(n) for n in names] for t in shown if t["withdrawn_at"] is None)

    def take() -> Report:
        return imported(folder.service.backstory, "tickets", path, tmp_path / "h.toml")

    before, report = tickets(), take()
    once = tickets()
    assert once != before
    for time in range(TIMES):
        assert folder.revert(report).kept == (0 if time else 2), "the users stay, once made"
        assert tickets() == before
        report = take()
        assert counts(report) == (2, 5, 0, 0)
        assert tickets() == once


def test_what_somebody_reinstated_is_found_and_not_entered_twice(
    folder: Folder, deals: Take
) -> None:
    report = deals()
    once = folder.views()
    [won] = [
        one
        for one in folder.read("opportunities", limit=1000)["items"]
        if one["external"] == {"system": folder.word, "id": "1"}
    ]
    folder.revert(report)
    folder.service.made(f"customers/{won['customer_id']}/reinstate")
    folder.service.made(f"contacts/{won['decision_maker_id']}/reinstate")
    folder.service.made(f"opportunities/{won['id']}/reinstate")
    again = deals()
    assert (counts(again), again.parts) == ((4, 0, 1, 0), {"customers": 1, "contacts": 2})
    assert folder.views() == once


def test_nor_what_was_recorded_on_it(folder: Folder) -> None:
    report = folder.customers(4)
    once, id = folder.views(), folder.id(1)
    folder.revert(report)
    folder.service.made(f"customers/{id}/reinstate")
    folder.service.made(f"contacts/{derived(UUID(id), 'primary-contact')}/reinstate")
    assert counts(folder.customers(4))[0] == 3
    assert folder.views() == once
