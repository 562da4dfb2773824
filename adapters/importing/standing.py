"""Standing: the step for tickets of which a file says where they stand."""

from collections.abc import Mapping, Sequence
from typing import get_args

from adapters.importing.assigning import Column
from adapters.importing.closing import day, is_free
from adapters.importing.evidence import Asking, Verdict, listed
from adapters.importing.headings import form, synonyms
from adapters.importing.mapping import Rule, Step
from adapters.importing.steps import MOMENT
from adapters.remarks import Remark
from adapters.texts import LANGUAGES, Texts
from aggregates.ticket_status import Status

KIND, COMMAND, FIELD = "Ticket", "record-status", "status"
AT_IMPORT = "suggestion.as-of-import"
STATUSES: tuple[str, ...] = get_args(Status)


def standing(
    columns: Sequence[Column], asking: Asking, texts: Texts
) -> tuple[list[Step], list[Step]]:
    """The step that is certain, or the one in which a person has to complete what stands for what;
    changes the columns that speak of it."""
    column = _column(columns, texts)
    if column is None:
        return [], []
    codes = _codes(column.cells.stripped, texts)
    unknown = [text for text in column.cells.stripped if text not in codes]
    if len(unknown) == len(column.cells.stripped):
        return [], []  # Whatever it says, it is not this.
    values = {text: code for text, code in codes.items() if text != code}
    rule = column.cells.rule.model_copy(update={"values": values})
    when = _day(columns, asking)
    noted = Remark("suggestion.as-of", column=when.column) if when else Remark(AT_IMPORT)
    column.for_step(COMMAND, Verdict(rule, _asked(unknown, texts), noted))
    step = Step(
        command=COMMAND,
        unless={column.cells.name: ""},
        if_differs=True,
        occurred_at=when,
        fields={FIELD: rule},
    )
    return ([], [step]) if unknown else ([step], [])


def _asked(unknown: Sequence[str], texts: Texts) -> Remark | None:
    if not unknown:
        return None
    known = (
        Remark("suggestion.code", code=code, **{n: _called(texts, code, n) for n in LANGUAGES})
        for code in STATUSES
    )
    there = Remark("suggestion.codes", codes=tuple(known))
    return Remark("decide.which-status", texts=listed(unknown), there=there)


def _called(texts: Texts, code: str, language: str) -> str:
    return texts.of(language).value(KIND, FIELD, code) or code


def _column(columns: Sequence[Column], texts: Texts) -> Column | None:
    """The one column that is called so."""
    labels = (texts.label(KIND, FIELD, language) for language in LANGUAGES)
    called = {form(word) for word in (FIELD, *labels, *synonyms()["status"]["names"])}
    named = [c for c in columns if form(c.cells.name) in called and is_free(c) and c.cells.texts]
    return named[0] if len(named) == 1 else None


def _codes(said: Sequence[str], texts: Texts) -> dict[str, str]:
    """What the texts of a column stand for, as far as that is known."""
    known = _known(texts)
    words = {text: form(text) for text in said}
    found = {text: known[word] for text, word in words.items() if word in known}
    return {**found, **_by_the_others(words)}


def _known(texts: Texts) -> Mapping[str, str]:
    known = {form(text): code for code in STATUSES for text in synonyms()["status"][code]}
    for code in STATUSES:
        known[form(code)] = code
        for language in LANGUAGES:
            known[form(_called(texts, code, language))] = code
    return known


def _by_the_others(words: Mapping[str, str]) -> dict[str, str]:
    """Two words mean something else beside certain others: where tickets begin as *new*, an *open*
    one is being worked on; and where they are *open* or *solved*, a *pending* one waits."""
    there = set(words.values())
    found = {}
    for text, word in words.items():
        if word == "open":
            found[text] = "in_progress" if "new" in there else "pending"
        elif word == "pending":
            found[text] = "waiting" if there & {"new", "open", "solved"} else "pending"
    return found


def _day(columns: Sequence[Column], asking: Asking) -> Rule | None:
    """When they came to stand there: the surest of the columns that may say so."""
    for called in synonyms()["status"]["since"]:
        found = day([called], columns, asking, MOMENT, COMMAND)
        if found is not None:
            return found
    return None
