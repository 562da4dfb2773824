"""E-mail addresses: whether one is written so that mail could be sent to it. Nothing is looked up.

Most addresses of a company's partners share few domains. So the library is asked once for a domain,
and the part before it is looked at here where it is of the plainest kind.
"""

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

LONGEST = 254
"""RFC 3696, erratum 1690."""
_PLAIN = re.compile(r"[\w+-]+(?:\.[\w+-]+)*@([a-z0-9.-]+)", re.ASCII | re.IGNORECASE)
"""Atoms of letters, digits and three signs; what is beyond has rules that are the library's."""


def is_valid(text: str) -> bool:
    """Whether it is an address (RFC 5321, RFC 5322, with RFC 6531's letters)."""
    plain = _PLAIN.fullmatch(text)
    if plain is None or "--" in plain[1] or len(text) > LONGEST:
        return _is_address(text)
    return _is_address(f"a@{plain[1]}")


@lru_cache(4_096)
def _is_address(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True
