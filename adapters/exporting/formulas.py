"""Formulas: texts that a spreadsheet would compute instead of showing them, made harmless.

A text that begins like a formula gets an apostrophe before it, which spreadsheets take for "what
follows is text" (https://owasp.org/www-community/attacks/CSV_Injection). The rule can be undone:
``original(neutral(text)) == text`` for every text.
"""

import re

_SIGNS = "=+\\-@\t\r\n＝＋－＠﹦﹢﹣﹫"
_FORMULA = re.compile(f"[{_SIGNS}]")
_MARKED = re.compile(f"'*[{_SIGNS}]")
MARK = "'"


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might take the text for a formula."""
    return _FORMULA.match(text) is not None


def neutral(text: str) -> str:
    """The text as a cell that no spreadsheet computes."""
    return MARK + text if _MARKED.match(text) else text


def original(cell: str) -> str:
    """The text of which ``neutral`` made the cell."""
    return cell[1:] if cell[:1] == MARK and _MARKED.match(cell, 1) else cell
