"""Pieces: what an index knows of a text, and by which of them a part of the text is looked up.

At every place of a text begins one piece: two characters, or three where the first is ASCII, for
there are few of those. A piece ends where its line ends. Inside legal forms there are no pieces.
The database cuts the texts in the same way: ``adapters/postgres/views/searching.sql``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile

from projections.searching.characters import LEGAL_PAIRS

LINE = "\n"
"""Stands before, between and behind the lines of a text."""
_FEW, _MOST = 6, 16
"""So many pieces find what a long text is part of; the others would only cost time."""
_OF_NUMBER = 5
"""So many find a long number, from its end: numbers begin alike."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """What must be among the pieces of every text that some text is part of."""

    whole: tuple[str, ...]
    """All of these."""
    beginnings: tuple[str, ...] = ()
    """Where there is no whole piece: one that begins with any of these."""
    either: tuple[tuple[str, ...], ...] = ()
    """And of each of these, one."""


def pieces(part: str) -> Pieces:
    """By what texts are found that the part is in."""
    whole = list(_whole(part))
    if not is_inside_form(part):  # Else known from where the same signs are no legal form.
        whole = [(at, piece) for at, piece in whole if piece not in LEGAL_PAIRS]
    if not whole:
        return Pieces((), (_beginning(part),))
    chosen = tuple(dict.fromkeys(_apart(whole)))
    of_number = _end_of_number(whole) if len(whole) > _FEW else ()
    return Pieces(of_number if len(of_number) > 1 else chosen[:_MOST])


def is_inside_form(part: str) -> bool:
    """Whether a part can be a part of a legal form."""
    return len(part) > 1 and all(a + b in LEGAL_PAIRS for a, b in pairwise(part))


def _apart(whole: list[tuple[int, str]]) -> Iterator[str]:
    """Of many, the last and those before it that do not overlap: all would find hardly less."""
    end = 0
    for at, piece in whole:
        if len(whole) <= _FEW or at >= end or (at, piece) == whole[-1]:
            end = at + len(piece)
            yield piece


def _end_of_number(whole: list[tuple[int, str]]) -> tuple[str, ...]:
    """The last pieces, as far as they are digits."""
    last = (piece for _, piece in reversed(whole) if len(piece) == 3)
    digits = takewhile(lambda piece: piece.strip(LINE).isdecimal(), last)
    return tuple(dict.fromkeys(islice(digits, _OF_NUMBER)))


def _whole(part: str) -> Iterator[tuple[int, str]]:
    """The pieces that do not depend on what comes behind the part, and where they are."""
    for at, first in enumerate(part[:-1]):
        piece = part[at : at + (3 if first.isascii() else 2)]
        if piece[1] == LINE:
            piece = piece[:2]
        is_cut = len(piece) == 3 and piece[1:] in LEGAL_PAIRS
        if piece != LINE * 2 and not is_cut and (len(piece) == 3 or _is_closed(piece)):
            yield at, piece


def _is_closed(piece: str) -> bool:
    return not piece[0].isascii() or piece[1] == LINE


def _beginning(part: str) -> str:
    return part[:2] if part[1:3] in LEGAL_PAIRS else part[:3]
