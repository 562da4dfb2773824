"""vCards are imported as contacts with nothing but their file."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.cli import main
from adapters.importing.choosing import Hints, chosen, suggested
from adapters.importing.coding import declared
from adapters.importing.mapping import External, Mapping, Rule
from adapters.importing.sources import FOUND_OUT
from adapters.importing.suggesting import Suggestion
from tests.importing import SECRET, counts, imported, opened, rows, write_csv

SHANGHAI = ZoneInfo("Asia/Shanghai")
CARDS = """BEGIN:VCARD
VERSION:3.0
UID:u-1
N:张;三;;;
FN:张三
ORG:北屿机械有限公司;销售部
TITLE:经理
TEL;TYPE=CELL:13800000001
TEL;TYPE=WORK:010-62581234
EMAIL:zhang@example.com
EMAIL:zhang@example.org
ADR:;;中山路1号\\n二楼;上海;;;
BDAY:19800321
NOTE:喜欢茶
END:VCARD
BEGIN:VCARD
VERSION:3.0
UID:u-2
FN:李四
ORG:没有这家公司
TEL;TYPE=CELL:13800000002
BDAY:1604-04-12
END:VCARD
"""


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    path = tmp_path / "contacts.vcf"
    path.write_text(CARDS, encoding="utf-8")
    return path


def of(cards: Path, kind: str = "contacts", **hints: object) -> Suggestion:
    return suggested(kind, cards, Hints(**hints), declared, SHANGHAI)  # type: ignore[arg-type]


def test_an_address_book_is_in_with_one_command(
    cards: Path,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BACKSTORY_DATABASE_URL", database_url)
    monkeypatch.setenv("BACKSTORY_SECRET", SECRET)
    companies = write_csv(tmp_path / "c.csv", [["name"], ["北屿机械有限公司"]])
    with opened(database_url) as backstory:
        imported(backstory, "customers", companies)
    with pytest.raises(SystemExit) as ended:
        main(["import", "contacts", str(cards)])
    out = capsys.readouterr().out
    assert not ended.value.code
    assert "2 rows read = 2 created" in out
    assert "To decide" not in out
    assert re.search(r"note is not imported: 喜欢茶\n +no field of a contact", out)
    assert "没有这家公司" in out.split("2 rows read")[1], "who is without a customer is reported"
    with opened(database_url) as backstory:
        [customer] = rows(backstory, "customers").values()
        found = {row.name: row for row in rows(backstory, "contacts").values()}
    zhang, li = found["张三"], found["李四"]
    assert (zhang.customer_id, zhang.phone, zhang.email) == (
        customer.id,
        "010-62581234",
        "zhang@example.com",
    )
    assert (zhang.job_title, zhang.address) == ("经理", "中山路1号 二楼 上海")
    assert zhang.birthday.isoformat() == "1980-03-21"
    assert (li.customer_id, li.phone, li.birthday) == (None, "13800000002", None)


def test_their_ids_are_kept_where_the_system_has_a_name(cards: Path) -> None:
    assert of(cards).mapping.external is None
    named = of(cards, system="icloud")
    assert named.mapping.external == External(system="icloud", id=Rule(column="uid", trim=True))
    assert named.to_decide == []


def test_what_has_no_field_is_kept_where_that_is_asked_for(cards: Path) -> None:
    kept = of(cards, with_custom=True)
    assert {"custom.mobile", "custom.note", "custom.other_emails"} <= set(kept.mapping.fields or ())
    assert not {"custom.uid", "custom.family_name"} & set(kept.mapping.fields or ())


def test_it_is_chosen_where_nobody_gives_a_mapping(cards: Path) -> None:
    """As an upload does."""
    found = chosen("contacts", cards, FOUND_OUT, declared, SHANGHAI)
    assert found is not None
    assert found.mapping.fields is not None
    assert found.mapping.fields["customer_id"].missing == "note"


@pytest.mark.parametrize("said", ["--0412", "1604-04-12", "spring"])
def test_a_birthday_that_is_no_date_leaves_nobody_out(
    said: str, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "one.vcf"
    path.write_text(CARDS.replace("1604-04-12", said), encoding="utf-8")
    with opened(database_url) as backstory:
        report = imported(backstory, "contacts", path, mapping=of(path).mapping, is_rehearsal=True)
    assert counts(report) == (2, 0, 0, 0)


def test_who_is_in_a_spreadsheet_too_is_entered_once_where_both_mappings_say_by_what(
    cards: Path, database_url: str, tmp_path: Path
) -> None:
    sheet = write_csv(tmp_path / "p.csv", [["who", "mail"], ["张三", "zhang@example.com"]])
    fields = {"name": Rule(column="who"), "email": Rule(column="mail")}
    listed = Mapping(kind="contacts", identity=Rule(column="mail"), fields=fields)
    known = of(cards).mapping.model_copy(update={"identity": Rule(column="email")})
    with opened(database_url) as backstory:
        assert counts(imported(backstory, "contacts", sheet, listed)) == (1, 0, 0, 0)
        report = imported(backstory, "contacts", cards, known, on_duplicate="skip")
        assert counts(report) == (1, 0, 1, 0)
        assert sorted(r.name for r in rows(backstory, "contacts").values()) == ["张三", "李四"]


def test_cards_of_something_else_are_asked_about(cards: Path) -> None:
    assert of(cards, "customers").to_decide
