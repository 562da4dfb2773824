"""Matching: what looks the same, what does not, and that no comparison depends on an order."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.matching.keys import LONGEST, MOST_SHARED, keys
from projections.matching.names import LONG, company_name, person_name
from projections.matching.pairs import candidates, pairs
from projections.matching.profiles import Profile, company, e164, person
from projections.matching.scoring import THRESHOLD, WORTH, score
from tests.febrl import FEBRL, true_pairs
from tests.febrl import persons as persons_of
from tests.strategies import CHARACTERS, EMAILS, PHONES

NAMES = Path(__file__).parents[2] / "shared" / "data" / "company-names-cn" / "company_demo.txt"
YUNFAN = "杭州云帆科技有限公司"

ALIKE = [
    (YUNFAN, "杭州云帆科技股份有限公司", "form"),
    (YUNFAN, "杭州市云帆科技有限公司", "form"),
    (YUNFAN, "云帆科技（杭州）有限公司", "form"),
    (YUNFAN, "浙江云帆科技有限公司", "form"),
    (YUNFAN, "云帆科技有限公司", "place"),
    (YUNFAN, "杭州雲帆科技有限公司", "same"),
    (YUNFAN, "杭州云帆科技有限责任公司", "same"),
    (YUNFAN, "杭州 云帆科技 有限公司。", "same"),
    ("臺灣積體電路製造股份有限公司", "台湾积体电路制造股份有限公司", "same"),
    ("音影先锋资源管理有限公司", "音影先峰资源管理有限公司", "slip"),
    ("Acme Trading Co., Ltd.", "ACME TRADING Limited", "form"),
    ("Hangzhou Yunfan Technology Co Ltd", "Yunfan Technology Inc", "place"),
]
UNLIKE = [
    (YUNFAN, "杭州云帆科技有限公司上海分公司", "branch"),
    ("杭州云帆科技有限公司北京分公司", "杭州云帆科技有限公司上海分公司", "branch"),
    (YUNFAN, "上海云帆科技有限公司", "elsewhere"),
    (YUNFAN, "云帆科技(上海)有限公司", "elsewhere"),
    (YUNFAN, "宁波云帆科技有限公司", "elsewhere"),
    (YUNFAN, "杭州云帆餐饮管理有限公司", "trade"),
    (YUNFAN, "云帆", "short"),
    (YUNFAN, "杭州云达科技有限公司", "differs"),
    ("南京钛擎信息科技有限公司", "南京钛金信息科技有限公司", "differs"),
]


@pytest.mark.parametrize(("one", "other", "level"), ALIKE)
def test_companies_that_look_the_same_by_name_alone(one: str, other: str, level: str) -> None:
    found = score(company(one), company(other))
    assert [r.level for r in found.reasons] == [level]
    assert found.value >= THRESHOLD
    assert keys(company(one)) & keys(company(other))


@pytest.mark.parametrize(("one", "other", "level"), UNLIKE)
def test_companies_that_do_not(one: str, other: str, level: str) -> None:
    found = score(company(one), company(other))
    assert [r.level for r in found.reasons] == [level]
    assert found.value < THRESHOLD


def test_a_branch_and_another_place_lower_the_score_below_another_legal_form() -> None:
    form, place, branch = (
        score(company(YUNFAN), company(other)).value
        for other in (
            "杭州云帆科技股份有限公司",
            "上海云帆科技有限公司",
            "杭州云帆科技有限公司上海分公司",
        )
    )
    assert form > 0.9 > 0.1 > place > branch


def test_what_else_agrees_lifts_a_short_name_and_another_trade() -> None:
    known = company(YUNFAN, phones=["0571-8765 4321"], address="杭州市西湖区文三路 100 号")
    short = company("云帆", phones=["+86 571 87654321"])
    other = company("杭州云帆信息技术有限公司", address="文三路100号")
    assert score(known, short).value > 0.99
    assert score(known, other).value > score(company(YUNFAN), other).value


def test_two_companies_at_one_switchboard_are_not_the_same_for_that() -> None:
    one, other = (company(n, phones=["0571-87654321"]) for n in (YUNFAN, "宁波甬江纺织有限公司"))
    assert keys(one) & keys(other)
    assert score(one, other).value < THRESHOLD


def test_a_mailbox_at_a_public_host_is_shared_by_all_and_one_of_its_own_by_a_company() -> None:
    public = [company(emails=[f"{n}@163.com"]) for n in "ab"]
    own = [company(emails=[f"{n}@yunfan.cn"]) for n in "ab"]
    assert not keys(public[0]) & keys(public[1])
    assert keys(own[0]) & keys(own[1])
    assert [r.field for r in score(*own).reasons] == ["email", "website"]


def test_the_120_company_names_are_120_companies() -> None:
    if not NAMES.exists():
        pytest.skip("the company names of ../shared/data are not here")
    names = dict.fromkeys(NAMES.read_text("utf-8").split())
    assert len(names) >= 120
    assert not list(pairs({name: company(name) for name in names}))


def test_names_in_parts() -> None:
    parts = company_name("常州途畅互联网科技有限公司合肥分公司")
    assert (parts.brand, parts.trade, parts.branch) == ("途畅", "互联网科技", "合肥")
    assert parts.places == {"常州"}
    assert company_name("金星啤酒有限公司").brand == "金星啤酒"
    assert company_name("北京银行").brand == "银行", "something is always left"


def test_every_notation_of_a_number_is_one_number() -> None:
    notations = ("13812345678", "138-1234-5678", "+86 138 1234 5678", "１３８１２３４５６７８")
    assert {e164(n) for n in notations} == {"+8613812345678"}
    assert e164("0571-8765 4321 转 12") == "+8657187654321;12"
    assert e164("0571-87654321-12") == e164("+86 571 8765 4321 ext. 12") == "+8657187654321;12"
    assert e164("400-820-8820-1") == "+864008208820;1"
    assert e164("95588") == e164("+86 95588") == "+8695588"
    assert e164("no number") is e164(None) is e164("") is None


def test_persons_are_more_than_their_names() -> None:
    one = person("王芳", birthday=date(1990, 3, 1))
    assert score(person("王芳"), person("王芳")).value < THRESHOLD, "there are very many"
    assert score(one, person("王芳", birthday=date(1990, 3, 1))).value == 1
    assert score(one, person("王芳", birthday=date(1990, 1, 3))).value > THRESHOLD
    assert score(one, person("王芳", birthday=date(1971, 12, 24))).value < 0.2
    assert person_name("Li, Ming") == person_name("ming LI")


def test_a_key_that_very_many_share_makes_no_pairs() -> None:
    def at_one_number(count: int) -> dict[int, Profile]:
        return {n: company(f"第{n}号公司", phones=["0571-87654321"]) for n in range(count)}

    assert len(candidates(at_one_number(MOST_SHARED))) == MOST_SHARED * (MOST_SHARED - 1) / 2
    assert not candidates(at_one_number(MOST_SHARED + 1))


texts = st.one_of(st.none(), st.text(CHARACTERS, max_size=30), st.sampled_from([YUNFAN, "李 明"]))
birthdays = st.none() | st.dates(date(1900, 1, 1), date(2199, 12, 31))
phones = st.lists(st.sampled_from(PHONES) | st.text(CHARACTERS, max_size=20), max_size=3)
emails = st.lists(st.sampled_from(EMAILS) | st.text(CHARACTERS, max_size=20), max_size=3)
companies = st.builds(
    company,
    texts,
    short_name=texts,
    phones=phones,
    emails=emails,
    website=texts | st.sampled_from(["https://www.Yunfan.cn/", "yunfan.cn", "http://["]),
    address=texts,
    postcode=texts,
    founded_on=birthdays,
    people=st.lists(texts, max_size=3),
)
persons = st.builds(
    person,
    texts,
    phone=st.none() | st.sampled_from(PHONES),
    email=st.none() | st.sampled_from(EMAILS),
    address=texts,
    birthday=birthdays,
)


@given(st.tuples(companies, companies) | st.tuples(persons, persons))
def test_a_score_is_a_probability_whichever_comes_first(both: tuple[Profile, Profile]) -> None:
    one, other = both
    found = score(one, other)
    assert 0 <= found.value <= 1
    assert found == score(other, one)


@given(companies | persons)
def test_what_is_identical_and_says_enough_is_the_same(profile: Profile) -> None:
    found = score(profile, profile)
    assert all(reason.bits > 0 for reason in found.reasons)
    says_enough = profile.company_names or profile.phones or profile.emails
    if says_enough:
        assert found.value == 1
        assert keys(profile)


@given(companies, companies)
def test_blocking_never_separates_what_shares_a_number_or_a_mailbox(
    one: Profile, other: Profile
) -> None:
    if one.phones & other.phones or one.emails & other.emails or one.domains & other.domains:
        assert keys(one) & keys(other)


@given(st.text("云帆途畅互联先锋资源航远利博优美", min_size=LONG, max_size=LONGEST), st.data())
def test_blocking_finds_a_long_name_in_spite_of_a_slip(brand: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(brand) - 1))
    other = brand[:at] + data.draw(st.sampled_from(["", "错", brand[at] * 2])) + brand[at + 1 :]
    assert keys(company(brand)) & keys(company(other))


@pytest.mark.skipif(not FEBRL.exists(), reason="the persons of ../shared/data/febrl are not here")
@pytest.mark.parametrize(("dataset", "count"), [("dataset1.csv", 500), ("dataset2.csv", 1934)])
def test_duplicates_among_persons_of_febrl_are_found(
    dataset: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    profiles = {record: person(**known) for record, known in persons_of(dataset).items()}
    true = true_pairs(profiles)
    assert len(true) == count
    compared, found = candidates(profiles), {pair for pair, _ in pairs(profiles)}
    precision, recall = len(found & true) / len(found), len(found & true) / len(true)
    f1 = 2 * precision * recall / (precision + recall)
    with capsys.disabled():
        print(
            f"\nfebrl {dataset}: {len(compared):,} pairs compared, precision {precision:.4f},"
            f" recall {recall:.4f}, F1 {f1:.4f}"
        )
    assert len(compared & true) / len(true) > 0.99, "blocking loses next to nothing"
    assert f1 > 0.98


def test_every_level_that_speaks_for_is_worth_more_than_the_one_below() -> None:
    for worth in WORTH.values():
        values = list(worth.values())
        assert values[0] == max(values)
        assert worth.get("differs", 0) <= 0
