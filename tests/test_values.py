"""Value types: what is taken exactly as it came, and what is refused."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from aggregates.values import (
    MINOR_UNITS,
    BusinessDate,
    CodeText,
    Custom,
    Email,
    ExternalId,
    FoundingDate,
    LongText,
    Money,
    Phone,
    Text,
    left_out,
    seen,
    shows,
)

PHONES = Path(__file__).parents[2] / "shared" / "data" / "phone" / "examples.mobile.json"


def taken(kind: Any, value: Any) -> Any:
    """What becomes of a JSON value."""
    return TypeAdapter(kind).validate_json(json.dumps(value), strict=True)


def refused(kind: Any, value: Any) -> list[str]:
    """The kinds of error that a JSON value is refused with."""
    with pytest.raises(ValidationError) as error:
        taken(kind, value)
    return [e["type"] for e in error.value.errors()]


# Money


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0", "CNY"),
        ("-12.50", "CNY"),
        ("12.5000", "CNY"),
        ("999999999999999.99", "CNY"),
        ("1000", "JPY"),
        ("1000.000", "JPY"),
        ("1.234", "KWD"),
        ("1.2345", "UYW"),
        ("00012", "USD"),
    ],
)
def test_an_amount_is_kept_as_it_was_written(amount: str, currency: str) -> None:
    money = taken(Money, {"amount": amount, "currency": currency})
    assert money.amount == Decimal(amount)
    said = json.loads(money.model_dump_json())
    assert Decimal(said["amount"]) == Decimal(amount)
    assert taken(Money, said) == money


@pytest.mark.parametrize(
    "amount",
    [
        *("", " ", "-", "+1", "1.", ".5", "1,000", "1e3", "1E3", "0x1F", "NaN", "Infinity", "--1"),
        *("1.23456", "1234567890123456", "１２", "١٢", " 1", "1 ", "1\n", "1\x00", "1_000", "½"),
        *(12, 12.5, True, None, [], {}),
    ],
)
def test_an_amount_is_a_string_of_digits(amount: Any) -> None:
    assert refused(Money, {"amount": amount, "currency": "CNY"}) == ["amount"]


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("1.001", "CNY"), ("0.5", "JPY"), ("1000.001", "JPY"), ("1.2345", "KWD"), ("0.0001", "USD")],
)
def test_an_amount_has_no_more_decimals_than_its_currency(amount: str, currency: str) -> None:
    assert refused(Money, {"amount": amount, "currency": currency}) == ["scale"]


@pytest.mark.parametrize("currency", ["RMB", "cny", "", "CN", "XXX", "XAU", "XTS", "￥", "USD "])
def test_a_currency_is_one_of_iso_4217(currency: str) -> None:
    assert refused(Money, {"amount": "1", "currency": currency}) == ["currency"]


def test_currencies_have_the_decimals_of_the_standard() -> None:
    assert [MINOR_UNITS[c] for c in ("JPY", "CNY", "KWD", "CLF")] == [0, 2, 3, 4]


@pytest.mark.parametrize("body", [{"amount": "1"}, {"currency": "CNY"}, {}, "1 CNY", 1])
def test_money_is_amount_and_currency(body: Any) -> None:
    refused(Money, body)


def test_money_has_nothing_else() -> None:
    assert refused(Money, {"amount": "1", "currency": "CNY", "rate": "7"}) == ["extra_forbidden"]


@given(
    st.decimals("-999999999999999", "999999999999999", places=2),
    st.sampled_from(sorted(c for c, exponent in MINOR_UNITS.items() if exponent >= 2)),
)
def test_every_amount_survives_json(amount: Decimal, currency: str) -> None:
    money = taken(Money, {"amount": format(amount, "f"), "currency": currency})
    assert taken(Money, json.loads(money.model_dump_json())) == money
    assert money.amount == amount


# Phones


@pytest.mark.skipif(not PHONES.exists(), reason="the phone examples of ../shared/data are not here")
def test_a_mobile_number_of_every_region_is_taken_as_entered() -> None:
    examples: dict[str, str] = json.loads(PHONES.read_text("utf-8"))
    assert len(examples) > 200
    wrong = []
    for region, national in examples.items():
        entered = f"+{phonenumbers.country_code_for_region(region)}{national}"
        try:
            assert taken(Phone, entered) == entered
        except ValidationError:
            wrong.append((region, entered))
    assert wrong == []


@pytest.mark.parametrize(
    "phone",
    [
        "13812345678",
        "138 1234 5678",
        "138-1234-5678",
        "+86 138 1234 5678",
        "008613812345678",
        "021-58881234",
        "(021) 5888 1234",
        "0755-83765566",
        "400-810-8888",
        "+1 202 555 0143",
        "１３８１２３４５６７８",
        "021-58881234 转 8001",
        "021-58881234 ext. 8001",
        "021-58881234-8001",
        "(021) 5888 1234 - 8001",
        "+86-21-58881234-8001",
        "０２１－５８８８１２３４－８００１",
        "138-1234-5678-801",
        "400-820-8820",
        "4008208820转8001",
        "400-820-8820-1",
        "800-810-1234",
        *("95588", "12345", "10086", "96110", "+86 95588", "95588转1", "95588-1", "９５５８８"),
    ],
)
def test_a_number_is_read_as_chinese_unless_it_says_otherwise(phone: str) -> None:
    assert taken(Phone, phone) == phone


@pytest.mark.parametrize(
    "phone",
    [
        *("1381234567", "138123456789", "11012345678", "12012345678", "10812345678"),
        *("", " ", "-", "abc", "+", "+86", "110", "1", "0", "+999 12345678", "021-588812345678"),
        *("1" * 41, "13812345678\x00", "电话", "tel:", "13812345678,13912345678", "+1 202 555 014"),
        *("021-58881234-1234567", "13812345678-13912345678", "+1 95588", "99999", "114"),
        *("12345-6789012", "-95588", "0 95588", "95588 wang"),
        *("call 13812345678", "13812345678 wang", "<b>13812345678</b>", "tel:13812345678"),
    ],
)
def test_what_no_numbering_plan_has_is_refused(phone: str) -> None:
    assert len(refused(Phone, phone)) == 1


# E-mail


@pytest.mark.parametrize(
    "email",
    ["a@example.cn", "fang.wang+crm@mail.example.com", "王芳@例子.公司", "x@xn--fsqu00a.com"],
)
def test_an_address_is_kept_as_entered(email: str) -> None:
    assert taken(Email, email) == email


@pytest.mark.parametrize(
    "email",
    [
        *("", "a", "a@", "@b.cn", "a@b", "a b@c.cn", "a@b..cn", "a@b.cn\n", "<a@b.cn>", "a@b,cn"),
        *("a@b@c.cn", "a@-b.cn", "\x00a@b.cn", "a@" + "b" * 250 + ".cn", "A <a@b.cn>"),
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    assert len(refused(Email, email)) == 1


# Texts


@pytest.mark.parametrize(
    "text",
    [
        "a",
        " a ",
        "上海",
        "𠮷野家",
        "e\u0301",
        "\ufeffa",
        "👩\u200d🚀",
        "क्\u200dष",
        "می\u200cخواهم",
        "x" * 300,
    ],
)
def test_a_text_is_kept_byte_for_byte(text: str) -> None:
    assert taken(Text, text) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "blank"),
        ("   ", "blank"),
        ("\u3000\u2003\t\n", "blank"),
        *(
            (c, "blank")
            for c in ("\u200b", "\u202c \u200d", "\u2028", "\u3164", "\u2800", "\ufe0f")
        ),
        *((f"a{c}b", "line") for c in ("\n", "\r", "\t", "\x1b", "\x85", "\u2028", "\u2029")),
        ("a\x00b", "unstorable"),
        ("x" * 301, "string_too_long"),
        (3, "string_type"),
    ],
)
def test_a_text_that_shows_nothing_or_cannot_be_stored_is_refused(text: Any, why: str) -> None:
    assert refused(Text, text) == [why]


def test_a_text_in_paragraphs_has_line_ends_but_shows_something() -> None:
    assert taken(LongText, "a\n\tb") == "a\n\tb"
    assert refused(LongText, "\u200b\n") == ["blank"]


@given(st.text())
def test_what_is_seen_of_a_text_is_what_shows_and_spaces(text: str) -> None:
    assert seen(text) == "".join(c for c in text if c.isspace() or shows(c))


@pytest.mark.parametrize("surrogate", ["\ud800", "a\udc00b"])
def test_half_a_character_is_refused(surrogate: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(surrogate)


@pytest.mark.parametrize("code", ["A", "a b", "-a", "", "a" * 61, "ä", "a\n", "a\x00"])
def test_a_code_is_plain(code: str) -> None:
    assert refused(CodeText, code) == ["string_pattern_mismatch"]


# Dates


@pytest.mark.parametrize("day", ["1900-01-01", "2199-12-31", "2024-02-29"])
def test_business_days_are_within_three_centuries(day: str) -> None:
    assert taken(BusinessDate, day) == date.fromisoformat(day)


@pytest.mark.parametrize(
    "day",
    [
        *("1899-12-31", "2200-01-01", "0001-01-01", "9999-12-31", "2023-02-29", "2024-13-01"),
        *("2024-1-1", "24-01-01", "01/02/2024", "2024-01-01T10:00:00", "today", "", 20240101, 0),
        *(
            "86400",
            "-86400",
            "20240101",
            "２０２４-01-01",
            "-2024-01-01",
            "10000-01-01",
            "2024-W01-1",
            1e300,
        ),
    ],
)
def test_absurd_days_are_refused(day: Any) -> None:
    assert len(refused(BusinessDate, day)) == 1


def test_a_company_may_be_a_thousand_years_old() -> None:
    assert taken(FoundingDate, "1000-01-01") == date(1000, 1, 1)
    assert refused(FoundingDate, "0999-12-31") == ["out-of-range"]


# Custom fields, other systems' ids, fields left out


@pytest.mark.parametrize(
    "value", [True, False, 0, -1, 1.0, 0.1, 2**53, -(2**53), "", " a ", "2024-01-01", None, 1e15]
)
def test_a_scalar_keeps_value_and_type(value: Any) -> None:
    kept = taken(Custom, {"x": value})["x"]
    assert (kept, type(kept)) == (value, type(value))


@pytest.mark.parametrize(
    "value", [[], {}, ["a"], {"a": 1}, "a\x00", "x" * 2001, 2**53 + 1, 2**64, -(2**63), 1e300]
)
def test_what_would_not_be_kept_exactly_is_refused(value: Any) -> None:
    refused(Custom, {"x": value})


def test_custom_fields_are_named_by_codes_and_not_countless() -> None:
    refused(Custom, {"Größe": 1})
    refused(Custom, {f"x{n}": 1 for n in range(201)})
    assert len(taken(Custom, {f"x{n}": 1 for n in range(200)})) == 200


@pytest.mark.parametrize(
    "external", [{"system": "S", "id": "1"}, {"system": "s", "id": " "}, {"system": "s", "id": 1}]
)
def test_another_systems_id_names_system_and_id(external: Any) -> None:
    refused(ExternalId, external)


def test_a_field_may_be_left_out_but_not_nulled() -> None:
    class Change(BaseModel):
        name: Text = left_out()

    assert Change.model_validate({}).model_fields_set == set()
    with pytest.raises(ValidationError):
        Change.model_validate({"name": None})
