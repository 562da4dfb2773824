"""How a customer comes to the company: when, from where, to whom; drawn before its story."""

from bisect import bisect
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import NamedTuple
from uuid import UUID

from adapters.demo import names, truths
from adapters.demo.diary import Setting
from adapters.demo.staff import Seat, workday
from adapters.demo.truths import Segment


class Arrival(NamedTuple):
    """One customer's beginning."""

    number: int
    customer_id: UUID
    company: names.Company
    on: date
    source: str
    segment: Segment
    seat: Seat

    @classmethod
    def of(cls, setting: Setting, number: int) -> "Arrival":
        chance = Random(f"{setting.seed}/{number}/arrival")
        on = _day(setting.begin, setting.end, chance.random())
        return cls(
            number,
            setting.id(f"customer/{number}"),
            names.company(setting.seed, number),
            on,
            _source(on, chance),
            chance.choices(truths.SEGMENTS, [s.share for s in truths.SEGMENTS])[0],
            chance.choice(setting.staff.sellers),
        )


class Double(NamedTuple):
    """The same customer, entered once more by somebody else."""

    customer_id: UUID
    on: date
    seat: Seat
    fate: str
    """merged, separated or left."""

    @classmethod
    def of(cls, setting: Setting, arrival: Arrival) -> "Double | None":
        """None: nobody enters it twice, or not in this history."""
        chance = Random(f"{setting.seed}/{arrival.number}/double")
        is_doubled = chance.random() < truths.DUPLICATES
        on = workday(arrival.on + timedelta(chance.randint(15, 150)))
        others = [seat for seat in setting.staff.sellers if seat is not arrival.seat]
        seat, luck = chance.choice(others), chance.random()
        if not is_doubled or on >= setting.end:
            return None
        discovered = truths.DUPLICATES_MERGED + truths.DUPLICATES_SEPARATED
        fate = "merged" if luck < truths.DUPLICATES_MERGED else "separated"
        fate = fate if luck < discovered else "left"
        return cls(setting.id(f"double/{arrival.number}"), on, seat, fate)


def _source(on: date, chance: Random) -> str:
    is_fair = on.month in truths.FAIR_MONTHS
    fair = truths.FAIR_SHARE if is_fair else truths.ORDINARY_FAIR_SHARE
    if chance.random() < fair:
        return "exhibition"
    return chance.choices([*truths.OTHER_SOURCES], [*truths.OTHER_SOURCES.values()])[0]


def _day(begin: date, end: date, luck: float) -> date:
    """The day at a share of all arrivals."""
    upto = _arrivals(begin, end)
    return begin + timedelta(bisect(upto, luck * upto[-1]))


@lru_cache(4)
def _arrivals(begin: date, end: date) -> list[float]:
    """Arrivals up to the end of each workday; none on the others."""
    days = (begin + timedelta(n) for n in range((end - begin).days))
    return list(accumulate(truths.ARRIVALS[d.month - 1] * (workday(d) == d) for d in days))
