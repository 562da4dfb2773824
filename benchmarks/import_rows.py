"""Importing from CSV files: rows a second, with every rule, encryption and hashing on.

What a user runs, less the command line: the file is looked at, its rows are read, bound by a
mapping, and entered by commands, with as many processes as there are processors. Two files:
contacts of customers that are there, each named by its external id; and customers, each with its
first contact, which is two records, a name that nobody else may have, and two keys. The reference
is the event-sourcing library's Postgres recorder as it comes (its safe path), on the same server:
one thread that inserts a finished event for each row, and does nothing else.
"""

import csv
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder

from adapters.bootstrap import Backstory
from adapters.importing import jobs
from adapters.importing.crew import cores
from adapters.settings import Settings
from aggregates.company_names import stem
from benchmarks.append_raw import stock
from benchmarks.invented import company
from benchmarks.measure import Result, fresh_database, server

ROWS, SEED = 60_000, 11
CONTACTS = 10
"""Contacts of each customer."""
TARGET = 5_000.0
INSERTED, PAYLOAD = 2_000, b"x" * 400
"""Events that the reference inserts each time, and what each holds: about as much as ours."""
CUSTOMERS = """
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
CUSTOMER_HEADER = ("code", "name", "industry", "source", "contact", "phone", "since")
PEOPLE = """
kind = "contacts"
external = { system = "old-crm", id = "code" }
occurred_at = "since"

[fields]
customer_id = { column = "customer", by = "external" }
name = "name"
phone = "phone"
email = "email"
job_title = "title"
"""
PEOPLE_HEADER = ("code", "customer", "name", "phone", "email", "title", "since")


def write(folder: Path, rows: int) -> tuple[Path, Path]:
    """A file of invented companies, and its mapping."""
    return _written(folder / "customers.csv", CUSTOMERS, CUSTOMER_HEADER, _customers(rows))


def _customers(rows: int) -> Iterable[tuple[str, ...]]:
    known: set[str] = set()
    for number in range(2 * rows):
        of = company(SEED, number)
        if stem(of.name) in known or len(known) == rows:
            continue  # Every customer's name is its own, and no other's short form.
        known.add(stem(of.name))
        yield (
            *(of.number, of.name, "software", "referral", of.brand + "强"),
            *("138" + of.phone[3:], _day(number)),  # Not every three digits begin a valid number.
        )


def _people(rows: int, customers: list[tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    for number in range(rows):
        code, _, _, _, name, phone, _ = customers[number // CONTACTS]
        other = f"{phone[:7]}{number % 10_000:04}"
        email = f"p{number}@example.com"
        yield f"P-{number}", code, name + "明", other, email, "采购经理", _day(number)


def _day(number: int) -> str:
    return f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}"


def _written(
    path: Path, mapping: str, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]
) -> tuple[Path, Path]:
    by = path.with_suffix(".toml")
    by.write_text(mapping, encoding="utf-8")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path, by


def run(rows: int = ROWS) -> list[Result]:
    """Rows a second, the looking at the file and the beginning of processes included."""
    customers = list(_customers(rows))
    with (
        server() as url,
        stock(url) as recorder,
        tempfile.TemporaryDirectory() as name,
    ):
        folder = Path(name)
        whole = _written(folder / "customers.csv", CUSTOMERS, CUSTOMER_HEADER, customers)
        few = customers[: rows // CONTACTS + 1]
        known = _written(folder / "known.csv", CUSTOMERS, CUSTOMER_HEADER, few)
        people = _people(rows, customers)
        contacts = _written(folder / "contacts.csv", PEOPLE, PEOPLE_HEADER, people)
        settings = Settings(database_url=fresh_database(url, "import_people"), data=folder)
        bare = [inserted_rate(recorder)]
        with Backstory(settings) as opened:
            _imported(opened, "customers", *known)
            of_people = _measured(opened, "contacts", *contacts, rows)
        bare.append(inserted_rate(recorder))
        settings = Settings(database_url=fresh_database(url, "import"), data=folder)
        with Backstory(settings) as opened:
            of_both = _measured(opened, "customers", *whole, rows)
        bare.append(inserted_rate(recorder))
    reference = median(bare)
    return [
        _result("contacts", *of_people, reference),
        _result("customers with a contact each", *of_both, reference),
    ]


def inserted_rate(recorder: PostgresApplicationRecorder) -> float:
    """Events per second of one insert each."""
    began = time.perf_counter()
    for _ in range(INSERTED):
        recorder.insert_events([StoredEvent(uuid4(), 1, "Contact.Added", PAYLOAD)])
    return INSERTED / (time.perf_counter() - began)


def _measured(
    opened: Backstory, kind: str, path: Path, mapping: Path, rows: int
) -> tuple[float, str]:
    """Rows per second, and what was reported."""
    began = time.perf_counter()
    report = _imported(opened, kind, path, mapping)
    rate = rows / (time.perf_counter() - began)
    assert report.endswith(f"{rows:,} created, 0 updated, 0 skipped, 0 refused"), report
    return rate, report


def _result(what: str, rate: float, report: str, reference: float) -> Result:
    note = f"{report}; {cores()} processors"
    met = rate >= TARGET
    return Result(f"import of {what}", rate, reference, "rows/s", "≥ 5,000 rows/s", met, note)


def _imported(opened: Backstory, kind: str, path: Path, mapping: Path) -> str:
    job = jobs.Job(kind, path, mapping, workers=None)
    report, _ = jobs.run(opened, jobs.prepare(job, opened.timezone))
    return str(report)
