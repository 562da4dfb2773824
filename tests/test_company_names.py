"""Company names: which spellings are one name, which names are two, and what is a short name."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.company_names import canonical, has_legal_form, names_nothing, stem

DATA = Path(__file__).parents[2] / "shared" / "data" / "company-names-cn"

SAME = [
    ("上海晨光电子有限公司", "上海晨光电子有限责任公司"),
    ("上海晨光电子有限公司", "上海 晨光电子　有限公司"),
    ("上海晨光电子有限公司", "上海晨光电子有限公司。"),
    ("上海晨光电子有限公司", "上海晨光\u200b电子有限公司"),
    *(
        ("上海晨光电子有限公司", f"上海晨光电子有限公司{c}")
        for c in "\u202c\u2069\u061c\u2028\ufe0f\u3164"
    ),
    ("华为技术(中国)有限公司", "华为技术（中国）有限公司"),
    ("华为技术(中国)有限公司", "华为技术【中国】有限公司"),
    ("华为技术(中国)有限公司", "华为技术 〔中国〕 有限责任公司"),
    ("Acme Co., Ltd.", "ACME CO.,LTD"),
    ("Acme Co., Ltd.", "Acme Company Limited"),
    ("Acme Co., Ltd.", "Acme Co Ltd"),
    ("Acme Co., Ltd.", "ＡＣＭＥ Ｃｏ．， Ｌｔｄ．"),
    ("Acme Co., Ltd.", "acme  co. limited"),
    ("Acme Ltd", "Acme Limited"),
    ("Acme Inc.", "Acme, Incorporated"),
    ("Acme Corp.", "Acme Corporation"),
    ("Foo LLC", "Foo L.L.C."),
    ("Straße GmbH", "STRASSE GMBH"),
]
DIFFERENT = [
    ("上海晨光电子有限公司", "上海晨光电子股份有限公司"),
    ("上海晨光电子有限公司", "上海晨光电子集团有限公司"),
    ("上海晨光电子有限公司", "北京晨光电子有限公司"),
    ("上海晨光电子有限公司", "上海晨光电子"),
    ("百度网讯科技有限公司", "百度网讯科技有限公司上海分公司"),
    ("百度网讯科技有限公司上海分公司", "百度网讯科技有限公司北京分公司"),
    ("华为技术有限公司", "华为技术(中国)有限公司"),
    ("Acme Ltd", "Acme Co., Ltd."),
    ("Acme Inc.", "Acme Ltd"),
    ("Acme Inc.", "Acme"),
    ("Telco Ltd", "Tel Co., Ltd."),
    ("Pinc", "P Inc"),
    ("Acme (Shanghai) Ltd", "Acme Ltd"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_name_are_equal(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)
    assert stem(one) == stem(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_form_place_and_branch_make_different_names(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("上海晨光电子有限公司", "上海晨光电子"),
        ("上海晨光电子股份有限公司", "上海晨光电子"),
        ("上海晨光电子集团股份有限公司", "上海晨光电子"),
        ("上海晨光电子集团", "上海晨光电子"),
        ("甲企业(有限合伙)", "甲企业"),
        ("甲企业（特殊普通合伙）", "甲企业"),
        ("Acme Co., Ltd.", "ACME"),
        ("Visa Inc.", "VISA"),
        ("Siemens AG", "siemens"),
        ("Société Générale S.A.", "société générale"),
        ("晨光Ltd", "晨光"),
    ],
)
def test_the_stem_is_the_name_without_its_form(name: str, short: str) -> None:
    assert stem(name) == stem(short) == canonical(short)
    assert has_legal_form(name)
    assert not has_legal_form(short)


@pytest.mark.parametrize(
    "name",
    [
        "VISA",
        "NASA",
        "Volag",
        "Tesco",
        "Inca",
        "Inc",
        "SA",
        "有限公司",
        "公司",
        "...",
        "。",
        "(有限合伙)",
    ],
)
def test_what_only_ends_like_a_form_is_none(name: str) -> None:
    assert stem(name) == canonical(name) != ""
    assert not has_legal_form(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "公司",
            "有限公司",
            "（有限公司）",
            "有限责任公司",
            "分公司",
            "(有限合伙)",
            "集团股份有限公司。",
        ),
        *("、、", "...", "Ltd", "Co., Ltd.", "\u202c公司", "-"),
    ],
)
def test_a_legal_form_and_punctuation_name_nobody(name: str) -> None:
    assert names_nothing(name)


@pytest.mark.parametrize(
    "name", ["晨", "7", "🍎", "晨公司", "A Ltd", "X.", "Visa", "Salt", "公司A"]
)
def test_whatever_else_is_a_name(name: str) -> None:
    assert not names_nothing(name)


def test_a_branch_is_not_the_short_name_of_its_company() -> None:
    branch = "百度网讯科技有限公司上海分公司"
    assert stem(branch) == canonical(branch)


@given(st.text(min_size=1, max_size=300))
def test_every_text_has_a_canonical_form_and_keeps_it(text: str) -> None:
    assert canonical(text) != ""
    assert canonical(text) == stem(text) or canonical(text).startswith(stem(text))
    assert canonical(unicodedata.normalize("NFKC", text)) == canonical(text)


def test_real_names_stay_apart_and_say_their_form() -> None:
    if not DATA.exists():
        pytest.skip("the company names of ../shared/data are not here")
    lines = (DATA / "company_demo.txt").read_text("utf-8").splitlines()
    names = {line.split()[0] for line in lines if line.strip()}
    assert len(names) > 100
    assert len({canonical(name) for name in names}) == len(names)
    forms = [n for n in names if n.endswith(("公司", "合伙)", "合伙）")) and "分公司" not in n]
    assert len(forms) > 80
    assert [name for name in forms if not has_legal_form(name)] == []
