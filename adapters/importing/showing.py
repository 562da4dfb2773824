"""Showing: a suggested mapping, as a text to be looked through and as data."""

from typing import Any

from adapters.importing.drafting import commented, drafted
from adapters.importing.evidence import shown
from adapters.importing.suggesting import Suggestion


def text(suggestion: Suggestion) -> str:
    """The mapping as TOML, with what is open at its head."""
    left_out = [shown(c.cells.name) for c in suggestion.columns if c.field is None]
    remarks = [f"To decide: {one}" for one in suggestion.to_decide]
    remarks += [f"Not imported: {name or '(no name)'}" for name in left_out]
    return drafted(suggestion.mapping, remarks) + commented(suggestion.steps)


def columns(suggestion: Suggestion) -> list[dict[str, Any]]:
    """Column by column: what it fills and why, some values, and what is open."""
    return [
        {
            "column": column.cells.name,
            "field": column.field,
            "why": column.why if column.field else None,
            "samples": list(column.samples),
            "rule": None
            if column.verdict.rule is None or column.field is None
            else column.verdict.rule.model_dump(mode="json", exclude_defaults=True),
            "to_decide": column.to_decide,
            "note": column.verdict.note,
        }
        for column in suggestion.columns
    ]
