"""Showing: a suggested mapping, as a text to be looked through and as data."""

from collections.abc import Callable, Iterator
from typing import Any

from adapters.importing.assigning import Column
from adapters.importing.drafting import commented, drafted
from adapters.importing.evidence import shown
from adapters.importing.suggesting import Suggestion
from adapters.remarks import Field, Remark, Saying, Value

SHOWN_VALUES = 20
Told = Callable[[Saying], str]
"""Says a remark in the language of whoever looks."""


def text(suggestion: Suggestion, told: Told = str) -> str:
    """The mapping as TOML, with what is open at its head."""
    remarks = [Remark("suggestion.to-decide", said=one) for one in suggestion.to_decide]
    left_out = (c.cells.name for c in suggestion.columns if not (c.field or c.step))
    remarks += [Remark("suggestion.not-imported", column=called(name)) for name in left_out]
    return drafted(suggestion.mapping, map(told, remarks)) + commented(suggestion.steps)


def lines(suggestion: Suggestion) -> Iterator[Saying]:
    """What is suggested, column by column, and what is open, to be told line by line."""
    for column in suggestion.columns:
        yield from _column(column)
    if suggestion.missing:
        fields = tuple(map(suggestion.field, suggestion.missing))
        yield Remark("suggestion.incomplete", fields=fields)
    to_decide = suggestion.to_decide
    if to_decide:
        yield ""
        yield Remark("suggestion.heading")
        yield from (Remark("suggestion.below", said=one) for one in to_decide)


def called(column: str) -> Saying:
    """A column by its name, or that it has none."""
    return shown(column) or Remark("suggestion.nameless")


def _column(column: Column) -> Iterator[Saying]:
    samples = ", ".join(shown(text, 24) for text in column.samples)
    said: dict[str, Value] = {"column": called(column.cells.name), "samples": samples or None}
    if column.field:
        why = Remark(f"suggestion.by-{column.why or 'name'}")
        field = Field(column.kind, column.field)
        yield Remark("suggestion.fills", field=field, why=why, **said)
    elif column.step:
        yield Remark("suggestion.for-step", step=column.step, **said)
    else:
        yield Remark("suggestion.left-out", **said)
    rule = column.verdict.rule
    if rule is not None:
        values = [f"    {shown(text)} = {code}" for text, code in rule.values.items()]
        yield from values[:SHOWN_VALUES]
        if values[SHOWN_VALUES:]:
            yield Remark("suggestion.more-values", more=f"{len(values) - SHOWN_VALUES:,}")
        rest = rule.model_dump(exclude_defaults=True, exclude={"column", "values"})
        yield from (f"    {name}: {shown(str(value))}" for name, value in rest.items())
    if column.verdict.note:
        yield Remark("suggestion.note", said=column.verdict.note)


def columns(suggestion: Suggestion, told: Told) -> list[dict[str, Any]]:
    """Column by column: what it fills and why, some values, and what is open."""
    return [
        {
            "column": column.cells.name,
            "field": column.field,
            "step": column.step,
            "why": column.why if column.field else None,
            "samples": list(column.samples),
            "rule": None
            if column.verdict.rule is None or not (column.field or column.step)
            else column.verdict.rule.model_dump(mode="json", exclude_defaults=True),
            "to_decide": column.to_decide and told(column.to_decide),
            "note": column.verdict.note and told(column.verdict.note),
        }
        for column in suggestion.columns
    ]
