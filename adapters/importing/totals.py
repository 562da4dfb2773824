"""Lines of totals: what spreadsheets put at their end, and what is no record."""

import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator

from adapters.importing.counting import counted
from adapters.importing.notations import NUMBER
from adapters.importing.sources import Line
from adapters.remarks import Remark

LAST = 3
"""Rows at the end, of those with anything in them, that are looked at: below a total may stand who
has drawn it up."""
MOST_HELD = 1_000
"""Rows that are held back, most of them empty."""
WORDS = frozenset(
    (
        *("合计", "总计", "小计", "共计", "总和", "汇总", "合計", "總計", "小計", "共計"),
        *("total", "totals", "grandtotal", "subtotal", "sum", "totale", "totaux", "soustotal"),
        *("summe", "gesamt", "gesamtsumme", "zwischensumme", "suma"),
    )
)
_PROBLEM = "lines.total"
_BESIDE = " \u3000:：-_.*"
"""What may stand in and around such a word."""


def without_totals(rows: Iterable[Line], beside: int = 0) -> Iterator[Line]:
    """The rows; those at the end that add up what stands above have a problem. ``beside``: how many
    columns at the beginning are none of the table's own."""
    held: deque[Line] = deque()
    filled = 0
    for line in rows:
        held.append(line)
        filled += any(line.cells)
        while filled > LAST or len(held) > MOST_HELD:
            first = held.popleft()
            filled -= any(first.cells)
            yield first
    for line in held:
        yield _marked(line, beside)


def is_total(problem: Remark) -> bool:
    """Whether that is what is wrong with a row."""
    return problem.key == _PROBLEM


def _marked(line: Line, beside: int) -> Line:
    word = _total(line.cells[beside:]) if line.problem is None else None
    if word is None:
        return line
    problem = Remark(_PROBLEM, text=word)
    return line._replace(problem=problem)


def _total(cells: list[str]) -> str | None:
    """The word for a total that a row begins with, if all else there is in it is numbers."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if len(cells) < 2 or not filled or _plain(filled[0]) not in WORDS:
        return None
    return filled[0] if all(map(_is_number, filled[1:])) else None


def _plain(text: str) -> str:
    """A word without its case and what stands in and around it: ``合 计：``, ``Grand Total``."""
    if len(text) > 40:
        return ""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in folded if sign not in _BESIDE)


def _is_number(text: str) -> bool:
    unit = counted(text)
    text = (text if unit is None else unit.number).removesuffix("%")
    return NUMBER.fullmatch(text) is not None or set(text) <= set("-/—")
