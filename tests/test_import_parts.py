"""Several records from one row: a company, a person there and what is to be sold to them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.bootstrap import Backstory
from adapters.importing.mapping import BadMapping
from adapters.importing.report import Report
from tests.importing import counts, imported, last, opened, read_csv, rows, write_csv
from tests.test_import_killed import run, run_until

DEALS = """
kind = "opportunities"
external = { system = "old", id = "deal" }
[[also]]
kind = "customers"
fields.name = "company"
fields.industry = "industry"
[[also]]
name = "person"
kind = "contacts"
unless = { person = "" }
fields.customer_id = { made = "customers" }
fields.name = "person"
fields.phone = "phone"
[fields]
title = "title"
customer_id = { made = "customers" }
decision_maker_id = { made = "person" }
[[then]]
when = { won = "yes" }
command = "win"
fields.won_on = { constant = "2024-03-01" }
fields.amount = { template = "12.50 CNY" }
"""
BY_ID = DEALS.replace(
    'kind = "customers"\n', 'kind = "customers"\nexternal = { system = "old", id = "company_id" }\n'
)
HEADER = ["deal", "title", "company", "industry", "person", "phone", "won", "company_id"]


def deal(n: int, company: str, person: str = "", **cells: str) -> list[str]:
    given = {"deal": f"{n}", "title": f"机床 {n}", "company": company, "person": person, **cells}
    return [given.get(name, "") for name in HEADER]


@pytest.fixture
def backstory(database_url: str) -> Iterator[Backstory]:
    with opened(database_url) as backstory:
        yield backstory


@pytest.fixture
def take(backstory: Backstory, tmp_path: Path) -> Any:
    def taken(lines: list[list[str]], mapping: str = DEALS, **options: Any) -> Report:
        (tmp_path / "m.toml").write_text(mapping, encoding="utf-8")
        file = write_csv(tmp_path / "deals.csv", [HEADER, *lines])
        return imported(backstory, "opportunities", file, tmp_path / "m.toml", **options)

    return taken


def said(found: list[Any]) -> dict[int, str]:
    return {line.number: str(reason) for line, reason in found}


def told(backstory: Backstory) -> dict[str, tuple[str, str | None]]:
    """Deal → the company's name and the person's."""
    companies = {id: row.name for id, row in rows(backstory, "customers").items()}
    people = {id: (row.name, row.customer_id) for id, row in rows(backstory, "contacts").items()}
    found = {}
    for row in rows(backstory, "opportunities").values():
        name, customer_id = people.get(row.decision_maker_id, (None, row.customer_id))
        assert customer_id == row.customer_id, "the person is one of that company"
        found[row.external.id] = (companies[row.customer_id], name)
    return found


ACME, BIG = "上海精密机床有限公司", "北京宏大科技有限公司"
ROWS = [
    deal(1, ACME, "王芳", won="yes"),
    deal(2, BIG, "李雷"),
    deal(3, ACME, "王芳"),
    deal(4, ACME),
    deal(5, BIG, "王芳"),
]


def test_each_company_and_person_is_entered_once_for_all_rows(
    backstory: Backstory, take: Any
) -> None:
    report = take(ROWS)
    assert counts(report) == (5, 0, 0, 0)
    assert report.parts == {"customers": 2, "contacts": 3}
    assert told(backstory) == {
        "1": (ACME, "王芳"),
        "2": (BIG, "李雷"),
        "3": (ACME, "王芳"),
        "4": (ACME, None),
        "5": (BIG, "王芳"),
    }
    before = last(backstory)
    assert counts(take(ROWS)) == counts(take(ROWS, on_duplicate="update")) == (0, 0, 5, 0)
    assert last(backstory) == before


def test_in_another_order_and_twice_it_is_the_same(backstory: Backstory, take: Any) -> None:
    report = take([*reversed(ROWS), *ROWS])
    assert counts(report) == (5, 0, 5, 0)
    assert (len(rows(backstory, "customers")), len(rows(backstory, "contacts"))) == (2, 3)


def test_a_company_that_is_there_is_found_by_its_name(
    backstory: Backstory, take: Any, tmp_path: Path
) -> None:
    there = write_csv(tmp_path / "c.csv", [["name", "notes"], [f" {ACME}".strip(), "老客户"]])
    imported(backstory, "customers", there)
    report = take(ROWS)
    assert (counts(report), report.parts["customers"]) == ((5, 0, 0, 0), 1)
    assert {row.notes for row in rows(backstory, "customers").values()} == {"老客户", None}


def test_or_by_its_external_id_whatever_it_is_called(backstory: Backstory, take: Any) -> None:
    lines = [deal(1, ACME, company_id="a"), deal(2, f"{ACME}上海分公司", company_id="a")]
    report = take([*lines, deal(3, ACME, company_id="b"), deal(4, BIG)], BY_ID)
    assert (counts(report), report.parts) == ((3, 0, 0, 1), {"customers": 2})
    assert said(report.in_order())[4].startswith("customers: "), "the name is that of another id"
    assert told(backstory) == {"1": (ACME, None), "2": (ACME, None), "4": (BIG, None)}


def test_a_row_of_which_a_part_is_refused_says_what_was_entered_and_is_completed_when_mended(
    backstory: Backstory, take: Any, tmp_path: Path
) -> None:
    lines = [
        deal(1, ACME, "王芳", phone="?"),
        deal(2, BIG, industry="unheard-of"),
        deal(3, BIG),
        deal(4, ""),
    ]
    report = take(lines)
    assert counts(report) == (1, 0, 0, 3)
    reasons = said(report.in_order())
    assert "person.phone: " in reasons[2]
    assert reasons[3].startswith("customers: industry: ")
    assert reasons[5].startswith("customers.name: ")
    refused = read_csv(tmp_path / "deals.csv.refused.csv")
    mended = [[row[name] for name in HEADER] for row in refused]
    mended[0][5], mended[1][3], mended[2][2] = "021-62345678", "software", "上海新的有限公司"
    assert counts(take(mended)) == (3, 0, 0, 0)
    assert told(backstory) == {
        "1": (ACME, "王芳"),
        "2": (BIG, None),
        "3": (BIG, None),
        "4": ("上海新的有限公司", None),
    }
    assert len(rows(backstory, "contacts")) == 1


def test_what_was_entered_before_the_refusal_is_named_and_not_entered_twice(
    backstory: Backstory, take: Any
) -> None:
    mapping = DEALS.replace('title = "title"', 'title = "title"\nstage = "phone"').replace(
        'fields.phone = "phone"\n', ""
    )
    report = take([deal(1, ACME, "王芳", phone="nowhere")], mapping)
    [[_, reason]] = report.in_order()
    (company,), (person,) = rows(backstory, "customers"), rows(backstory, "contacts")
    assert str(reason).startswith(
        f"customers entered as {company}, person entered as {person}, but "
    )
    assert not rows(backstory, "opportunities")
    report = take([deal(1, ACME, "王芳", phone="proposal")], mapping)
    assert (counts(report), report.parts) == ((1, 0, 0, 0), {})
    assert told(backstory) == {"1": (ACME, "王芳")}


def test_a_dry_run_gives_the_same_verdicts_and_stores_nothing(
    backstory: Backstory, take: Any
) -> None:
    lines = [*ROWS, deal(6, "", "赵六"), deal(7, BIG, industry="?")]
    before = last(backstory)
    rehearsed = take(lines, is_rehearsal=True)
    assert last(backstory) == before
    real = take(lines)
    assert counts(rehearsed) == counts(real) == (5, 0, 0, 2)
    assert rehearsed.parts == real.parts


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (DEALS.replace('made = "person"', 'made = "nobody"'), "no part called 'nobody'"),
        (
            DEALS.replace('fields.customer_id = { made = "customers" }', "fields.customer_id = 5"),
            "also.1.fields.customer_id",
        ),
        (
            DEALS.replace('customer_id = { made = "customers" }', 'customer_id = { made = "x" }'),
            "x",
        ),
        (DEALS.replace('name = "person"\nkind', 'name = "customers"\nkind'), "two parts"),
        (DEALS.replace('kind = "contacts"', 'kind = "wishes"'), "'wishes' cannot be imported"),
        (
            DEALS.replace(
                'decision_maker_id = { made = "person" }',
                'decision_maker_id = { made = "customers" }',
            ),
            "takes no customer",
        ),
    ],
)
def test_a_mapping_whose_parts_do_not_fit_is_refused(take: Any, wrong: str, reason: str) -> None:
    with pytest.raises(BadMapping, match=reason):
        take([], wrong)


def test_killed_and_run_again_nothing_is_doubled(database_url: str, tmp_path: Path) -> None:
    lines = [deal(n, f"公司{n % 60}有限公司", f"人{n % 120}") for n in range(600)]
    (tmp_path / "m.toml").write_text(DEALS, encoding="utf-8")
    file = write_csv(tmp_path / "deals.csv", [HEADER, *lines])
    with opened(database_url) as backstory:
        begun = last(backstory)
    run_until(database_url, file, begun + 100)
    run_until(database_url, file, begun + 500, lost=False)
    run(database_url, file)
    with opened(database_url) as backstory:
        assert len(rows(backstory, "customers")) == 60
        assert len(rows(backstory, "contacts")) == 120
        expected = {f"{n}": (f"公司{n % 60}有限公司", f"人{n % 120}") for n in range(600)}
        assert told(backstory) == expected
        again = imported(backstory, "opportunities", file, tmp_path / "m.toml")
        assert counts(again) == (0, 0, 600, 0)
