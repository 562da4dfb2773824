"""Levels: how two values of one field agree."""

from datetime import date

from projections.matching.addresses import Address
from projections.matching.addresses import likeness as address_likeness
from projections.matching.names import CompanyName, PersonName, is_slip, person_likeness


def companies(one: CompanyName, other: CompanyName) -> str:
    """Which level two companies' names meet."""
    if one.canonical == other.canonical:
        return "same"
    brand_slips = one.brand != other.brand
    if brand_slips and not is_slip(one.brand, other.brand):
        return "differs"
    if one.branch != other.branch:
        return "branch"
    if one.is_elsewhere(other):
        return "elsewhere"
    if one.trade != other.trade:
        return "differs" if brand_slips else _trades(one, other)
    if brand_slips:
        return "slip"
    return "place" if bool(one.places) != bool(other.places) else "form"


def _trades(one: CompanyName, other: CompanyName) -> str:
    return "trade" if one.trade and other.trade else "short"


def persons(one: PersonName, other: PersonName) -> str:
    """Which level two persons' names meet."""
    if one.words == other.words:
        return "same"
    alike = person_likeness(one, other)
    if alike >= 0.9:
        return "similar"
    return "part" if alike >= 0.8 or set(one.words) & set(other.words) else "differs"


def addresses(one: Address, other: Address) -> str:
    """Which level two addresses meet."""
    alike = address_likeness(one, other)
    if one.text == other.text or (alike >= 0.9 and one.numbers == other.numbers):
        return "same"
    numbers_fit = not one.numbers or not other.numbers or one.numbers & other.numbers
    if alike >= 0.8 and numbers_fit:
        return "similar"
    return "street" if alike >= 0.6 else "differs"


def days(one: date, other: date) -> str:
    """``slip``: one digit differs, two neighbours are swapped, or day and month are."""
    if one == other:
        return "same"
    if (one.year, one.month, one.day) == (other.year, other.day, other.month):
        return "slip"
    digits, others = f"{one:%Y%m%d}", f"{other:%Y%m%d}"
    wrong = [i for i in range(len(digits)) if digits[i] != others[i]]
    if len(wrong) == 2 and wrong[1] == wrong[0] + 1:
        first, last = wrong[0], wrong[1] + 1
        return "slip" if digits[first:last] == others[first:last][::-1] else "differs"
    return "slip" if len(wrong) == 1 else "differs"
