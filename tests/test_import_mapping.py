"""Mappings: which column fills which field; what is wrong with one is said before a row is read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import registry
from adapters.importing.drafts import Draft
from adapters.importing.mapping import BadMapping, Mapping, by_name, load
from adapters.importing.plan import Plan
from adapters.importing.reasons import Reasons
from adapters.importing.sources import Line
from aggregates.errors import Invalid

SHANGHAI = ZoneInfo("Asia/Shanghai")
MAPPINGS = sorted((Path(__file__).resolve().parents[1] / "docs/mappings").glob("*.toml"))

registry.load()


def plan(header: list[str], kind: str = "customers", **mapping: Any) -> Plan:
    return Plan(Mapping.model_validate({"kind": kind, **mapping}), header, SHANGHAI)


def drafted(cells: dict[str, str], kind: str = "customers", **mapping: Any) -> Draft:
    return plan(list(cells), kind, **mapping).draft(Line(2, list(cells.values())))


def field(cell: str, rule: dict[str, Any] | str, name: str = "name", **more: Any) -> Any:
    """What a rule makes of a cell of column c."""
    return drafted({"c": cell}, fields={name: rule}, **more).fields.get(name)


def refusal(cell: str, rule: dict[str, Any] | str, name: str = "name", **more: Any) -> str:
    with pytest.raises(Invalid) as error:
        drafted({"c": cell}, fields={name: rule}, **more)
    return str(
        Reasons(plan(["c"], more.get("kind", "customers"), fields={name: rule})).of(error.value)
    )


@given(st.text(min_size=1))
def test_a_cell_is_taken_as_it_is(text: str) -> None:
    assert field(text, "c") == text


def test_an_empty_cell_is_no_value_unless_there_is_a_default() -> None:
    assert field("", "c") is None
    assert field("", {"column": "c", "default": "d"}) == "d"
    assert field(" ", "c") == " "
    assert field(" ", {"column": "c", "trim": True, "default": "d"}) == "d"


def test_values_are_exchanged_and_others_stay() -> None:
    rule = {"column": "c", "values": {"technolgy": "software"}}
    assert field("technolgy", rule, "industry") == "software"
    assert field("mining", rule, "industry") == "mining"


def test_templates_and_the_first_that_can_be_filled() -> None:
    fields = {"title": {"template": ["{product} for {account}", "{product}"]}}
    of: dict[str, Any] = {"kind": "opportunities", "fields": fields}
    assert drafted({"product": "GTX", "account": "Acme"}, **of).fields["title"] == "GTX for Acme"
    assert drafted({"product": "GTX", "account": ""}, **of).fields["title"] == "GTX"
    assert "title" not in drafted({"product": "", "account": "Acme"}, **of).fields


def test_what_a_record_cannot_be_without_is_not_merely_incomplete() -> None:
    assert "title" not in drafted({"c": ""}, "opportunities", fields={"title": "c"}).incomplete


@pytest.mark.parametrize(
    ("name", "login"),
    [("Anna Snelling", "anna.snelling"), ("Mei-Mei  Johns", "mei-mei.johns"), ("O'Hara", "ohara")],
)
def test_a_login_from_a_name(name: str, login: str) -> None:
    made = drafted({"c": name}, "users", fields={"login": {"template": "{c|login}"}})
    assert made.fields["login"] == login


def test_a_name_of_which_no_login_can_be_made_is_refused() -> None:
    assert "no login can be made of '张三'" in refusal("张三", {"template": "{c|login}"})


@pytest.mark.parametrize(
    ("cell", "rule", "money"),
    [
        ("12.50", {"currency": "CNY"}, ("12.50", "CNY")),
        ("1100.04", {"currency": "USD", "times": 1_000_000}, ("1100040000", "USD")),
        ("0.5", {"currency": "USD", "times": 0.1}, ("0.05", "USD")),
        ("12.50CNY", {}, ("12.50", "CNY")),
        ("-3 USD", {}, ("-3", "USD")),
    ],
)
def test_money(cell: str, rule: dict[str, Any], money: tuple[str, str]) -> None:
    found = field(cell, {"column": "c", **rule}, "annual_revenue")
    assert found == {"amount": money[0], "currency": money[1]}


def test_an_amount_without_a_currency_is_refused() -> None:
    assert "no amount with a currency" in refusal("12.50", "c", "annual_revenue")
    many = {"column": "c", "currency": "USD", "times": 1000}
    assert "is no number" in refusal("many", many, "annual_revenue")


@pytest.mark.parametrize("cell", ["20170301", "0", "1.3.2017", "2017-03-01T09:00", "17-03-01"])
def test_a_date_without_a_format_begins_with_the_year(cell: str) -> None:
    assert "no date such as" in refusal(cell, "c", "founded_on")


@pytest.mark.parametrize("cell", ["2017-03-01", "2017-3-1", "2017/3/1", "2017-03-01T00:00"])
def test_a_date_that_begins_with_the_year_needs_no_format(cell: str) -> None:
    assert field(cell, "c", "founded_on") == "2017-03-01"


def test_a_date_in_another_format_and_one_that_does_not_exist() -> None:
    assert field("1.3.2017", {"column": "c", "format": "%d.%m.%Y"}, "founded_on") == "2017-03-01"
    assert "no day" in refusal("2017-02-30", "c", "founded_on")
    assert "is not written as" in refusal("x", {"column": "c", "format": "%d.%m.%Y"}, "founded_on")


@pytest.mark.parametrize(
    ("cell", "at"),
    [
        ("2017-03-01", datetime(2017, 2, 28, 16, tzinfo=UTC)),
        ("2017-03-01T09:30:00", datetime(2017, 3, 1, 1, 30, tzinfo=UTC)),
        ("2017-03-01T09:30:00+00:00", datetime(2017, 3, 1, 9, 30, tzinfo=UTC)),
        ("2017-03-01T09:30:00Z", datetime(2017, 3, 1, 9, 30, tzinfo=UTC)),
    ],
)
def test_when_it_happened_is_in_the_organisations_zone(cell: str, at: datetime) -> None:
    draft = drafted({"c": cell}, occurred_at="c", fields={})
    assert draft.occurred_at == at
    assert "occurred_at" not in draft.incomplete


def test_what_is_required_and_missing_is_incomplete_and_so_is_an_unknown_day() -> None:
    draft = drafted({"name": "云泽公司", "on": ""}, occurred_at="on", fields={"name": "name"})
    assert draft.occurred_at is None
    assert set(draft.incomplete) == {"industry", "source", "primary_contact", "occurred_at"}


def test_parts_lists_and_custom_fields() -> None:
    cells = {"who": "李", "tel": "13800000001", "t": "a;b", "n": "7", "f": "1.5", "y": "true"}
    draft = drafted(
        cells,
        fields={
            "primary_contact.name": "who",
            "primary_contact.phone": "tel",
            "tags": {"column": "t", "split": ";"},
            "custom.n": {"column": "n", "type": "integer"},
            "custom.f": {"column": "f", "type": "number"},
            "custom.y": {"column": "y", "type": "boolean"},
            "custom.t": "n",
            "confirm_distinct": {"constant": True},
        },
    )
    assert draft.fields == {
        "primary_contact": {"name": "李", "phone": "13800000001"},
        "tags": ["a", "b"],
        "custom": {"n": 7, "f": 1.5, "y": True, "t": "7"},
        "confirm_distinct": True,
    }


@pytest.mark.parametrize("text", ["1_000", "1.0", "٣", " 1", "NaN", "1e5"])
def test_numbers_are_taken_literally(text: str) -> None:
    assert "no integer" in refusal(text, {"column": "c", "type": "integer"}, "custom.n")


def test_every_cell_that_is_wrong_is_named() -> None:
    with pytest.raises(Invalid) as error:
        drafted({"a": "x", "b": "y"}, fields={"founded_on": "a", "annual_revenue": "b"})
    assert {e.field for e in error.value.errors} == {"founded_on", "annual_revenue"}


def test_further_commands_only_where_their_columns_say_so() -> None:
    step = {"when": {"stage": ["Won", "Closed"]}, "command": "win", "fields": {"won_on": "on"}}
    of: dict[str, Any] = {"kind": "opportunities", "fields": {}, "then": [step]}
    [won] = drafted({"stage": "Won", "on": "2017-03-01"}, **of).then
    assert won.fields == {"won_on": "2017-03-01"}
    assert drafted({"stage": "Open", "on": "nonsense"}, **of).then == ()


def test_the_key_says_which_record_a_row_is() -> None:
    cells = {"id": "7", "name": "云泽公司"}
    fields = {"name": "name"}
    external = drafted(cells, external={"system": "old", "id": "id"}, fields=fields)
    assert external.key == "import/customers/external/old/7"
    assert drafted(cells, identity="name", fields=fields).key == "import/customers/as/云泽公司"
    by_line = [plan(["id", "name"], fields=fields).draft(Line(n, ["7", "x"])) for n in (2, 3, 2)]
    assert by_line[0].key == by_line[2].key != by_line[1].key


def test_a_row_without_an_external_id_has_none() -> None:
    draft = drafted({"id": ""}, external={"system": "old", "id": "id"}, fields={})
    assert "external" not in draft.fields


def test_columns_called_like_fields_need_no_mapping() -> None:
    header = ["name", "industry", "primary_contact.name", "occurred_at", "line", "reason"]
    mapping = by_name("customers", header)
    assert set(mapping.fields or ()) == {"name", "industry", "primary_contact.name"}
    assert mapping.occurred_at is not None
    Plan(mapping, header, SHANGHAI)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"kind": "parcels"}, "cannot be imported"),
        ({"fields": {"nmae": "c"}}, "no field 'nmae'"),
        ({"fields": {"name": "d"}}, "no column 'd'; it has: c"),
        ({"fields": {"name.first": "c"}}, "name has no parts"),
        ({"fields": {"custom.a.b": "c"}}, "no parts"),
        ({"fields": {"name": {"template": "{c|shout}"}}}, "no filter 'shout'"),
        (
            {"fields": {"parent_id": {"column": "c", "by": "login"}}},
            "found by name, phone, external",
        ),
        ({"fields": {"parent_id": {"column": "c", "by": "external"}}}, "needs a system"),
        ({"then": [{"command": "fly"}]}, "no command customers/fly"),
        ({"then": [{"command": "register"}]}, "begins a record"),
        ({"then": [{"command": "tag", "when": {"d": "x"}}]}, "no column 'd'"),
        ({"occurred_at": "d"}, "no column 'd'"),
    ],
)
def test_a_mapping_that_does_not_fit_says_where(mapping: dict[str, Any], said: str) -> None:
    with pytest.raises(BadMapping, match=said):
        plan(["c"], **{"kind": "customers", "fields": {}, **mapping})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind = ", "not valid TOML"),
        ("kind = 'customers'", "needs either fields"),
        ("kind = 'customers'\nfelds = {}\nfields = {}", "felds: there is no such field"),
        ("kind = 'customers'\n[fields]\nname = { column = 'a', constant = 'b' }", "exactly one"),
        ("kind = 'customers'\ndelimiter = ';;'\nfields = {}", "one character"),
    ],
)
def test_a_mapping_file_that_cannot_be_read_says_why(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "m.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadMapping, match=said):
        load(path)


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.stem)
def test_the_mappings_that_are_published_are_valid(path: Path) -> None:
    mapping = load(path)
    assert mapping.fields or mapping.record
