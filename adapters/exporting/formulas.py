"""Formulas: texts that a spreadsheet would compute instead of showing them, made harmless.

What begins like a formula gets an apostrophe before it, which spreadsheets take for "what follows
is text". A text can begin in the middle, too: where a spreadsheet is set up to split lines at
semicolons or tabs, it knows the quotes of a cell no longer, and after a semicolon, a tab or a line
end another cell begins (https://owasp.org/www-community/attacks/CSV_Injection). The rule can be
undone: ``original(neutral(text)) == text`` for every text.
"""

import re

MARK = "'"
_SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫"
_BLANKS = "\t\r\n"
"""Spreadsheets drop them, and see what follows; behind each another cell may begin as well."""
_ITEM = f"(?<![^;])(?={{}}[\"']*[{_SIGNS}{_BLANKS}])"
"""At the start and behind a semicolon. A quote there is dropped too."""
_LINE = f"(?<=[{_BLANKS}])(?={{}}[\"']*[{_SIGNS}])"
_FORMULA = re.compile(f"[{_SIGNS}{_BLANKS}]")
_UNMARKED = re.compile(f"{_ITEM}|{_LINE}".format("", ""))
_MARKED = re.compile(f"(?:{_ITEM}|{_LINE}){MARK}".format(MARK, MARK))


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might take the text, as a cell of its own, for a formula."""
    return _FORMULA.match(text) is not None


def neutral(text: str) -> str:
    """The text as part of a file of which no spreadsheet computes anything, wherever it splits."""
    return _UNMARKED.sub(MARK, text)


def original(cell: str) -> str:
    """The text of which ``neutral`` made the cell."""
    return _MARKED.sub("", cell)
