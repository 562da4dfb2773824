"""Numbers: unique, in order, and drawn in blocks that follow the pace of who draws them."""

from datetime import date
from typing import cast

import pytest

from commands.identifiers import BLOCK, LARGEST_BLOCK, Numbers
from commands.ports import EventLog, NeedsIO

TODAY = date(2026, 3, 1)


class Series:
    """Numbers as the log hands them out, and how many were asked for each time."""

    def __init__(self) -> None:
        self.drawn: list[int] = []

    def next_numbers(self, series: str, count: int) -> range:
        first = sum(self.drawn) + 1
        self.drawn.append(count)
        return range(first, first + count)


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def numbers() -> tuple[Numbers, Series, Clock]:
    series, clock = Series(), Clock()
    return Numbers(cast(EventLog, series), clock=clock), series, clock


def test_numbers_follow_each_other_and_none_is_handed_out_twice() -> None:
    handing, series, _ = numbers()
    handed = [handing.next("KH", TODAY) for _ in range(5_000)]
    assert handed == [f"KH-2026-{n:06}" for n in range(1, 5_001)]
    assert series.drawn[:3] == [BLOCK, 2 * BLOCK, 4 * BLOCK]
    assert max(series.drawn) == LARGEST_BLOCK


def test_who_is_in_no_hurry_draws_few_at_once() -> None:
    handing, series, clock = numbers()
    for _ in range(4 * BLOCK):
        clock.seconds += 1
        handing.next("KH", TODAY)
    assert series.drawn == [BLOCK] * 4


def test_at_most_a_block_more_is_left_over_than_was_handed_out() -> None:
    handing, series, _ = numbers()
    for count in range(1, 4_000):
        handing.next("KH", TODAY)
        assert sum(series.drawn) - count <= count + BLOCK


def test_without_the_log_only_what_was_drawn_is_handed_out() -> None:
    handing, _, _ = numbers()
    with pytest.raises(NeedsIO):
        handing.next("KH", TODAY, offline=True)
    handing.next("KH", TODAY)
    assert handing.next("KH", TODAY, offline=True) == "KH-2026-000002"
