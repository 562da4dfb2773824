"""Pairs: the whole way from profiles to those that look the same, in memory.

What the database does for a million customers, said in a few lines; tests hold it to this.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import TypeVar

from projections.matching.keys import MOST_SHARED, keys
from projections.matching.profiles import Profile
from projections.matching.scoring import THRESHOLD, Score, score

K = TypeVar("K")


def candidates(profiles: Mapping[K, Profile]) -> set[frozenset[K]]:
    """The pairs that share a key which few have."""
    blocks: dict[str, list[K]] = defaultdict(list)
    for name, profile in profiles.items():
        for key in keys(profile):
            blocks[key].append(name)
    small = (block for block in blocks.values() if len(block) <= MOST_SHARED)
    return {frozenset(pair) for block in small for pair in combinations(block, 2)}


def pairs(profiles: Mapping[K, Profile]) -> Iterator[tuple[frozenset[K], Score]]:
    """The pairs that are more likely the same than not, in no order."""
    for pair in candidates(profiles):
        one, other = pair
        found = score(profiles[one], profiles[other])
        if found.value >= THRESHOLD:
            yield pair, found
