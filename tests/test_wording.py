"""How things are written: which language, dates, money, lists, what is left out."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from adapters import registry
from adapters.phrases import places, said
from adapters.texts import Texts, negotiated
from aggregates.values import CodeText, ExternalId, Money

registry.load()

TEXTS = Texts(ZoneInfo("Asia/Shanghai"))

LANGUAGES = {
    None: "zh",
    "": "zh",
    "*": "zh",
    "zh-CN": "zh",
    "zh-Hant-TW, en;q=0.5": "zh",
    "en": "en",
    "EN-us": "en",
    "fr": "en",
    "fr, zh;q=0.1": "zh",
    "en;q=0.2, zh;q=0.9": "zh",
    "en, zh": "en",
    "zh;q=0, en;q=0.1": "en",
    "en;q=nonsense, zh;q=0.1": "zh",
    "en;q=nan, zh": "zh",
    ",;,=;q": "en",
}


@pytest.mark.parametrize("header", LANGUAGES, ids=repr)
def test_the_language_is_the_best_that_is_spoken(header: str | None) -> None:
    assert negotiated(header) == LANGUAGES[header]


WRITTEN: list[tuple[Any, str, str]] = [
    (None, "（空）", "(none)"),
    (True, "是", "yes"),
    (date(2017, 3, 1), "2017年3月1日", "1 March 2017"),
    (datetime(2017, 3, 1, 18, 5, tzinfo=UTC), "2017年3月2日 02:05", "2 March 2017 02:05"),
    (Money(amount=Decimal("-1234567.5"), currency="CNY"), "-1,234,567.50元", "CNY -1,234,567.50"),
    (Money(amount=Decimal("1200"), currency="JPY"), "1,200日元", "JPY 1,200"),
    (Money(amount=Decimal("5"), currency="NOK"), "NOK 5.00", "NOK 5.00"),
    (("一", "二"), "一、二", "一, 二"),
    ({"tier": 2}, "tier：2", "tier: 2"),
    (ExternalId(system="sap", id="4711"), "sap/4711", "sap/4711"),
    (1_000_000, "1000000", "1000000"),
    ("字" * 200, "字" * 79 + "…", "字" * 79 + "…"),
]


@pytest.mark.parametrize(("value", "chinese", "english"), WRITTEN, ids=lambda v: ascii(v)[:30])
def test_values_are_written_as_people_do(value: Any, chinese: str, english: str) -> None:
    assert TEXTS.of("zh").writing.value(value) == chinese
    assert TEXTS.of("en").writing.value(value) == english


def test_what_cannot_be_filled_is_left_out_where_it_may_be() -> None:
    phrase = "won[[ for {amount}]] by {who}[[ ({why}{how})]]"
    assert places(phrase) == {"amount", "who", "why", "how"}
    assert said(phrase, {"who": "Li", "why": "x"}.get) == "won by Li"
    assert said(phrase, {"amount": "5"}.get, "nobody") == "won for 5 by nobody"


def test_values_are_never_taken_for_places() -> None:
    assert said("{a}!", {"a": "{b}[[c]]"}.get) == "{b}[[c]]!"


def test_problems_and_messages_say_what_they_know() -> None:
    title, detail = TEXTS.problem("not-found", "zh", kind="Customer", id="5")
    assert (title, detail) == ("没有找到", "没有这条记录：客户 5。")
    assert TEXTS.problem("not-found", "en")[1] == "There is no such record."
    assert TEXTS.problem("short-name", "en", existing_id="7")[1].startswith(
        "The full name of a known customer (7) begins"
    )
    assert TEXTS.message("string_too_long", "zh", max_length=300) == "最多 300 个字符"
    assert TEXTS.message("code-unknown", "en", code="x") == "there is no code “x”"


def test_who_did_something_is_said_in_the_language_of_who_reads() -> None:
    told = {
        (origin, name): tuple(TEXTS.actor(origin, name, language) for language in ("zh", "en"))
        for origin, name in (("policy", "Local user"), ("import", "Local user"), ("api", "李雷"))
    }
    assert told == {
        ("policy", "Local user"): ("系统", "Backstory"),
        ("import", "Local user"): ("本机用户", "Local user"),
        ("api", "李雷"): ("李雷", "李雷"),
    }
    assert TEXTS.actor("api", None, "zh") is None


def test_a_wrong_code_is_told_in_the_words_of_the_front_office() -> None:
    wrong = {"code": "repair", "dictionary": "ticket_kind"}
    assert [TEXTS.message("code-unknown", language, **wrong) for language in ("zh", "en")] == [
        "字典“工单类别”中没有代码“repair”；"
        "可用的代码见 /v1/dictionary-entries?dictionary=ticket_kind",
        "there is no code “repair” in the dictionary “kind of ticket”;"
        " /v1/dictionary-entries?dictionary=ticket_kind lists those there are",
    ]
    form = get_args(CodeText)[1].pattern
    told = TEXTS.message("string_pattern_mismatch", "zh", pattern=form)
    assert told.startswith("格式不正确，应为小写字母、数字")
    assert "[" not in told


def test_what_is_not_worded_is_still_answered() -> None:
    assert TEXTS.problem("some-new-rule", "en")[0] == "The request was refused"
    assert TEXTS.message("some-new-key", "zh") == "值无效"
    assert TEXTS.label("Customer", "some_new_field", "en") == "some_new_field"
    assert TEXTS.label("Customer", None, "zh") == "客户"
    assert TEXTS.command("customers/register", "en")[0] == "Register a customer"
