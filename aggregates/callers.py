"""Callers: customers and contacts are found by the numbers that they call from."""

from collections.abc import Iterator

from aggregates.base import Mark
from aggregates.phones import main_number

CUSTOMER_PHONE = "customer-phone"
CONTACT_PHONE = "contact-phone"
"""Scopes of the marks by which they are found: a company's people may share a number."""


def called(scope: str, phone: str | None) -> Iterator[Mark]:
    """The mark of who can be called there; none where the phone is not known."""
    number = main_number(phone) if phone else None
    if number is not None:
        yield Mark(scope, number)
