"""Closing: the steps for opportunities which a file says are won or lost already."""

from collections.abc import Mapping, Sequence

from adapters.importing.assigning import Column
from adapters.importing.evidence import Asking, Verdict, found, listed
from adapters.importing.headings import form, synonyms
from adapters.importing.mapping import Rule, Step
from adapters.importing.targets import Target, target
from adapters.remarks import Remark
from commands.base import COMMANDS

KIND, STAGE = "opportunities", "stage"
WHY, NOT_RECORDED = "lost_reason", "not_recorded"
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
    why = _why(columns, asking) if "lost" in words else None
    steps = [_step(stage.cells.name, code, of, days[code], why) for code, of in words.items()]
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
    (command, field), closed = STEPS[code], synonyms()["closed"]
    of = target(COMMANDS[f"{KIND}/{command}"], field)
    for called, step in ((closed[code], command), (closed["either"], "win and lose")):
        found = day(called, columns, asking, of, step)
        if found is not None:
            return found
    return None


def day(
    called: Sequence[str], columns: Sequence[Column], asking: Asking, of: Target, step: str
) -> Rule | None:
    """How a day of a step is read from the one column that is called like one of these; None where
    none is. Changes the column."""
    column = _one(called, columns)
    verdict = None if column is None else found(of, column.cells, asking)
    if column is None or verdict is None or verdict.rule is None or verdict.to_decide is not None:
        return None
    column.for_step(step, verdict)
    return verdict.rule


def _why(columns: Sequence[Column], asking: Asking) -> Rule:
    """The reason why one was lost, from the one column that is called so."""
    command, _ = STEPS["lost"]
    column = _one(synonyms()["closed"]["why"], columns)
    if column is not None:
        verdict = found(target(COMMANDS[f"{KIND}/{command}"], WHY), column.cells, asking)
        if verdict.rule is not None:
            column.for_step(command, verdict)
            return verdict.rule.model_copy(update={"default": NOT_RECORDED})
    return Rule(constant=NOT_RECORDED)


def _one(called: Sequence[str], columns: Sequence[Column]) -> Column | None:
    forms = set(map(form, called))
    named = [c for c in columns if form(c.cells.name) in forms and is_free(c)]
    return named[0] if len(named) == 1 else None


def is_free(column: Column) -> bool:
    """Whether nothing is certain of the column yet."""
    return column.field is None or column.why == "custom"


def _step(stage: str, code: str, texts: list[str], day: Rule | None, why: Rule | None) -> Step:
    command, field = STEPS[code]
    fields = {field: day or Rule(column="WHICH COLUMN?")}
    if code == "lost" and why is not None:
        fields[WHY] = why
    return Step(command=command, when={stage: texts}, fields=fields)
