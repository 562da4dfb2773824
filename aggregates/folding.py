"""Folding: texts in which width, case and script no longer differ, to compare and find them by.

Traditional characters become simplified ones by OpenCC's tables, which choose by the words around
(乾淨 → 干净, 乾坤 → 乾坤).
"""

import unicodedata

from opencc import OpenCC

_to_simplified = OpenCC("t2s")


def folded(text: str) -> str:
    """The text in simplified script, NFKC and without case."""
    simplified: str = _to_simplified.convert(unicodedata.normalize("NFKC", text).casefold())
    return simplified
