"""Remarks: kept as key and values, told in the language of whoever reads them."""

import ast
import pickle
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from adapters import registry
from adapters.importing.choosing import WrongHint
from adapters.importing.mapping import BadMapping
from adapters.importing.reasons import Reasons
from adapters.importing.recording import BeingReverted
from adapters.importing.report import Report
from adapters.phrases import places
from adapters.remarks import PROBLEM, Either, Field, Remark, Unread, several
from adapters.texts import LANGUAGES, Texts
from adapters.uploads.telling import in_all, spoken
from aggregates.errors import FieldError, Invalid
from aggregates.opportunity import OpportunityClosed
from tests.test_import_mapping import plan

registry.load()
ROOT = Path(__file__).resolve().parents[1]
TEXTS = Texts()
ALLOWED = re.compile(
    r"\{\w+\}|GET /v1/\S+|--\w[\w-]*|backstory (mapping|import|serve|demo)"
    r"|Backstory|BACKSTORY_\w+|docs/importing\.md"
    r"|MAPPING\.toml|\.xlsx?|encoding = \"gb18030\"|by = \"external\"|2026-03-01T09:00:00"
    r"|\b(CSV|XLSX|TOML|JSON|PDF|ZIP|RAR|7z|gzip|UTF-8|NUL|vCard|END:VCARD|CNY|ISO)\b"
    r"|\b(values|true|false|times|column|template|constant|made|earlier|than|fields|record|then"
    r"|external|in_order|name|also|system|win|lose)\b"
)
"""What is called so in Chinese, too: names of forms, options, keys of mappings, addresses."""


OPTIONAL = re.compile(r"\[\[.*?\]\]")
KEY = re.compile(r"[a-z]+\.[a-z]+(-[a-z]+)*")


def all_texts(language: str) -> dict[str, str]:
    return dict(TEXTS.of(language).remarks)


def used() -> Iterator[tuple[str, frozenset[str] | None]]:
    """Keys that code makes remarks of, with the values that it gives; None: not named there."""
    made = {"Remark", "Unread", "BadMapping", "UnreadableFile"}
    for path in (ROOT / "adapters").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in made:
                names = [keyword.arg for keyword in node.keywords]
                for text in ast.walk(node.args[0]) if node.args else ():
                    if isinstance(text, ast.Constant) and KEY.fullmatch(str(text.value)):
                        values = frozenset(name for name in names if name is not None)
                        yield str(text.value), values if len(values) == len(names) else None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_place_of_a_text_gets_a_value(language: str) -> None:
    texts = {key: OPTIONAL.sub("", text) for key, text in all_texts(language).items()}
    given = [(key, values) for key, values in used() if values is not None]
    lacking = {key: places(texts[key]) - values - {"said"} for key, values in given}
    assert {key: names for key, names in lacking.items() if names} == {}


CODE = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "adapters").rglob("*.py"))


def test_every_key_that_code_says_is_there() -> None:
    known = all_texts("en").keys()
    sections = "|".join({key.partition(".")[0] for key in known})
    whole = set(re.findall(rf'"((?:{sections})\.[a-z]+(?:-[a-z]+)*)"', CODE))
    ends = set(re.findall(r'(?:leave_out|_undecided)\(\s*"([a-z-]+)"', CODE))
    assert len(ends) > 10
    whole |= {key for key, _ in used()} | {f"decide.{end}" for end in ends}
    assert sorted(whole - known) == []


def test_no_text_is_left_that_nobody_says() -> None:
    """Keys stand in the code whole, or as the end of one that is put together there."""
    silent = []
    for key in all_texts("en"):
        end = key.partition(".")[2]
        ends = (key, end, end.removeprefix("more-"), end.removeprefix("by-"))
        if not any(f'"{one}"' in CODE for one in ends):
            silent.append(key)
    assert silent == []


def test_no_english_word_is_left_in_a_chinese_text() -> None:
    left = {
        key: re.findall(r"[A-Za-z]{2,}", ALLOWED.sub("", t)) for key, t in all_texts("zh").items()
    }
    assert {key: words for key, words in left.items() if words} == {}


def test_a_remark_is_told_in_both_languages() -> None:
    remark = Remark(
        "rows.no-record", kinds=Either([Remark("rows.kind", kind="Customer")]), text="甲"
    )
    assert TEXTS.told(remark, "zh") == "没有客户“甲”"
    assert TEXTS.told(remark, "en") == str(remark) == "there is no customer '甲'"


def test_somebodys_own_words_are_the_same_in_every_language() -> None:
    both = several(("resolved too early", Remark("rows.out-of-time")))
    assert TEXTS.told("resolved too early", "zh") == "resolved too early"
    assert TEXTS.told(both, "zh") == "resolved too early；时间早于同一记录前面的行"


def test_a_field_is_called_by_its_label_its_name_and_its_column() -> None:
    phone = Remark("field.wrong", field=Field("Customer", "phone", "总机"), said=Remark("phone"))
    assert TEXTS.told(phone, "zh") == "电话（phone，列“总机”）：不是有效的电话号码"
    same = Remark("field.wrong", field=Field("Customer", "phone", "电话"), said=Remark("phone"))
    assert TEXTS.told(same, "zh") == "电话（phone）：不是有效的电话号码"
    custom = Remark("field.wrong", field=Field("Customer", "custom.x"), said=Remark("phone"))
    assert TEXTS.told(custom, "zh") == "custom.x：不是有效的电话号码"


def test_what_stands_in_a_file_is_shown_on_one_line_and_not_whole() -> None:
    remark = Remark("cells.no-date", text="a\x1b[31m\n" + "b" * 500)
    said = TEXTS.told(remark, "zh")
    assert said.isprintable()
    assert len(said) < 150


def test_a_refusal_by_a_rule_and_wrong_fields_are_told_as_the_service_does() -> None:
    reasons = Reasons(plan(["c"], fields={"name": "c"}))
    closed = reasons.of(OpportunityClosed())
    assert closed.key == PROBLEM + "opportunity-closed"
    assert TEXTS.told(closed, "zh") == TEXTS.problem("opportunity-closed", "zh")[1]
    wrong = Invalid(
        FieldError("phone", "phone"), Unread("cells.no-date", text="x").remark.of("founded_on")
    )
    assert TEXTS.told(reasons.of(wrong), "zh") == (
        "电话（phone）：不是有效的电话号码；成立日期（founded_on）：“x”不是 2026-03-01 这样的日期"
    )


def test_remarks_travel_between_processes_and_are_small() -> None:
    remark = Remark("rows.part", part="person").about(Remark("cells.no-date", text="x"))
    errors = (BadMapping("mapping.nested", path="m"), WrongHint("currency", "x"))
    for one in (remark, Unread("cells.no-date", text="x"), *errors, BeingReverted(UUID(int=0))):
        copy = pickle.loads(pickle.dumps(one))
        assert (type(copy), str(copy)) == (type(one), str(one))
    assert pickle.loads(pickle.dumps(remark)) == remark
    assert len(pickle.dumps(remark)) < 300
    report = Report()
    assert TEXTS.told(pickle.loads(pickle.dumps(report)).sum, "zh").startswith("共读取 0 行")


def test_what_is_kept_can_be_read_in_both_languages_and_so_can_an_old_text() -> None:
    kept: Any = {
        "problem": in_all(Remark("upload.unexpected"), TEXTS),
        "first": ["too old", 3, None],
    }
    kept = orjson.loads(orjson.dumps(kept))
    assert spoken(kept, "zh") == {
        "problem": "发生了意外错误，已记入日志",
        "first": ["too old", 3, None],
    }
    assert str(spoken(kept, "en")["problem"]).startswith("something unexpected")


def test_the_files_of_texts_are_in_one_order() -> None:
    """So that a reader can lay one beside the other."""
    both = [
        tomllib.loads((ROOT / f"adapters/importing/remarks.{language}.toml").read_text("utf-8"))
        for language in LANGUAGES
    ]
    assert [[*one] for one in both[0].values()] == [[*one] for one in both[1].values()]
