"""People: the mapping of a file of vCards for contacts.

The columns are our own, so it is always the same and leaves nothing to be decided.
"""

from collections.abc import Sequence
from typing import Any

from adapters.importing.assigning import ID, Column, columns_of
from adapters.importing.evidence import Asking, Verdict
from adapters.importing.headings import Meaning
from adapters.importing.mapping import External, Mapping, Rule
from adapters.importing.sources import Choices
from adapters.importing.suggesting import Suggestion
from adapters.remarks import Remark
from aggregates.contact import Contact

KIND = "contacts"
FIELDS = {
    "name": "name",
    "phone": "phone",
    "email": "email",
    "title": "job_title",
    "company": "customer_id",
    "address": "address",
    "birthday": "birthday",
    "uid": ID,
}
"""Column → field. A mobile is in ``phone`` already where it is a card's only number."""
CUSTOMER: dict[str, Any] = {"by": "name", "missing": "note"}
"""Who is from a company that is no customer is entered without one, and reported."""
DATED = Rule(template="{birthday|dated}")
"""A birthday without its year is no date, and no reason to leave the person out."""
IN_NAME = ("family_name", "given_name")


def of_cards(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    asking: Asking,
    choices: Choices,
    with_custom: bool = False,
) -> Suggestion:
    """The mapping for contacts, from the header of vCards and some rows of as many cells."""
    columns = columns_of(Contact.KIND, header, rows)
    for column in columns:
        column.is_needless = True  # Nobody has to say what is left out here.
        _fill(column, asking.system, with_custom)
    rules = {c.field: c.verdict.rule for c in columns if c.field and c.verdict.rule}
    id = rules.pop(ID, None)
    mapping = Mapping(
        kind=KIND,
        encoding=choices.encoding,
        delimiter=choices.delimiter,
        external=External(system=asking.system, id=id) if asking.system and id else None,
        fields=rules,
    )
    return Suggestion(mapping, tuple(columns), (), ())


def _fill(column: Column, system: str | None, with_custom: bool) -> None:
    name = column.cells.name
    rule = DATED if name == "birthday" else Rule(column=name, trim=True)
    if name == "uid" and system is None:
        column.verdict = Verdict(None, note=Remark("suggestion.uid"))
    elif name in FIELDS:
        how = CUSTOMER if name == "company" else {}
        column.meanings = [Meaning(FIELDS[name], "card", 0)]
        column.verdict = Verdict(rule.model_copy(update=how))
    elif name in IN_NAME:
        column.verdict = Verdict(None, note=Remark("suggestion.in-name"))
    elif with_custom:
        column.meanings, column.verdict = [Meaning(f"custom.{name}", "custom", 11)], Verdict(rule)
    elif column.cells.texts:
        column.verdict = Verdict(None, note=Remark("suggestion.no-field"))
