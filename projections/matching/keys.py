"""Blocking keys: records are compared only where they share one.

Keys are made so that one slip leaves at least one of them whole. A key that very many records
share says nothing; who looks for pairs leaves such keys out.
"""

from collections.abc import Iterator
from datetime import date
from itertools import combinations

from projections.matching.names import LONG, CompanyName, PersonName
from projections.matching.profiles import Profile

LONGEST = 12
"""Beyond, the beginning and the end of a brand are keys, instead of each way to lose a letter."""
HEAD = 3
"""Letters of a word that go into a key beside something else."""
MOST_SHARED = 50
"""A key that more records share says nothing: pairs are not looked for by it."""


def keys(profile: Profile) -> frozenset[str]:
    """What the record can be found by."""
    return frozenset(_keys(profile))


def _keys(profile: Profile) -> Iterator[str]:
    yield from (f"p{phone.partition(';')[0]}" for phone in profile.phones)
    yield from (f"e{email}" for email in profile.emails)
    yield from (f"d{domain}" for domain in profile.domains)
    for name in profile.company_names:
        yield from (f"n{key}" for key in _of_company(name))
    if profile.person is not None:
        yield from _of_person(profile.person, profile)
    if profile.company is not None and profile.address is not None and profile.address.numbers:
        yield f"a{profile.address.text}"


def _of_company(name: CompanyName) -> Iterator[str]:
    """The brand; of long ones, also each way in which a letter of it may be lost."""
    brand = name.brand
    yield brand
    if len(brand) >= LONGEST:
        yield f"{brand[: LONGEST // 2]}-"
        yield f"-{brand[-LONGEST // 2 :]}"
    if LONG <= len(brand) <= LONGEST:
        yield from (brand[:i] + brand[i + 1 :] for i in range(len(brand)))


def _of_person(name: PersonName, profile: Profile) -> Iterator[str]:
    """The day of birth; words of the name with each other, a part of that day, or the house."""
    heads = sorted({word[:HEAD] for word in name.words})
    yield from (f"s{one}+{other}" for one, other in combinations(heads, 2))
    if profile.began_on is not None:
        yield f"b{profile.began_on:%Y%m%d}"
        yield from (f"b{head}{part}" for head in heads for part in _parts(profile.began_on))
    if len(name.words) == 1:
        yield f"s{name.joined}"
    if profile.address is not None:
        yield from (f"w{head}{number}" for head in heads for number in profile.address.numbers)


def _parts(day: date) -> Iterator[str]:
    """The month with the day, the year with the month: a slip leaves one of them whole."""
    yield from (f"{day:-%m-%d}", f"{day:%Y-%m-}")
