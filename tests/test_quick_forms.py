"""What is read without asking the libraries is what they would have said."""

import re

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from aggregates import emails, phones
from aggregates.values import line, not_blank

MOBILE_BEGINNINGS = [f"{n:04}" for n in range(1000, 2000)]


@pytest.mark.parametrize("prefix", ["", "+86", "86", "0086", "0", "+"])
def test_a_mobile_number_is_what_the_numbering_plan_says(prefix: str) -> None:
    for beginning in MOBILE_BEGINNINGS:
        for rest in ("0000000", "1234567", "9999999"):
            text = prefix + beginning + rest
            assert phones.known(text) == phones._known(text), text
            assert phones.main_number(text) == phones._main_number(text), text


@given(st.text("+0123456789 -()转８．", max_size=20))
def test_what_is_written_like_a_number_is_read_the_same(text: str) -> None:
    assert phones.known(text) == phones._known(text)
    assert phones.main_number(text) == phones._main_number(text)


def by_the_library(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


ATOMS = st.text("abzABZ019_+-.", max_size=70)
DOMAINS = st.one_of(
    st.sampled_from(
        [
            "example.com",
            "EXAMPLE.com",
            "公司.cn",
            "xn--55qx5d.cn",
            "a.test",
            "local",
            "localhost",
            "b.local",
            "a..cn",
            "-a.cn",
            "a-.cn",
            "a--b.cn",
            "1.2.3.4",
            "[1.2.3.4]",
            "cn",
            "163.com",
            "mail.163.com",
            "a_b.cn",
            "a.c",
            "onion",
            "x.arpa",
        ]
    ),
    st.text("ab1-.C", max_size=70),
)


@given(ATOMS, DOMAINS)
def test_an_address_is_what_the_library_says(local: str, domain: str) -> None:
    assert emails.is_valid(f"{local}@{domain}") is by_the_library(f"{local}@{domain}")


@given(st.text('ab@."<> é公', max_size=12))
def test_what_is_no_address_is_none(text: str) -> None:
    assert emails.is_valid(text) is by_the_library(text)


@pytest.mark.parametrize("length", [250, 253, 254, 255, 256, 300])
def test_an_address_is_as_long_as_it_may_be(length: int) -> None:
    text = "a" * (length - len("@example.com")) + "@example.com"
    assert emails.is_valid(text) is by_the_library(text)


def slowly(text: str) -> bool:
    """Whether it is one line, by the rule alone."""
    try:
        not_blank(text)
    except PydanticCustomError:
        return False
    return re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", text) is None


@given(st.text(max_size=5), st.sampled_from(["", "a", "中", "\u3164", "\u00ad", "1", "é"]))
def test_a_line_is_what_the_rule_says(rest: str, first: str) -> None:
    text = first + rest
    try:
        is_line = line(text) == text
    except PydanticCustomError:
        is_line = False
    assert is_line is slowly(text)
