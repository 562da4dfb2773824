"""The persons of ../shared/data/febrl as contacts have them, and which of them are one.

Their social security number is left out, as contacts have none; with it there would be little to
find out.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

FEBRL = Path(__file__).parents[2] / "shared" / "data" / "febrl"
_WHERE = ("street_number", "address_1", "address_2", "suburb", "postcode", "state")


def persons(dataset: str) -> dict[str, dict[str, Any]]:
    """Record → name, address, birthday; None where it has none."""
    found = {}
    with (FEBRL / dataset).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, skipinitialspace=True):
            found[row["rec_id"]] = {
                "name": " ".join(filter(None, (row["given_name"], row["surname"]))) or None,
                "address": " ".join(row[name] for name in _WHERE if row[name]) or None,
                "birthday": _day(row["date_of_birth"]),
            }
    return found


def true_pairs(records: Iterable[str]) -> set[frozenset[str]]:
    """The pairs of records that are one person: ``rec-7-org``, ``rec-7-dup-0``."""
    of_person = defaultdict(list)
    for record in records:
        of_person[record.split("-")[1]].append(record)
    return {frozenset(p) for those in of_person.values() for p in combinations(those, 2)}


def _day(digits: str) -> date | None:
    try:
        return datetime.strptime(digits, "%Y%m%d").date()
    except ValueError:
        return None  # There are slips in it.
