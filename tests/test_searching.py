"""What a row is found by and what is asked for: folding, pieces, sounds, numbers."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from unicodedata import normalize
from uuid import UUID

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aggregates.values import ExternalId, FreeText, Phone, Text
from projections.base import Row
from projections.searching import phones
from projections.searching.asked import Asked, asked, matched, place
from projections.searching.characters import folded, without_last_form
from projections.searching.lines import FORMAT, of_name
from projections.searching.pieces import pieces
from projections.searching.pinyin import initials, readings, syllables

EXAMPLES = Path(__file__).parents[2] / "shared/data/phone/examples.mobile.json"


class KnownRow(Row, table="known"):
    searched = ("name", "aliases", "phone", "notes", "external")

    name: Text = ""
    aliases: tuple[str, ...] = ()
    phone: Phone | None = None
    notes: FreeText | None = None
    external: ExternalId | None = None


def known(**fields: Any) -> KnownRow:
    blank = KnownRow(id=UUID(int=1))
    return followed(blank, blank.updated(**fields))


def followed(before: KnownRow, after: KnownRow) -> KnownRow:
    assert after.searching is not None
    after.searching.follow(before, after)
    return after


def now(row: KnownRow) -> str:
    return vars(row)["found_by"] or ""


def before(row: KnownRow) -> str:
    return vars(row)["was_found_by"] or ""


def finds(row: KnownRow, typed: str) -> bool:
    wish = asked(typed)
    return wish is not None and all(any(p.is_in(now(row)) for p in t) for t in wish.terms)


def parsed(typed: str) -> Asked:
    wish = asked(typed)
    assert wish is not None
    return wish


# Folding


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＢＣ－１２３", "abc123"),
        ("瀋陽龍發國際", "沈阳龙发国际"),
        ("École de Zürich", "ecoledezurich"),
        ("STRASSE", "straße"),
        ("（绍兴）", "绍兴"),
        ("O’Reilly & Söhne", "oreillysohne"),
        ("衞生", "卫生"),
        ("한국", "한국"),
        ("㈱ﾄﾖﾀ", "株トヨタ"),
    ],
)
def test_spellings_of_the_same_are_folded_alike(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@given(st.text(), st.text())
def test_a_part_of_a_text_is_folded_as_it_is_in_the_whole(one: str, other: str) -> None:
    """But for signs that only together make a character, which typing never parts."""
    assume(normalize("NFC", one + other) == one + other)
    assert folded(one + other) == folded(one) + folded(other)


@given(st.text())
def test_folding_is_done_at_once_and_leaves_nothing_private(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert "\n" not in once
    assert "\x01" not in once
    assert not any("\ue000" <= c <= "\uf8ff" for c in once)


def test_a_legal_form_is_no_part_of_what_is_asked_for_unless_it_is_all() -> None:
    assert without_last_form("华为技术有限公司") == "华为技术"
    assert without_last_form("有限公司") == "有限公司"
    assert [t[0].text for t in parsed("华为 有限公司").terms] == ["华为"]
    assert [t[0].text for t in parsed("Acme Co., Ltd.").terms] == ["acme"]
    assert parsed("有限公司").is_of_legal_forms
    assert parsed("公司").is_of_legal_forms
    assert not parsed("途畅公司").is_of_legal_forms


def test_an_index_is_never_asked_for_the_inside_of_a_legal_form_alone() -> None:
    assert pieces("科技有限公司").whole == ("科技", "技有")
    assert pieces("限公").whole == ("限公",)
    assert pieces("a有限").beginnings == ("a有",)
    assert pieces("华").beginnings == ("华",)
    assert pieces("\nkh20").whole == ("\nkh", "kh2", "h20")


def test_no_line_is_asked_for_by_the_end_that_most_names_share() -> None:
    for typed in ("限", "司", "有", "公", "任", "限责", "华为", "有限公司", "x"):
        for part in parsed(typed).exact:
            assert part.pieces.whole not in (("司\n",), ("伙\n",)), typed


def test_long_parts_ask_for_few_pieces() -> None:
    assert len(pieces("".join(map(chr, range(0x4E00, 0x4EC0)))).whole) <= 16


def test_a_long_number_is_asked_for_by_its_end_as_numbers_begin_alike() -> None:
    assert pieces("kh2026939233").whole == ("233", "923", "392", "939", "693")
    assert pieces("\n8613812345678\n").whole == ("78\n", "678", "567", "456", "345")
    assert pieces("\n786158\n").whole == ("58\n", "158", "615", "861", "786")
    assert pieces("1111111").whole == ("111",)
    assert pieces("13812345678再打").whole[-1] == "再打"


# Sounds


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("huawei", "华为技术"),
        ("huaweijishu", "华为技术"),
        ("hwjs", "华为技术"),
        ("huawjs", "华为技术"),
        ("huaw", "华为技术"),
        ("weiji", "华为技术"),
        ("chongqing", "重庆学立方"),
        ("xiamen", "厦门一慈"),
        ("changchun", "长春一汽"),
        ("xian", "西安银桥"),
        ("zhangwei", "张伟"),
        ("lvshi", "律师"),
        ("nvzhuang", "女装"),
        ("shanxiaole", "单晓乐"),
        ("sxl", "单晓乐"),
        ("zengle", "曾乐"),
        ("danxiaole", "单晓乐"),
    ],
)
def test_names_are_found_by_their_sound(typed: str, name: str) -> None:
    assert finds(known(name=name), typed)


@pytest.mark.parametrize("typed", ["huawai", "hwjx", "weihua", "zzz", "vv"])
def test_other_sounds_are_not_found(typed: str) -> None:
    assert not finds(known(name="华为技术"), typed)


def test_sounds_are_one_sign_for_each_character() -> None:
    sounds = syllables("华为ab技术")
    assert len(sounds) == len(initials(sounds)) == 4
    assert list(of_name("Acme")) == ["acme"]


def test_an_unfinished_syllable_narrows_what_is_looked_up_by_its_pairs() -> None:
    wish = asked("chunli")
    assert wish is not None
    [narrowed] = [part for part in wish.terms[0] if len(part.text) == 2]
    [pairs] = narrowed.pieces.either
    assert {syllables(name) for name in ("春丽", "纯亮", "春林")} <= set(pairs)
    assert syllables("春华") not in pairs


def test_whatever_letters_are_typed_there_are_few_readings() -> None:
    for letters in ("a" * 60, "xian" * 15, "zhuangshuang" * 5, "b" * 60):
        assert len(readings(letters)) <= 5
    assert readings("x" * 200) == []


# Numbers


def test_the_short_way_to_international_digits_is_the_same_as_the_long_one() -> None:
    for text in (
        "13812345678",
        "+86 138-1234 5678",
        "0086 13812345678",
        "８６１９９１２３４５６７８",
    ):
        long = phonenumbers.parse(text, "CN")
        national = phonenumbers.format_number(long, phonenumbers.PhoneNumberFormat.E164)
        assert phones.lines(text) == (national.removeprefix("+"),)


def test_every_number_is_found_in_five_notations() -> None:
    if not EXAMPLES.exists():
        pytest.skip("the examples of every region are not beside this checkout")
    forms = phonenumbers.PhoneNumberFormat
    for region, national in json.loads(EXAMPLES.read_text("utf-8")).items():
        number = phonenumbers.parse(national, region)
        row = known(phone=phonenumbers.format_number(number, forms.INTERNATIONAL))
        e164 = phonenumbers.format_number(number, forms.E164)
        for typed in (
            e164,
            phonenumbers.format_number(number, forms.INTERNATIONAL).replace(" ", "-"),
            phonenumbers.format_number(number, forms.NATIONAL),
            phonenumbers.format_number(number, forms.RFC3966),
            "00" + e164[1:],
            e164[1:],
            e164.translate({ord("0") + n: chr(0xFF10 + n) for n in range(10)}),
        ):
            assert finds(row, typed), (region, typed, row)


@pytest.mark.parametrize(
    ("entered", "typed"),
    [
        ("010-62581234", "+86 10 6258 1234"),
        ("010-62581234", "62581234"),
        ("010-62581234", "01062581234"),
        ("010-62581234转801", "010 6258 1234"),
        ("010-62581234转801", "010-62581234 转 801"),
        ("138 1234 5678", "(138) 1234-5678"),
        ("13812345678", "12345678"),
        ("400-820-8820", "4008208820"),
        ("+1 201 555 0123", "(201) 555-0123"),
        ("010-62581234-8001", "+86 10 6258 1234"),
        ("010-62581234-8001", "010-62581234转8001"),
        ("010-62581234转8001", "010-62581234-8001"),
        ("010-62581234-8001", "62581234-8001"),
        ("400-820-8820-8001", "4008208820"),
        ("95588", "95588"),
        ("95588", "+86 95588"),
        ("95588转1", "９５５８８"),
        ("12345", "12345"),
    ],
)
def test_a_number_is_found_however_it_was_entered(entered: str, typed: str) -> None:
    assert finds(known(phone=entered), typed)


# Rows


def test_what_a_row_was_found_by_before_is_kept() -> None:
    first = known(name="老名字", phone="13812345678")
    renamed = followed(first, first.updated(name="新名字"))
    assert now(renamed) == now(known(name="新名字", phone="13812345678"))
    assert "老名字" in before(renamed)
    assert "8613812345678" not in before(renamed)
    back = followed(renamed, renamed.updated(name="老名字"))
    assert now(back) == now(first)
    assert "老名字" not in before(back)
    assert "新名字" in before(back)


def test_nothing_is_folded_where_no_searched_field_changed() -> None:
    first = known(name="名字")
    after = followed(first, first.updated(version=7))
    assert now(after) is now(first)


def test_hidden_fields_are_no_fields() -> None:
    assert KnownRow.hidden.keys() == {"found_by", "was_found_by"}
    assert not KnownRow.fields.keys() & KnownRow.hidden.keys()
    assert "found_by" not in repr(known(name="名字"))


def test_only_fields_can_be_searched() -> None:
    with pytest.raises(TypeError, match="nmae"):

        class Misspelt(Row, table="misspelt"):
            searched = ("nmae",)


def test_the_field_that_matched_is_named() -> None:
    row = known(
        name="华为技术",
        phone="010-62581234",
        notes="在展会上认识的",
        external=ExternalId(system="erp", id="C-77"),
        aliases=("菊厂", "HW Ltd"),
    )
    expected = {
        "华为": "name",
        "hwjs": "name",
        "62581234": "phone",
        "展会": "notes",
        "c77": "external",
        "菊": "aliases",
    }
    for typed, field in expected.items():
        found = matched(parsed(typed), row.searching, row)  # type: ignore[arg-type]
        assert found is not None, typed
        assert found[0] == field, typed


def test_the_place_in_a_long_text_is_found() -> None:
    text = "Ｘ．" * 50 + "（關於）發票" + "y" * 50
    assert text[place(parsed("发票"), text) :].startswith("發票")
    assert place(parsed("nothing"), text) == 0


@pytest.mark.parametrize("typed", ["", " ", "%", "___", "'; --", "\\", "\u200b", "。。"])
def test_signs_that_spell_nothing_ask_for_nothing(typed: str) -> None:
    assert asked(typed) is None


@given(st.text(max_size=200))
def test_whatever_is_typed_is_understood(typed: str) -> None:
    wish = asked(typed)
    assert wish is None or all(term for term in wish.terms)


def test_another_outcome_needs_another_format() -> None:
    """A change of what lines come out must raise ``FORMAT``, or old tables are taken for good."""
    row = known(
        name="重慶長安汽車股份有限公司（Ｂ）",
        phone="+44 7400 123456",
        notes="Ünïcode 發",
        aliases=("银行", "ß"),
        external=ExternalId(system="erp", id="C-77"),
    )
    plain = "".join(c for c in now(row) if not "\ue000" <= c <= "\uf8ff")
    digest = sha256(plain.encode()).hexdigest()[:12]
    assert (FORMAT[0], digest) == (3, "6a319ad7b21e")
