"""Several processes enter one file as one would have: the same verdicts, the same records."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.bootstrap import Backstory
from adapters.importing import jobs
from commands.ports import OutcomeUnknown
from tests.importing import (
    SECRET,
    counts,
    events,
    imported,
    last,
    opened,
    read_csv,
    rows,
    write_csv,
)
from tests.killing import SECONDS, wall

MAPPING = """
kind = "customers"
external = { system = "old", id = "code" }
occurred_at = "since"
[fields]
name = "name"
industry = "industry"
source = { constant = "referral" }
parent_id = { column = "parent", by = "external", missing = "note" }
"primary_contact.name" = "contact"
"primary_contact.phone" = "phone"
"""
DEALS = """
kind = "opportunities"
external = { system = "old", id = "deal" }
[[also]]
name = "maker"
kind = "customers"
fields.name = "maker"
[[also]]
kind = "customers"
fields.name = "company"
[fields]
title = "deal"
customer_id = { made = "customers" }
"""
HEADER = ["code", "name", "industry", "parent", "contact", "phone", "since"]
ROWS = 3_000
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|KH-\d{4}-\d{6}")
WRITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'backstory writer'
"""


def customer(number: int, **other: str) -> list[str]:
    row = {
        "code": f"K{number}",
        "name": f"青山第{number}机械有限公司",
        "industry": "manufacturing",
        "parent": "",
        "contact": "王强",
        "phone": "13800138000",
        "since": "2024-03-01",
    }
    return [{**row, **other}[name] for name in HEADER]


def in_the_way(number: int) -> list[list[str]]:
    """Rows of which the order decides, as near to each other as rows can be."""
    return [
        customer(number, name=f"白云{number}有限公司"),
        customer(number + 1, name=f"白云{number}"),  # Short for the one above.
        customer(number + 2, name=f"红河{number}"),
        customer(number + 3, name=f"红河{number}有限公司"),  # Comes too late to be in the way.
        customer(number + 4, name=f"长江{number}有限公司"),
        customer(number + 5, name=f"长江{number} 有限责任公司"),  # The same name.
        customer(number + 6),
        customer(number + 6, contact="李娜"),  # The same external id, and says otherwise.
        customer(number + 7, parent=f"K{number + 9}"),  # Names one further down.
        customer(number + 8, industry="neverland"),
        customer(number + 9),
        customer(number + 7, name=""),
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Customers, and now and then some that are in each other's way."""
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    lines: list[list[str]] = []
    while len(lines) < ROWS:
        number = 1_000_000 + len(lines)
        lines += in_the_way(number) if len(lines) % 5 == 0 else [customer(number)]
    return write_csv(tmp_path / "customers.csv", [HEADER, *lines])


THEN = """
kind = "opportunities"
external = { system = "old", id = "id" }
[fields]
title = "title"
[[then]]
command = "lose"
fields.lost_on = "closed"
fields.lost_reason = "why"
"""


def test_a_row_whose_next_step_cannot_be_is_refused_and_waited_for_by_nobody(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "m.toml").write_text(THEN, encoding="utf-8")
    lines = [[f"d{n}", f"deal {n}", "2017-05-02", "not_recorded"] for n in range(900)]
    for n in (3, 300, 888):
        lines[n][-1] = "neverland"
    path = write_csv(tmp_path / "d.csv", [["id", "title", "closed", "why"], *lines])
    with opened(database_url) as backstory:
        report = imported(backstory, "opportunities", path, tmp_path / "m.toml", workers=2)
        assert counts(report) == (897, 0, 0, 3)
        assert [line.number for line, _ in report.in_order()] == [5, 302, 890]


@pytest.mark.parametrize("is_apart", [False, True])
def test_a_name_that_a_row_gives_up_is_free_for_the_next(
    database_url: str, tmp_path: Path, is_apart: bool
) -> None:
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    here = [customer(n, name=f"红河第{n}有限公司") for n in range(300)]
    renamed = [customer(n, name=f"白云第{n}有限公司") for n in range(300)]
    new = [customer(5_000 + n, name=f"红河第{n}有限公司") for n in range(300)]
    pairs = [row for pair in zip(renamed, new, strict=True) for row in pair]
    before = write_csv(tmp_path / "before.csv", [HEADER, *here])
    path = write_csv(tmp_path / "after.csv", [HEADER, *pairs])
    with opened(database_url) as backstory:
        imported(backstory, "customers", before, tmp_path / "m.toml")
        how: dict[str, Any] = {"workers": 3, "on_duplicate": "update", "is_apart": is_apart}
        report = imported(backstory, "customers", path, tmp_path / "m.toml", **how)
        assert counts(report) == (300, 300, 0, 0)


def test_rows_of_one_record_stay_in_order_where_the_first_has_to_wait(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    lines: list[list[str]] = []
    for n in range(60):
        lines += [
            customer(1_000 + n, name=f"红河第{n}有限公司", parent=f"K{900_000 + n}"),
            customer(2_000 + n, name=f"白云第{n}有限公司", industry="neverland"),
            *(customer(10_000 + 20 * n + k) for k in range(3)),
            customer(1_000 + n, name=f"白云第{n}有限公司"),
            *(customer(10_000 + 20 * n + k) for k in range(3, 13)),
        ]
    lines += [customer(20_000 + n) for n in range(600)]
    lines += [customer(900_000 + n) for n in range(60)]
    path = write_csv(tmp_path / "customers.csv", [HEADER, *lines])
    with opened(database_url) as backstory:
        report = imported(backstory, "customers", path, tmp_path / "m.toml", workers=3)
        assert counts(report) == (len(lines) - 120, 0, 0, 120)
        names = {line.cells[1] for line, _ in report.refusals}
        assert names == {f"白云第{n}有限公司" for n in range(60)}, "never those that had to wait"


@pytest.mark.parametrize("workers", [1, 3])
def test_who_stands_first_has_the_name_also_where_it_waits_for_its_parent(
    database_url: str, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    parents, plain = 150, [customer(n) for n in range(1_000, 1_600)]
    lines = [*plain[:300], *(customer(n) for n in range(parents)), *plain[300:]]
    for n in range(2 * parents):  # Some name a parent above, some one that comes last.
        parent = f"K{n}" if n < parents else f"K{9_000 + n}"
        lines.append(customer(3_000 + n, name=f"红河第{n}有限公司", parent=parent))
        lines.append(customer(6_000 + n, name=f"红河第{n}有限公司"))
    lines += [customer(9_000 + n) for n in range(parents, 2 * parents)]
    path = write_csv(tmp_path / "customers.csv", [HEADER, *lines])
    with opened(database_url) as backstory:
        report = imported(backstory, "customers", path, tmp_path / "m.toml", workers=workers)
        refused = [line.cells[0] for line, _ in report.in_order()]
        assert refused == [f"K{6_000 + n}" for n in range(2 * parents)]


def content(backstory: Backstory) -> Counter[tuple[Any, ...]]:
    """What the log says of customers and contacts, records called by their external ids."""
    names: dict[Any, str] = {}
    said: Counter[tuple[Any, ...]] = Counter()
    found = events(backstory)
    for event in found:
        if event.TOPIC == "Customer.Registered":
            names[event.envelope.stream_id] = str(getattr(event, "external", None))
    for event in found:
        of, envelope = event.envelope.customer_id, event.envelope
        if of in names:
            payload = event.model_dump(exclude_unset=True, exclude={"number", "customer_id"})
            parent = payload.pop("parent_id", None)
            key = (names[of], envelope.version, event.TOPIC, str(payload), names.get(parent))
            said[*key, envelope.occurred_at, envelope.origin, envelope.actor] += 1
    return said


def refusals(file: Path) -> list[tuple[str, str]]:
    """Line and reason, without the ids and numbers that are new in each log."""
    refused = read_csv(file.with_name(file.name + ".refused.csv"))
    return [(row["line"], ID.sub("…", row["reason"])) for row in refused]


def test_verdicts_and_records_are_the_same_as_of_one_process(
    database_url: str, module_database_url: str, file: Path
) -> None:
    mapping = file.parent / "m.toml"
    with opened(database_url) as several, opened(module_database_url) as one:
        theirs = imported(several, "customers", file, mapping, workers=3)
        refused = refusals(file)
        own = imported(one, "customers", file, mapping)
        assert counts(theirs) == counts(own)
        assert refused == refusals(file)
        assert len(refused) > ROWS // 20
        assert content(several) == content(one)
        assert set(content(several).values()) == {1}
        again = imported(several, "customers", file, mapping, workers=3)
        assert again.outcomes["created"] == again.outcomes["updated"] == 0


def test_a_worker_that_is_killed_ends_the_run_and_the_next_one_does_the_rest(
    database_url: str, file: Path
) -> None:
    def kill(_: object) -> None:
        for worker in multiprocessing.active_children():
            worker.kill()

    given = jobs.Job("customers", file, file.parent / "m.toml", workers=2)
    with opened(database_url) as backstory:
        prepared = jobs.prepare(given, backstory.timezone)
        with pytest.raises(OutcomeUnknown, match="a process that entered rows has ended"):
            jobs.run(backstory, prepared, kill)
        report = imported(backstory, "customers", file, file.parent / "m.toml", workers=2)
        assert report.read == sum(counts(report)) == ROWS
        assert set(content(backstory).values()) == {1}


def test_workers_end_with_who_began_them_and_the_log_is_as_unbroken(
    database_url: str, module_database_url: str, file: Path
) -> None:
    arguments = ["import", "customers", str(file), "--mapping", str(file.parent / "m.toml")]
    environment = {"BACKSTORY_DATABASE_URL": database_url, "BACKSTORY_SECRET": SECRET}
    with opened(database_url) as backstory:
        begun = last(backstory)
    with (
        wall(database_url, begun + ROWS) as end,
        subprocess.Popen(
            [sys.executable, "-m", "adapters.cli", *arguments, "--workers", "2"],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        end.kill(process, lost=True)
    wait_for_nobody(database_url)
    with opened(database_url) as broken, opened(module_database_url) as unbroken:
        imported(broken, "customers", file, file.parent / "m.toml", workers=2)
        imported(unbroken, "customers", file, file.parent / "m.toml")
        assert content(broken) == content(unbroken)


def test_sigterm_ends_an_import_and_its_workers_in_good_order(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "m.toml").write_text(MAPPING, encoding="utf-8")
    file = write_csv(tmp_path / "customers.csv", [HEADER, *map(customer, range(700))])
    arguments = ["import", "customers", str(file), "--mapping", str(tmp_path / "m.toml")]
    environment = {"BACKSTORY_DATABASE_URL": database_url, "BACKSTORY_SECRET": SECRET}
    with opened(database_url) as backstory:
        begun = last(backstory)
    with (
        wall(database_url, begun + 300) as end,
        subprocess.Popen(
            [sys.executable, "-m", "adapters.cli", *arguments, "--workers", "2"],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        _, said = end.end(process, signal.SIGTERM)
    wait_for_nobody(database_url)
    told = [line for line in said.splitlines() if " rows read, " not in line]
    assert told == ["backstory: stopped by SIGTERM; run the same command again to go on"]
    assert process.returncode == 128 + signal.SIGTERM
    with opened(database_url) as backstory:
        report = imported(backstory, "customers", file, tmp_path / "m.toml")
        assert (sum(counts(report)), report.outcomes["refused"]) == (700, 0)
        assert set(content(backstory).values()) == {1}


def wait_for_nobody(url: str) -> None:
    """Until nobody can store anything any more."""
    deadline = time.monotonic() + SECONDS
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(WRITING).fetchone() != (0,):
            assert time.monotonic() < deadline, "workers outlive who began them"
            time.sleep(0.05)


def test_records_that_many_rows_speak_of_are_entered_once(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "m.toml").write_text(DEALS, encoding="utf-8")
    names = [f"青山第{n}机械有限公司" for n in range(40)]
    deals = [[str(n), names[n * n % 37], names[n % 40]] for n in range(2_000)]
    file = write_csv(tmp_path / "deals.csv", [["deal", "company", "maker"], *deals])
    with opened(database_url) as backstory:
        report = imported(backstory, "opportunities", file, tmp_path / "m.toml", workers=3)
        assert counts(report) == (len(deals), 0, 0, 0)
        assert report.parts == {"customers": len(names)}
        companies = {id: row.name for id, row in rows(backstory, "customers").items()}
        found = {
            row.external.id: companies[row.customer_id]
            for row in rows(backstory, "opportunities").values()
        }
        assert found == {deal: company for deal, company, _ in deals}
