"""Reverts in the wrong order lose nothing: what was left is tried again when it is asked for."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from adapters.importing import reverting
from adapters.importing.jobs import IMPORTER
from adapters.importing.report import Report
from adapters.importing.reverting import Reverted
from aggregates.importing import Import
from commands.base import COMMANDS
from commands.importing import RevertImport
from commands.requests import Request
from tests.importing import SECRET, counts
from tests.service import Service, database, running
from tests.test_import_reverted import Folder


@pytest.fixture(scope="module")
def service(postgres_url: str) -> Iterator[Service]:
    with database(postgres_url) as url, running(url) as service:
        yield service


@pytest.fixture
def folder(service: Service, tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    return Folder(service, tmp_path, f"a{abs(hash(request.node.name)) % 10**8}")


def revert(folder: Folder, report: Report) -> Reverted:
    """Asked for over HTTP and done by the service, also where it was done before."""
    assert report.import_id is not None
    id, before = report.import_id, len(ends(folder, report))
    folder.service.made(f"imports/{id}/revert")
    deadline = time.monotonic() + 30
    while len(ends(folder, report)) == before:
        assert time.monotonic() < deadline, "the service did not revert it"
        time.sleep(0.1)
    came = reverting.outcome(folder.service.backstory, id)
    assert came is not None
    return came


def ends(folder: Folder, report: Report) -> list[Import.Reverted]:
    backstory = folder.service.backstory
    assert report.import_id is not None
    found = backstory.mapper.read_all(backstory.log.stream(report.import_id))
    return [event for event in found if isinstance(event, Import.Reverted)]


def figures(came: Reverted) -> tuple[int, int, int]:
    return came.withdrawn, came.taken_back, came.kept


def why(came: Reverted) -> list[tuple[str, str]]:
    return sorted((one.kind, one.why) for one in came.kept_records)


def contacts(folder: Folder, customer: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = folder.read("contacts", customer_id=customer)["items"]
    return found


def test_a_customer_that_stays_keeps_its_contact(folder: Folder) -> None:
    customers, deals = folder.customers(2), folder.deals(1)
    kept = folder.id(0)
    came = revert(folder, customers)
    assert why(came) == [("contact", "together"), ("customer", "in-use")]
    assert figures(came) == (2, 0, 2)
    assert [one["name"] for one in contacts(folder, kept)] == ["张三"]
    assert counts(folder.customers(1)) == (0, 0, 1, 0)
    assert revert(folder, deals).kept == 0


def test_in_the_wrong_order_it_is_gone_in_the_end(folder: Folder) -> None:
    before = folder.views()
    customers, deals = folder.customers(3), folder.deals(2)
    once = folder.views()
    assert figures(revert(folder, customers)) == (2, 0, 4)
    assert figures(revert(folder, deals)) == (2, 0, 0)
    assert figures(revert(folder, customers)) == (6, 0, 0)
    assert folder.views() == before
    shown = folder.read(f"imports/{customers.import_id}")
    assert (shown["status"], shown["withdrawn"], shown["kept"]) == ("reverted", 6, 0)
    folder.customers(3)
    folder.deals(2)
    assert folder.views() == once


def test_what_left_nothing_is_not_reverted_again(folder: Folder) -> None:
    report = folder.customers(1)
    revert(folder, report)
    assert report.import_id is not None
    application = folder.service.backstory.application
    application.dispatch(Request(RevertImport(), report.import_id), IMPORTER)
    assert not application.repository.get(Import, report.import_id, max_age=0).is_reverting
    assert len(ends(folder, report)) == 1


def test_asked_again_what_still_stays_is_named_again(folder: Folder) -> None:
    customers = folder.customers(1)
    folder.deals(1)
    first = revert(folder, customers)
    assert revert(folder, customers) == first
    assert figures(first) == (0, 0, 2)


def test_what_another_import_took_back_counts_for_nothing(folder: Folder) -> None:
    before = folder.views()
    first = folder.customers(1)
    second = folder.customers(1, region="华北", on_duplicate="update")
    third = folder.customers(1, region="华南", on_duplicate="update")
    id = folder.id(0)
    assert why(revert(folder, first)) == [("contact", "together"), ("customer", "changed-since")]
    assert why(revert(folder, second)) == [("customer", "changed-since")]
    assert figures(revert(folder, third)) == (0, 1, 0)
    assert folder.read(f"customers/{id}")["region"] == "华北"
    assert figures(revert(folder, second)) == (0, 1, 0)
    assert folder.read(f"customers/{id}")["region"] == "华东"
    assert figures(revert(folder, first)) == (2, 0, 0)
    assert folder.views() == before


def test_what_was_reinstated_stays_when_it_is_asked_again(folder: Folder) -> None:
    customers = folder.customers(2)
    folder.deals(1)
    back = folder.id(1)
    revert(folder, customers)
    folder.service.made(f"customers/{back}/reinstate")
    came = revert(folder, customers)
    assert ("customer", "changed-since") in why(came)
    assert figures(came) == (1, 0, 3)
    assert folder.read(f"customers/{back}")["withdrawn_at"] is None


def test_a_first_contact_that_was_withdrawn_alone_is_given_back(folder: Folder) -> None:
    folder.customers(1)
    id = folder.id(0)
    [person] = contacts(folder, id)
    withdraw = COMMANDS["contacts/withdraw"].model_validate({})
    application = folder.service.backstory.application
    application.dispatch(Request(withdraw, UUID(person["id"])), IMPORTER)
    assert contacts(folder, id) == []
    refused = folder.customers(1)
    assert counts(refused) == (0, 0, 0, 1)
    assert "primary_contact" in str(refused.refusals[0])
    assert id in str(refused.refusals[0])
    assert counts(folder.customers(1, on_duplicate="skip")) == (0, 0, 1, 0)
    assert counts(folder.customers(1, on_duplicate="update")) == (0, 1, 0, 0)
    assert [(one["id"], one["phone"]) for one in contacts(folder, id)] == [
        (person["id"], person["phone"])
    ]
    assert counts(folder.customers(1, on_duplicate="update")) == (0, 0, 1, 0)
    assert counts(folder.customers(1)) == (0, 0, 1, 0)


def test_the_command_line_tries_again(folder: Folder) -> None:
    customers, deals = folder.customers(1), folder.deals(1)
    assert _told(folder, customers.import_id) == (
        1,
        "0 records withdrawn, 0 again what they were, 2 left as they are",
    )
    assert _told(folder, deals.import_id)[0] == 0
    assert _told(folder, customers.import_id) == (
        0,
        "2 records withdrawn, 0 again what they were, 0 left as they are",
    )


def _told(folder: Folder, id: UUID | None) -> tuple[int, str]:
    """Exit code and first line of ``backstory import --revert``."""
    url = folder.service.backstory.url
    done = subprocess.run(
        [sys.executable, "-m", "adapters.cli", "import", "--revert", str(id)],
        env={**os.environ, "BACKSTORY_DATABASE_URL": url, "BACKSTORY_SECRET": SECRET},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout.splitlines()[0]
