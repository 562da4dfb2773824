"""Scores: how likely two profiles are of the same company or person, and why.

After Fellegi and Sunter (A Theory for Record Linkage, 1969): each field meets one of a few levels;
a level is worth log2(m / u) bits, where m is how often two records of the same subject meet it and
u how often those of different subjects do. What is empty on either side is worth nothing. The sum,
with the odds from which a comparison starts, is a probability. The figures are estimates from what
names, numbers and dates are like; none was fitted to anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log2

from projections.matching.levels import addresses, companies, days, persons
from projections.matching.profiles import Profile

THRESHOLD = 0.5
"""From here on two records are more likely the same than not."""
PRIOR = -10.0
"""Bits: of pairs that are compared, because they share a key, one in a thousand is the same."""

ALMOST = 0.999
"""The highest score of two that are not identical."""


def _bits(**levels: tuple[float, float]) -> dict[str, float]:
    """Level → what it is worth, from (m, u)."""
    return {level: round(log2(m / u), 2) for level, (m, u) in levels.items()}


WORTH = {
    "company": _bits(
        same=(0.6, 1e-6),  # a registered name exists once in a province
        form=(0.15, 1e-5),  # the legal form differs, or where the place stands
        place=(0.08, 2e-5),  # one of them leaves the place out
        slip=(0.10, 5e-5),  # a letter of a long brand
        short=(0.08, 1e-4),  # one of them leaves the trade out
        trade=(0.03, 1e-3),  # the same brand and place, another trade
        elsewhere=(0.02, 5e-3),  # the same brand in another place
        branch=(0.01, 1e-2),  # a branch beside its head office or another branch
        differs=(0.04, 1.0),  # renamed, or never the same
    ),
    # The commonest full name of China is borne by one in 4,600; but many pairs are compared
    # because they share a name, so among these it is the same more often than by chance.
    "person": _bits(
        same=(0.7, 1e-3),
        similar=(0.2, 2e-3),
        part=(0.06, 1e-2),  # a word of it: the family name
        differs=(0.04, 1.0),
    ),
    "phone": _bits(same=(0.7, 1e-4), differs=(0.3, 1.0)),  # sisters share a switchboard
    "email": _bits(same=(0.6, 2e-6), differs=(0.4, 1.0)),
    "website": _bits(same=(0.7, 1e-4), differs=(0.3, 1.0)),
    "contact": _bits(same=(0.4, 2e-3)),
    "address": _bits(
        same=(0.5, 1e-4),  # an office tower, a household
        similar=(0.25, 5e-4),
        street=(0.15, 5e-3),
        differs=(0.1, 1.0),
    ),
    "postcode": _bits(same=(0.8, 2e-3), differs=(0.2, 1.0)),
    # A day among some 25,000; with a digit wrong or swapped, some twenty times as many.
    "began_on": _bits(same=(0.85, 4e-5), slip=(0.1, 1e-3), differs=(0.05, 1.0)),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """What one field says: which level it meets, and how many bits that is for or against."""

    field: str
    level: str
    bits: float


@dataclass(frozen=True, slots=True)
class Score:
    """How likely two records are the same, from 0 to 1, and why."""

    value: float
    bits: float
    reasons: tuple[Reason, ...]


def score(one: Profile, other: Profile) -> Score:
    """Compare two profiles; the same whichever comes first."""
    reasons = tuple(_reasons(one, other))
    bits = PRIOR + sum(reason.bits for reason in reasons)
    probability = 1 / (1 + 2.0**-bits)
    is_one = one == other and probability >= THRESHOLD
    return Score(1.0 if is_one else min(round(probability, 3), ALMOST), round(bits, 2), reasons)


def _reasons(one: Profile, other: Profile) -> Iterator[Reason]:
    for field, worth, level in _levels(one, other):
        if level is not None:
            yield Reason(field, level, WORTH[worth][level])


def _levels(one: Profile, other: Profile) -> Iterator[tuple[str, str, str | None]]:
    """(field, what its levels are worth, the level)"""
    if one.person and other.person:
        yield "name", "person", persons(one.person, other.person)
    yield "name", "company", _company_names(one, other)
    yield "phone", "phone", _shared(one.phones, other.phones)
    mailboxes = _shared(one.emails, other.emails)
    yield "email", "email", mailboxes
    if mailboxes != "same":  # A mailbox says the domain too.
        yield "website", "website", _shared(one.domains, other.domains)
    if one.people & other.people:
        yield "contact", "contact", "same"
    if one.address and other.address:
        yield "address", "address", addresses(one.address, other.address)
    elif one.postcode and other.postcode:  # An address says the postcode too.
        yield "postcode", "postcode", "same" if one.postcode == other.postcode else "differs"
    if one.began_on and other.began_on:
        yield "began_on", "began_on", days(one.began_on, other.began_on)


def _shared(one: frozenset[str], other: frozenset[str]) -> str | None:
    if not one or not other:
        return None
    return "differs" if one.isdisjoint(other) else "same"


def _company_names(one: Profile, other: Profile) -> str | None:
    """The best level that a name of one and a name of the other meet."""
    met = [companies(a, b) for a in one.company_names for b in other.company_names]
    return max(met, key=WORTH["company"].__getitem__, default=None)
