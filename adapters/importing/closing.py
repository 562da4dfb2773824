"""Closing: the steps for opportunities which a file says are won or lost already."""

from collections.abc import Mapping, Sequence

from adapters.importing.assigning import Column
from adapters.importing.evidence import Asking, Verdict, found, listed
from adapters.importing.headings import form, synonyms
from adapters.importing.mapping import Rule, Step
from adapters.importing.targets import target
from adapters.remarks import Remark
from commands.base import COMMANDS

KIND, STAGE = "opportunities", "stage"
STEPS = {"won": ("win", "won_on"), "lost": ("lose", "lost_on")}
"""Stage → the command that leads there, and its field that says when."""
Words = Mapping[str, list[str]]
"""Stage → the texts of the file that stand for it."""


def closing(columns: Sequence[Column], asking: Asking) -> tuple[list[Step], list[Step]]:
    """The steps that are certain, and those whose day a person has to say. What is opened as won or
    lost is opened at the first stage; changes the columns that speak of it."""
    stage = next((c for c in columns if c.field == STAGE), None)
    entries = asking.entries.get(STAGE, ())
    first = next((entry.code for entry in entries if not entry.closes), None)
    rule = None if stage is None else stage.verdict.rule
    if stage is None or rule is None or first is None:
        return [], []
    codes = {text: str(rule.values.get(text.strip(), text.strip())) for text in stage.cells.texts}
    words = {c: [text for text, code in codes.items() if code == c] for c in STEPS}
    words = {code: texts for code, texts in words.items() if texts}
    others = {entry.code for entry in entries if not entry.closes}
    if not words or not set(codes.values()) <= others | words.keys():
        return [], []  # What is asked about the stages already comes first.
    days = {code: _day(code, columns, asking) for code in words}
    values: dict[str, str | int | float | bool] = {
        text: first if code in words else code for text, code in codes.items()
    }
    stage.verdict = _verdict(Rule(column=stage.cells.name, values=values), words, days)
    steps = [_step(stage.cells.name, code, texts, days[code]) for code, texts in words.items()]
    return (steps, []) if all(days.values()) else ([], steps)


def _verdict(rule: Rule, words: Words, days: Mapping[str, Rule | None]) -> Verdict:
    without = [text for code, texts in words.items() if not days[code] for text in texts]
    if without:
        return Verdict(rule, Remark("decide.which-day", texts=listed(without)))
    named = ((STEPS[code][0], day.column) for code, day in days.items() if day)
    made = (Remark("suggestion.step", verb=verb, column=column) for verb, column in named)
    return Verdict(rule, note=Remark("suggestion.steps", made=tuple(made)))


def _day(code: str, columns: Sequence[Column], asking: Asking) -> Rule | None:
    """How the day is read from the one column that is called so; None where none is."""
    command, field = STEPS[code]
    for said in (synonyms()["closed"][code], synonyms()["closed"]["either"]):
        called = {form(word) for word in said}
        named = [c for c in columns if form(c.cells.name) in called and _is_free(c)]
        if len(named) == 1:
            [column] = named
            of = target(COMMANDS[f"{KIND}/{command}"], field)
            verdict = found(of, column.cells, asking)
            if verdict.rule is None or verdict.to_decide is not None:
                return None
            column.is_needless, column.meanings = True, []
            column.verdict = Verdict(None, note=Remark("suggestion.day"))
            return verdict.rule
    return None


def _is_free(column: Column) -> bool:
    return column.field is None or column.why == "custom"


def _step(stage: str, code: str, texts: list[str], day: Rule | None) -> Step:
    command, field = STEPS[code]
    fields = {field: day or Rule(column="WHICH COLUMN?")}
    if code == "lost":
        fields["lost_reason"] = Rule(constant="not_recorded")
    return Step(command=command, when={stage: texts}, fields=fields)
