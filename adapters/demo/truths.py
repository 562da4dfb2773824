"""What is true of the simulated company: every parameter of its behaviour, in one place.

Analyses are judged by these: ``docs/demo-company.md`` holds the table that ``table`` makes of them,
and tests measure each in a history that was told.
"""

from typing import NamedTuple

ARRIVALS = (0.7, 0.4, 1.9, 1.7, 0.9, 0.8, 0.7, 0.7, 1.9, 1.6, 0.9, 0.8)
"""How many customers arrive in each month, January first; 1 is an ordinary month."""
FAIR_MONTHS = (3, 4, 9, 10)
"""When the exhibitions are."""
FAIR_SHARE, ORDINARY_FAIR_SHARE = 0.6, 0.05
"""Of those who arrive, how many come from an exhibition: in these months, and in others."""
OTHER_SOURCES = {"website": 30, "referral": 25, "phone": 20, "advertisement": 15, "partner": 10}
"""Weights of where the others come from."""


class Segment(NamedTuple):
    """Customers who buy alike."""

    tag: str
    share: float
    interval: int | None
    """Days from one purchase to the next; None: one purchase only."""
    spread: float
    """Standard deviation of the interval, as a share of it."""
    products: str
    """What they buy: keys of ``business.PRODUCTS``."""
    leaving: float
    """Share that stops buying within a year of the first purchase, were there no complaints."""


SEGMENTS = (
    Segment("大客户", 0.15, 150, 0.12, "line", 0.10),
    Segment("常购客户", 0.35, 75, 0.15, "machine", 0.25),
    Segment("备件客户", 0.30, 45, 0.20, "part", 0.30),
    Segment("零散客户", 0.20, None, 0.0, "machine", 0.0),
)

SILENCE = 75
"""Days without a word from the customer before it is written off."""
SPEAKS_EVERY = (15, 40)
"""Days between two calls of a customer who buys, and is not about to leave."""
LOST_TAG = "已流失"
LEAVES_AFTER_BAD_SERVICE = 0.5
"""Share that leaves because of a complaint that it rated with 1 or 2."""

RESPONSE_WINS = ((0.4, (1, 6), 0.70), (0.35, (9, 27), 0.45), (0.25, (45, 100), 0.12))
"""Of first enquiries: share, working hours until the first answer, and share that is won."""
REPEAT_WINS = 0.9
"""Share of later purchases that is won."""

SMALL = 150_000
"""CNY; an opportunity below this is a small one."""
PRICE_WHEN_SMALL = 0.6
"""Share of small opportunities' losses that is lost on price."""
COMPETITOR_INDUSTRY = "energy"
COMPETITOR_THERE = 0.6
"""Share of this industry's larger losses that went to a competitor."""
NAMED_ELSEWHERE = 0.1
"""Share of price, and of competitors, among all other losses."""

TICKETS_A_YEAR = 4.0
"""Of a customer who has bought, in an ordinary month's pace."""
SUMMER, SUMMER_FACTOR = (7, 8), 2.0
"""Months in which machines run hot, and how many more tickets they bring."""
FAULTY = "LC-3015 激光切割机"
COMPLAINT_WHEN_FAULTY, COMPLAINT_ELSE = 0.7, 0.2
"""Share of complaints among the tickets of this product, and of the others."""
SLOW = 0.35
"""Share of tickets whose solution takes long."""
QUICK_HOURS, SLOW_HOURS = (2, 20), (55, 120)
"""Working hours from opening to completion."""
QUICK_SCORES, SLOW_SCORES = (4, 5, 5), (1, 2, 2, 3)
RATED = 0.7
"""Share of completed tickets that customers rate."""

LATE_DEPARTMENT = "北方销售部"
LATE_THERE, LATE_ELSE = 0.45, 0.1
"""Share of tasks that are done late: in that department, and in the others."""
FORGOTTEN = 0.04
"""Share of tasks that nobody ever does."""

TURNOVER = 0.3
"""Share of those who sell that leaves within a year."""

DUPLICATES = 0.06
"""Share of customers that somebody else enters once more."""
DUPLICATES_MERGED, DUPLICATES_SEPARATED = 0.5, 0.2
"""Of these: merged for good; merged, and separated again. The others stay undiscovered."""
LOOK_ALIKES = 0.03
"""Share of customers with a subsidiary that looks like them, marked as another."""


def _percent(share: float) -> str:
    return f"{share:.0%}"


def table() -> str:
    """The truths as the table of the page, in Markdown."""
    lines = ["| what is true | with these parameters |", "|---|---|"]
    return "\n".join((*lines, *(f"| {what} | {how} |" for what, how in _rows()))) + "\n"


def _rows() -> list[tuple[str, str]]:
    months = ", ".join(map(str, FAIR_MONTHS))
    sources = ", ".join(f"{source} {weight}" for source, weight in OTHER_SOURCES.items())
    return [
        ("customers arrive by season", f"weights by month: {', '.join(map(str, ARRIVALS))}"),
        (
            "exhibitions bring them in spring and autumn",
            f"source `exhibition`: {_percent(FAIR_SHARE)} in months {months}, "
            f"{_percent(ORDINARY_FAIR_SHARE)} in others; the rest: {sources}",
        ),
        *((f"rhythm of `{s.tag}`", _rhythm(s)) for s in SEGMENTS),
        (
            "who leaves falls silent first",
            f"no word from the customer in the {SILENCE} days before the tag `{LOST_TAG}`; others "
            f"call every {SPEAKS_EVERY[0]} to {SPEAKS_EVERY[1]} days",
        ),
        (
            "bad service drives customers away",
            f"{_percent(LEAVES_AFTER_BAD_SERVICE)} leave after rating a complaint with 1 or 2",
        ),
        *(_response(*row) for row in RESPONSE_WINS),
        ("who has bought buys again", f"{_percent(REPEAT_WINS)} of later opportunities are won"),
        (
            "small ones are lost on price",
            f"{_percent(PRICE_WHEN_SMALL)} of losses below CNY {SMALL:,}",
        ),
        (
            "one industry is lost to competitors",
            f"{_percent(COMPETITOR_THERE)} of the larger losses in `{COMPETITOR_INDUSTRY}`; each "
            f"of the two reasons else: {_percent(NAMED_ELSEWHERE)}",
        ),
        *_service(),
        (
            "one department is late",
            f"tasks done after they were due: {_percent(LATE_THERE)} in {LATE_DEPARTMENT}, "
            f"{_percent(LATE_ELSE)} in others; {_percent(FORGOTTEN)} are never done",
        ),
        (
            "staff come and go",
            f"{_percent(TURNOVER)} of those who sell leave in a year; customers and open "
            "opportunities are handed over on the day",
        ),
        (
            "customers are entered twice",
            f"{_percent(DUPLICATES)}; of these {_percent(DUPLICATES_MERGED)} merged, "
            f"{_percent(DUPLICATES_SEPARATED)} merged and separated again, the rest left",
        ),
        ("some only look alike", f"{_percent(LOOK_ALIKES)} have a subsidiary, marked distinct"),
    ]


def _rhythm(segment: Segment) -> str:
    if segment.interval is None:
        return f"{_percent(segment.share)} of customers: one purchase"
    return (
        f"{_percent(segment.share)} of customers: a purchase every {segment.interval} days "
        f"(± {_percent(segment.spread)}); {_percent(segment.leaving)} leave within a year"
    )


def _response(share: float, hours: tuple[int, int], wins: float) -> tuple[str, str]:
    what = f"first answered after {hours[0]} to {hours[1]} working hours"
    return what, f"{_percent(share)} of first enquiries: {_percent(wins)} won"


def _service() -> list[tuple[str, str]]:
    summer = ", ".join(map(str, SUMMER))
    return [
        (
            "summer brings tickets",
            f"{TICKETS_A_YEAR:g} a year of each buyer, {SUMMER_FACTOR:g} × in months {summer}",
        ),
        (
            f"`{FAULTY}` is a bad product",
            f"complaints: {_percent(COMPLAINT_WHEN_FAULTY)} of its tickets, "
            f"{_percent(COMPLAINT_ELSE)} of others'",
        ),
        (
            "slow solutions are rated badly",
            f"{QUICK_HOURS[0]} to {QUICK_HOURS[1]} working hours: {_scores(QUICK_SCORES)}; "
            f"{SLOW_HOURS[0]} to {SLOW_HOURS[1]} ({_percent(SLOW)} of tickets): "
            f"{_scores(SLOW_SCORES)}; {_percent(RATED)} are rated",
        ),
    ]


def _scores(scores: tuple[int, ...]) -> str:
    return f"{min(scores)} to {max(scores)}"


if __name__ == "__main__":
    print(table(), end="")
