"""How large a customer is: people, revenue and age go together."""

from datetime import date, timedelta
from random import Random
from typing import NamedTuple

USUAL = {"大客户": 900, "常购客户": 240, "备件客户": 110, "零散客户": 60}
"""Employees of the middle one, by segment."""
SPREAD = 0.6
"""Standard deviation of the logarithm."""
A_HEAD = 450_000, 1_300_000
"""Revenue for each, in CNY."""
FOUNDED = 1984, 2016


class Size(NamedTuple):
    employees: int
    revenue: int
    """Of a year, in CNY."""
    founded_on: date

    @classmethod
    def of(cls, chance: Random, segment: str) -> "Size":
        employees = max(8, round(USUAL[segment] * chance.lognormvariate(0, SPREAD)))
        revenue = round(employees * chance.uniform(*A_HEAD) / 100_000) * 100_000
        founded = date(chance.randint(*FOUNDED), 1, 1) + timedelta(chance.randrange(365))
        return cls(employees, revenue, founded)
