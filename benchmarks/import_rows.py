"""Importing customers from a CSV file: rows a second, with every rule, encryption and hashing on.

What a user runs, less the command line: the file is looked at, its rows are read, bound by a
mapping, and entered by commands, each with its contact.
"""

import csv
import tempfile
import time
from pathlib import Path

from adapters.bootstrap import Backstory
from adapters.importing import jobs
from adapters.settings import Settings
from benchmarks.invented import company
from benchmarks.measure import Result, fresh_database, server

ROWS, SEED = 40_000, 11
TARGET = 5_000.0
HEADER = ("code", "name", "industry", "source", "contact", "phone", "since")
MAPPING = """
kind = "customers"
external = { system = "old-crm", id = "code" }
occurred_at = "since"

[fields]
name = "name"
industry = "industry"
source = "source"
"primary_contact.name" = "contact"
"primary_contact.phone" = "phone"
"""


def write(folder: Path, rows: int) -> tuple[Path, Path]:
    """A file of invented companies, and its mapping."""
    path, mapping = folder / "customers.csv", folder / "customers.toml"
    mapping.write_text(MAPPING, encoding="utf-8")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        known: set[str] = set()
        for number in range(2 * rows):
            of = company(SEED, number)
            if of.name in known or len(known) == rows:
                continue  # Every customer's name is its own.
            known.add(of.name)
            since = f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}"
            phone = "138" + of.phone[3:]  # Not every three digits begin a valid number.
            writer.writerow(
                (of.number, of.name, "software", "referral", of.brand + "强", phone, since)
            )
    return path, mapping


def run(rows: int = ROWS) -> list[Result]:
    """Rows a second, the looking at the file included."""
    with server() as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, mapping = write(folder, rows)
        settings = Settings(database_url=fresh_database(url, "import"), data=folder)
        with Backstory(settings) as opened:
            began = time.perf_counter()
            prepared = jobs.prepare(jobs.Job("customers", path, mapping), settings.zone)
            report, _ = jobs.run(opened, prepared)
            seconds = time.perf_counter() - began
    assert report.outcomes["created"] == rows, report
    rate = rows / seconds
    what = "import of customers with a contact each"
    note = f"{report} in {seconds:.0f} s"
    return [Result(what, rate, TARGET, "rows/s", "≥ 5,000 rows/s", rate >= TARGET, note)]
