"""Where a rule's text comes from: a column, a constant, or a template of several columns."""

import re
from collections.abc import Callable, Sequence
from operator import itemgetter

from adapters.exporting.formulas import original
from adapters.importing.mapping import BadMapping, Rule, nearest
from adapters.remarks import Unread

Cells = Sequence[str]
Text = Callable[[Cells], str]
"""What a rule takes out of a row; "" where the row has nothing to give. Raises Unread."""

MOST_NAMED = 50
"""Columns that are named where another is not there."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PLACE = re.compile(r"\{([^{}|]+)(?:\|([^{}|]*))?\}")


def _login(name: str) -> str:
    """``Mei-Mei Johns`` → ``mei-mei.johns``. Raises Unread where nothing is left."""
    spaced = re.sub(r"\s+", ".", name.strip().lower())
    login = re.sub(r"[^a-z0-9._@+-]", "", spaced).lstrip("._@+-")
    if name and not login:
        raise Unread("cells.no-login", text=name)
    return login


def _dated(text: str) -> str:
    """The date, or "" of one that lacks its year or more."""
    return text if _DATE.fullmatch(text.strip()) else ""


FILTERS: dict[str, Callable[[str], str]] = {
    "login": _login,
    "dated": _dated,
    "lower": str.lower,
    "trim": str.strip,
}


class Columns:
    """A file's columns by name."""

    def __init__(self, header: Sequence[str], exported: bool = False) -> None:
        """``exported``: what exports put before a text is taken off again."""
        self._header = list(header)
        self._text: Callable[[str], str] = original if exported else str

    def index(self, name: str) -> int:
        """Raises BadMapping where the file has no such column."""
        try:
            return self._header.index(name)
        except ValueError:
            more = ("…",) if len(self._header) > MOST_NAMED else ()
            known, meant = (*self._header[:MOST_NAMED], *more), nearest(name, self._header)
            raise BadMapping("mapping.no-column", column=name, meant=meant, known=known) from None

    def text(self, rule: Rule) -> Text:
        """How a row's text is taken by this rule. Not for constants."""
        if rule.column is not None:
            at = self.index(rule.column)
            taken = self._text
            return itemgetter(at) if taken is str else lambda cells: taken(cells[at])
        templates = rule.template if isinstance(rule.template, list) else [rule.template or ""]
        compiled = [self._template(template) for template in templates]
        return lambda cells: next((text for t in compiled if (text := t(cells))), "")

    def _template(self, template: str) -> Text:
        """The filled template; "" where one of its columns is empty."""
        places = [(self.index(m[1]), self._filter(m[2])) for m in _PLACE.finditer(template)]
        literals = _PLACE.sub("\0", template).split("\0")

        def fill(cells: Cells) -> str:
            values = [change(self._text(cells[at])) for at, change in places]
            if not all(values):
                return ""
            pairs = zip(literals, [*values, ""], strict=True)
            return "".join(part for pair in pairs for part in pair)

        return fill

    def _filter(self, name: str | None) -> Callable[[str], str]:
        if name is None:
            return str
        if name not in FILTERS:
            raise BadMapping("mapping.no-filter", name=name, known=tuple(FILTERS))
        return FILTERS[name]
