"""Suggested mappings: what headings and values speak for, and nothing that is not certain."""

import tomllib
from collections import abc
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import registry
from adapters.importing.coding import Entry, declared
from adapters.importing.drafting import drafted
from adapters.importing.evidence import Asking
from adapters.importing.headings import Headings, leaves, synonyms
from adapters.importing.mapping import Also, External, Mapping, Rule, Step, Suspicion, load
from adapters.importing.plan import Plan, creating
from adapters.importing.reading import CsvFile
from adapters.importing.suggesting import Suggestion, is_plain, sample, suggest
from adapters.texts import LANGUAGES, Texts
from commands.base import COMMANDS

registry.load()
SHANGHAI = ZoneInfo("Asia/Shanghai")
TEXTS = Texts()
KINDS = sorted(
    c.AGGREGATE.PLURAL for c in COMMANDS.values() if c.CREATES and not c.IMPORT_ONLY and c.IS_REMOTE
)
Columns = abc.Mapping[str, Sequence[str]]
DATA = Path(__file__).resolve().parents[2] / "shared/data"


def suggested(
    columns: Columns, kind: str = "customers", custom: bool = False, **asked: Any
) -> Suggestion:
    """What is suggested for these columns, each with its values from above."""
    longest = max((len(values) for values in columns.values()), default=0)
    rows = [
        [values[n] if n < len(values) else "" for values in columns.values()]
        for n in range(longest)
    ]
    asking = Asking(asked.pop("entries", declared()), SHANGHAI, **asked)
    return suggest(kind, list(columns), rows, asking, TEXTS, with_custom=custom)


def said(suggestion: Suggestion) -> list[str]:
    """What is to be decided, in English."""
    return [str(one) for one in suggestion.to_decide]


def fields(suggestion: Suggestion) -> dict[str, str | None]:
    return {column.cells.name: column.field for column in suggestion.columns}


def rule(name: str, *values: str, kind: str = "customers", **asked: Any) -> Rule | None:
    """How the one column is read."""
    [column] = suggested({name: values}, kind, **asked).columns
    return column.verdict.rule


def question(name: str, *values: str, kind: str = "customers", **asked: Any) -> str:
    """What is asked about the one column."""
    first, *_ = said(suggested({name: values}, kind, **asked))
    return first.removeprefix(f"{name}: ")


# Headings


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_fields_own_label_is_suggested_back_to_it(kind: str, language: str) -> None:
    command = creating(kind)
    headings = Headings(command, TEXTS)
    for target in leaves(command):
        known = "meta.occurred_at" if target.name == "occurred_at" else target.name
        label = TEXTS.label(command.AGGREGATE.KIND, known, language)
        assert [m.field for m in headings.meanings(label)] == [target.name], label


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_headed_by_all_labels_of_a_kind_is_understood_whole(
    kind: str, language: str
) -> None:
    command = creating(kind)
    labels = {
        t.name: TEXTS.label(command.AGGREGATE.KIND, t.name, language)
        for t in leaves(command)
        if t.name != "occurred_at"
    }
    found = fields(suggested(dict.fromkeys(labels.values(), ()), kind))
    assert found == {label: name for name, label in labels.items()}


@pytest.mark.parametrize(
    ("kind", "header", "field"),
    [
        ("customers", "客户名称", "name"),
        ("customers", "客户 名称：", "name"),
        ("customers", "客戶名稱", "name"),
        ("customers", "ACCOUNT_NAME", "name"),
        ("customers", "companyName", "name"),
        ("customers", "企业名称", "name"),
        ("customers", "所属行业", "industry"),
        ("customers", "客户地址", "address"),
        ("customers", "Customer Phone", "phone"),
        ("customers", "客户来源", "source"),
        ("contacts", "手机", "phone"),
        ("contacts", "E-Mail", "email"),
        ("contacts", "公司名称", "customer_id"),
        ("opportunities", "商机名称", "title"),
        ("opportunities", "金额（万元）", "amount"),
        ("opportunities", "Expected Close", "expected_close_on"),
        ("tickets", "Ticket Priority", "priority"),
        ("tickets", "标题", "subject"),
        ("tasks", "截止日期", "due_at"),
        ("users", "用户名", "login"),
        ("customers", "创建时间", "occurred_at"),
        ("customers", "日期", "occurred_at"),
    ],
)
def test_other_words_in_chinese_and_english(kind: str, header: str, field: str) -> None:
    assert fields(suggested({header: ()}, kind)) == {header: field}


def test_every_synonym_is_of_a_field_that_there_is() -> None:
    words = dict(synonyms())
    names = {t.name for kind in KINDS for t in leaves(creating(kind))}
    assert set(words["fields"]) <= names
    for kind in KINDS:
        assert set(words.get(kind, {})) <= {t.name for t in leaves(creating(kind))}, kind
    for dictionary, codes in words["values"].items():
        assert set(codes) <= {entry.code for entry in declared()[dictionary]}, dictionary


def test_beside_the_name_of_a_contact_a_phone_is_the_contacts() -> None:
    both = suggested({"客户名称": ["云泽公司"], "联系人": ["张三"], "电话": ["13800000001"]})
    assert fields(both)["电话"] == "primary_contact.phone"
    assert fields(suggested({"客户名称": ["云泽公司"], "电话": ["13800000001"]}))["电话"] == "phone"
    three = fields(suggested({"联系人": ["张三"], "手机": ["13800000001"], "电话": ["95588"]}))
    assert three["手机"] == "primary_contact.phone"
    assert three["电话"] == "phone"


def test_of_a_person_of_whom_too_little_is_known_nothing_is_entered() -> None:
    suggestion = suggested({"客户名称": ["云泽公司"], "联系人": ["张三"]})
    assert fields(suggestion)["联系人"] is None
    assert said(suggestion) == [
        "联系人: it would be primary_contact.name, and no column fills primary_contact.phone"
    ]


def test_a_name_that_is_almost_right_is_asked_about() -> None:
    assert question("Compnay name", "云泽公司") == "is it name? its name is almost that"
    assert fields(suggested({"Contract": ["One year"]})) == {"Contract": None}


def test_two_columns_for_one_field_are_left_out_and_named() -> None:
    suggestion = suggested({"公司名称": ["a"], "企业名称": ["b"]})
    assert set(fields(suggestion).values()) == {None}
    assert said(suggestion) == [
        "公司名称: it may be name, and so may 企业名称",
        "企业名称: it may be name, and so may 公司名称",
        "no column fills name",
    ]


def test_the_column_that_is_called_as_the_field_goes_before_one_that_is_not() -> None:
    suggestion = suggested({"名称": ["a"], "企业名称": ["b"]})
    assert fields(suggestion) == {"名称": "name", "企业名称": None}
    assert said(suggestion) == ["企业名称: it may be name, which 名称 fills"]


def test_required_fields_without_a_column_are_named() -> None:
    suggestion = suggested({"名称": ["a"]})
    assert suggestion.missing == ("industry", "source", "primary_contact")
    assert suggested({"行业": ["软件"]}).impossible == ("name",)


# Values


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[
            (t, "software")
            for t in ("software", "软件", "软件业", "软件行业", "Software", "軟件業")
        ],
        *[(t, "software") for t in ("软件和信息服务", "信息服务业", "IT", "software industry")],
        *[(t, "manufacturing") for t in ("制造业", "制造", "MANUFACTURING")],
    ],
)
def test_texts_for_codes(text: str, code: str) -> None:
    found = rule("行业", text)
    assert found is not None
    assert found.values.get(text, text) == code


@pytest.mark.parametrize(
    "text", ["农业", "业", "soft", "软硬件", "技术", "制造/教育", "软件和制造"]
)
def test_texts_that_no_code_is_called_are_asked_about(text: str) -> None:
    asked = question("行业", "软件业", text)
    assert asked.startswith(f"which code of “industry” does “{text}” stand for? There are: ")
    assert "manufacturing (制造业, Manufacturing), software (" in asked
    assert asked.count("(") == len(declared()["industry"])


def test_of_very_many_codes_the_first_are_named() -> None:
    many = {"industry": [Entry(f"c{n}", f"行业{n}甲", f"Name {n}") for n in range(1_000)]}
    asked = question("行业", "农业", entries=many)
    assert asked.endswith("c29 (行业29甲, Name 29) and 970 more")
    assert question("行业", "农业", entries={}).endswith("It has no codes yet")


def test_entries_of_the_organisations_own_are_known() -> None:
    entries = {"industry": [Entry("farming", "农林牧渔业", "Farming")]}
    found = rule("行业", "农林牧渔", "Farming", entries=entries)
    assert found is not None
    assert found.values == {"农林牧渔": "farming", "Farming": "farming"}


@pytest.mark.parametrize(
    ("values", "format"),
    [
        (["2026-03-01"], None),
        (["2026-3-1"], "%Y-%m-%d"),
        (["2026/3/1", "2025/12/31"], "%Y/%m/%d"),
        (["2026年3月1日"], "%Y年%m月%d日"),
        (["1.3.2026", "13.3.2026"], "%d.%m.%Y"),
        (["20260301"], "%Y%m%d"),
        (["3/13/2026", "3/1/2026"], "%m/%d/%Y"),
        (["13/3/2026", "1/3/2026"], "%d/%m/%Y"),
        (["2026/3/1 0:00:00"], "%Y/%m/%d %H:%M:%S"),
    ],
)
def test_dates(values: list[str], format: str | None) -> None:
    found = rule("成立日期", *values)
    assert found is not None
    assert found.format == format


def test_the_day_first_or_the_month_is_never_guessed() -> None:
    asked = question("成立日期", "1/3/2026", "2/4/2026")
    assert asked == "does “1/3/2026” begin with the day (%d/%m/%Y or %m/%d/%Y)?"
    assert "one begins with the day" in question("成立日期", "13/3/2026", "3/13/2026")
    assert question("成立日期", "去年") == "“去年” are no dates"


@pytest.mark.parametrize(
    ("header", "currency", "times"),
    [
        ("年营业额（万元）", "CNY", 10_000),
        ("年营业额（万美元）", "USD", 10_000),
        ("年营业额(元)", "CNY", None),
        ("Revenue (USD)", "USD", None),
        ("annual_revenue_usd", "USD", None),
    ],
)
def test_amounts_in_the_currency_that_the_heading_says(
    header: str, currency: str, times: int | None
) -> None:
    suggestion = suggested({header: ["12.50"]})
    found = suggestion.columns[0].verdict.rule
    assert (found and (found.currency, found.times)) == (currency, times)
    assert fields(suggestion)[header] == "annual_revenue"


def test_amounts_without_a_currency_are_asked_about() -> None:
    assert "in which currency" in question("年营业额", "12.50")
    found = rule("年营业额", "12.50", currency="CNY")
    assert found is not None
    assert found.currency == "CNY"
    assert rule("年营业额", "12.50 CNY") == Rule(column="年营业额")
    assert "“约五百万” are no amounts" in question("年营业额", "约五百万")
    assert "¥: in which currency" in question("年营业额", "¥1,234.50")
    assert rule("年营业额", "¥1,234.50", currency="CNY") == Rule(
        column="年营业额", currency="CNY", decimal="."
    )
    assert rule("年营业额", "1.234,50€") == Rule(column="年营业额", currency="EUR", decimal=",")
    assert "in which currency" in question("年营业额（美元）", "€12.50")
    assert "a thousand and more, or a decimal" in question("年营业额（元）", "1.234")


def test_numbers_as_people_write_them() -> None:
    assert rule("员工人数", "1,234,567", "12") == Rule(column="员工人数", decimal=".")
    assert "a thousand and more" in question("员工人数", "1,234")
    assert "none of its values" in question("员工人数", "约三百")


def test_a_column_beside_says_the_currency() -> None:
    suggestion = suggested({"金额": ["1"], "币种": ["EUR"]}, "opportunities")
    assert (suggestion.mapping.fields or {})["amount"] == Rule(template="{金额} {币种}")
    assert not [one for one in said(suggestion) if "币种" in one]
    awkward = suggested({"金额": ["1"], "{币种|}": ["EUR"]}, "opportunities")
    assert "金额: in which currency are the amounts? Say it with --currency" in said(awkward)


def test_references_by_name_login_and_external_id() -> None:
    assert rule("客户名称", "云泽公司", kind="contacts") == Rule(column="客户名称", by="name")
    assert rule("负责人", "li.na") == Rule(column="负责人", by="login")
    caller = rule("联系人电话", "138 1234 5678", "010－62581234转8001", kind="tickets")
    assert caller == Rule(column="联系人电话", by="phone")
    assert rule("客户电话", "95588", kind="tickets") == Rule(column="客户电话", by="phone")
    number = rule("Customer id", "95588", kind="tickets", system="crm")
    assert number == Rule(column="Customer id", by="external", system="crm")
    assert "a user is found by login" in question("负责人", "李娜")
    external = rule("customer_id", "C7", kind="contacts", system="old-crm")
    assert external == Rule(column="customer_id", by="external", system="old-crm")
    assert "of which system" in question("customer_id", "C7", kind="contacts")


def test_ids_of_another_system() -> None:
    assert "of which system" in question("客户编号", "C7")
    suggestion = suggested({"客户编号": ["C7"], "名称": ["a"]}, system="old-crm")
    assert suggestion.mapping.external == External(system="old-crm", id=Rule(column="客户编号"))


def test_several_values_booleans_and_spaces() -> None:
    assert rule("标签", "a;b", "c") == Rule(column="标签", split=";")
    assert "what stands between" in question("标签", "a;b,c")
    assert rule("名称", " 云泽 ") == Rule(column="名称", trim=True)
    found = rule("确认不是同一家公司", "是", "否")
    assert found is not None
    assert found.values == {"是": True, "否": False}


def test_values_alone_are_a_suggestion_that_is_asked_about() -> None:
    mails = suggested({"列1": ["li@example.com", "wang@example.com"]}, "contacts")
    assert fields(mails) == {"列1": "email"}
    assert said(mails)[0] == "列1: is it email? its values are such"
    phones = suggested({"列1": ["13800000001", "13900000002"]}, "contacts")
    assert fields(phones) == {"列1": "phone"}
    codes = suggested({"列1": ["软件业", "制造业"]})
    assert fields(codes) == {"列1": "industry"}
    assert fields(suggested({"列1": ["软件业"]})) == {"列1": None}, "one value says nothing"
    two = suggested({"a": ["li@x.cn", "wu@x.cn"], "b": ["li@y.cn", "wu@y.cn"]}, "contacts")
    assert set(fields(two).values()) == {None}
    assert said(two)[0] == "a: its values may be email"


def test_a_column_without_a_field_is_named_and_kept_where_that_is_asked_for() -> None:
    columns = {"名称": ["a"], "传真": ["1"], "Fax no.": ["2"], "!": ["3"]}
    assert said(suggested(columns)) == ["no field was found for “传真”, “Fax no.”, “!”"]
    kept = suggested(columns, custom=True)
    assert list(fields(kept).values()) == [
        "name",
        "custom.chuan_zhen",
        "custom.fax_no",
        "custom.column_4",
    ]
    assert said(kept) == []
    for_users = suggested({"列": ["1"]}, "users", custom=True)
    assert said(for_users)[-1] == "no field was found for “列”"


def test_a_column_called_reason_is_only_an_imports_own_beside_its_line() -> None:
    assert said(suggested({"名称": ["a"], "reason": ["b"]})) == ["no field was found for “reason”"]
    assert said(suggested({"line": ["2"], "reason": ["b"], "名称": ["a"]})) == []


def test_where_most_values_would_be_refused_it_is_asked_about() -> None:
    assert question("电话", "1", "2", "95588") == "would be refused: “1”, “2”"
    assert said(suggested({"名称": ["a"], "电话": ["1", "95588"]})) == []


def test_amounts_that_say_what_they_count_in() -> None:
    assert "in which currency" in question("年收入", "3.2万")
    assert rule("年收入", "3.2万元", "¥1,200.50", "1.2亿") == Rule(
        column="年收入", currency="CNY", decimal="."
    )
    assert "in which currency" in question("年收入", "US$3", "$2")
    heading = "年营业额（万元）"
    assert rule(heading, "12.5", "3") == Rule(column=heading, currency="CNY", times=Decimal(10_000))
    assert rule(heading, "12.5万", "3万") == Rule(column=heading, currency="CNY")
    assert question(heading, "12.5", "3万") == "“3万”: do the others count in that, too?"


def test_a_value_that_can_stand_in_no_such_field_is_no_evidence() -> None:
    assert question("电话", "无", "没有").startswith("none of its values can stand there")


# Hostile headers


HOSTILE = ["", " ", "\0", "=1+1", '=HYPERLINK("http://x")', "+1", "@x", "a\nb", "\x1b[31m", "名"]
HOSTILE += ["x" * 100_000, "名称" * 50_000, "((((", "【", "{a|b}", "\u202e", "\ufeff", "💥"]


@pytest.mark.parametrize("kind", KINDS)
def test_headers_that_say_nothing_fill_nothing(kind: str) -> None:
    suggestion = suggested({name: ["v"] for name in HOSTILE}, kind)
    assert set(fields(suggestion).values()) == {None}
    assert all(column.is_unknown or column.to_decide for column in suggestion.columns)
    assert all(text.isprintable() for text in said(suggestion))


def test_columns_of_one_name_are_all_left_out() -> None:
    asking = Asking(declared(), SHANGHAI)
    suggestion = suggest("customers", ["名称", "名称", ""], [["a", "b", ""]], asking, TEXTS)
    assert [c.field for c in suggestion.columns] == [None, None, None]
    assert said(suggestion)[0] == "名称: several columns are called so"
    assert len(said(suggestion)) == 3, "a column without name and values is missed by nobody"


def test_ten_thousand_columns_are_looked_at_in_seconds() -> None:
    columns = {f"some column of number {n}": ["1", "2"] for n in range(10_000)}
    began = monotonic()
    suggestion = suggested({**columns, "名称": ["a"]})
    assert monotonic() - began < 60
    assert fields(suggestion)["名称"] == "name"
    assert said(suggestion)[0].endswith(" and 9,995 more")


@settings(deadline=None)
@given(
    header=st.lists(st.text(max_size=20), max_size=6, unique=True),
    rows=st.lists(st.lists(st.text(max_size=20), min_size=6, max_size=6), max_size=3),
    kind=st.sampled_from(KINDS),
    custom=st.booleans(),
)
def test_whatever_stands_there_a_suggestion_fits_the_file_and_no_column_is_lost(
    header: list[str], rows: list[list[str]], kind: str, custom: bool
) -> None:
    cells = [row[: len(header)] for row in rows]
    asking = Asking(declared(), SHANGHAI, None, "CNY", "old")
    suggestion = suggest(kind, header, cells, asking, TEXTS, with_custom=custom)
    assert [column.cells.name for column in suggestion.columns] == header
    Plan(suggestion.mapping, header, SHANGHAI)
    loaded = Mapping.model_validate(tomllib.loads(drafted(suggestion.mapping, said(suggestion))))
    assert loaded == suggestion.mapping


# As a file


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
SCALAR = st.one_of(TEXT, st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.booleans())
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "trim": st.booleans(),
        "values": st.dictionaries(TEXT, SCALAR, max_size=3),
        "default": SCALAR,
        "type": st.sampled_from(["text", "integer", "number", "boolean"]),
        "format": TEXT,
        "split": TEXT,
        "currency": TEXT,
        "times": st.decimals(allow_nan=False, allow_infinity=False),
        "by": TEXT,
        "system": TEXT,
        "missing": st.sampled_from(["refuse", "note"]),
    },
)
SOURCE = st.one_of(
    st.fixed_dictionaries({"column": TEXT}),
    st.fixed_dictionaries({"template": st.one_of(TEXT, st.lists(TEXT, max_size=3))}),
    st.fixed_dictionaries({"made": TEXT}),
    st.fixed_dictionaries({"constant": st.one_of(SCALAR, st.lists(SCALAR, max_size=3))}),
)
RULE = st.builds(lambda a, b: Rule.model_validate({**a, **b}), SOURCE, OPTIONS)
RULES = st.dictionaries(TEXT, RULE, max_size=3)
CONDITIONS = st.dictionaries(TEXT, st.one_of(TEXT, st.lists(TEXT, max_size=2)), max_size=2)
STEP = st.builds(
    Step, command=TEXT, fields=RULES, when=CONDITIONS, unless=CONDITIONS, if_differs=st.booleans()
)
ALSO = st.builds(Also, kind=TEXT, name=TEXT, fields=RULES, when=CONDITIONS)
MAPPING = st.builds(
    Mapping,
    kind=TEXT,
    delimiter=st.sampled_from([None, ",", ";", "\t"]),
    encoding=st.none() | TEXT,
    sheet=st.none() | TEXT,
    exported=st.booleans(),
    external=st.none() | st.builds(External, system=TEXT, id=RULE),
    identity=st.none() | RULE,
    occurred_at=st.none() | RULE,
    fields=RULES,
    then=st.lists(STEP, max_size=2),
    also=st.lists(ALSO, max_size=2),
    suspicious=st.lists(st.builds(Suspicion, says=TEXT, unless=CONDITIONS), max_size=2),
    when=CONDITIONS,
)


@settings(deadline=None)
@given(mapping=MAPPING, remarks=st.lists(st.text(max_size=30), max_size=3))
def test_a_written_mapping_loads_back_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, mapping: Mapping, remarks: list[str]
) -> None:
    path = tmp_path_factory.mktemp("drafted") / "m.toml"
    path.write_text(drafted(mapping, remarks), encoding="utf-8")
    assert load(path) == mapping


# Files


def test_a_file_whose_columns_are_called_like_fields_needs_no_suggestion() -> None:
    assert is_plain("customers", ["name", "primary_contact.phone", "custom.x", "occurred_at", ""])
    assert is_plain("customers", ["line", "reason", "name"])
    assert not is_plain("customers", ["name", "nmae"])


@pytest.mark.parametrize(
    ("kind", "file", "expected"),
    [
        (
            "customers",
            "northwind/customers.csv",
            {
                "company_name": "name",
                "contact_name": "primary_contact.name",
                "contact_title": "primary_contact.job_title",
                "phone": "primary_contact.phone",
                "postal_code": "postcode",
                "fax": None,
            },
        ),
        ("customers", "maven-crm/accounts.csv", {"account": "name", "sector": "industry"}),
        (
            "tickets",
            "support-tickets-text/customer_support_tickets.csv",
            {"Ticket Subject": "subject", "Customer Name": "customer_id", "Customer Age": None},
        ),
        ("customers", "telco-churn/Telco-Customer-Churn.csv", {"Contract": None, "gender": None}),
    ],
)
def test_real_files(kind: str, file: str, expected: dict[str, str | None]) -> None:
    path = DATA / file
    if not path.exists():
        pytest.skip(f"the data set {file} is not beside the repository")
    opened = CsvFile(path)
    asking = Asking(declared(), SHANGHAI)
    found = fields(suggest(kind, opened.header, sample(opened), asking, TEXTS))
    assert {name: found[name] for name in expected} == expected
