"""Pinyin: Chinese texts by the sound of their characters, and what typed letters may stand for.

A syllable without its tone is one private character, and its first letter another, so texts of
sounds are indexed and searched as any text is. Readings of characters and phrases: pypinyin.
"""

import re
from collections import defaultdict
from functools import cache
from typing import NamedTuple

_FIRST_SYLLABLE, _FIRST_LETTER = 0xE000, 0xF000
_LETTERS = re.compile("[a-z]{2,}")
_LONGEST = 6
"""Letters of a syllable: zhuang."""
_MOST_LETTERS, _MOST_READINGS = 60, 4
_OTHERWISE = {"lyu": "lv", "nyu": "nv", "lue": "lve", "nue": "nve"}
"""Spellings that people use beside the one of the table."""


class Sounds(NamedTuple):
    """How Chinese is read."""

    syllables: dict[str, str]
    """Letters → the private character of the syllable."""
    characters: "_Usual"
    """Code point → the private character of its usual syllable."""
    doubtful: frozenset[str]
    """Characters that are read otherwise in some phrase."""
    phrases: dict[str, tuple[tuple[str, str], ...]]
    """First character → phrases in which one is read otherwise, the longest first."""


class _Usual(dict[int, str]):
    """What has no sound is nothing."""

    def __missing__(self, code: int) -> str:
        return ""


class Reading(NamedTuple):
    """One way to read typed letters."""

    initials: str
    """The first letter of each syllable, as private characters."""
    syllables: tuple[str, ...]
    """For each syllable those that it can be: one, or several where it is not typed out."""

    @property
    def expression(self) -> str:
        """A regular expression of the syllables."""
        return "".join(f"[{s}]" for s in self.syllables)


def syllables(text: str) -> str:
    """The sounds of a folded text; what is not Chinese sounds like nothing."""
    sounds = _sounds()
    if sounds.doubtful.isdisjoint(text):
        return text.translate(sounds.characters)
    found: list[str] = []
    at = 0
    while at < len(text):
        phrases = sounds.phrases.get(text[at], ())
        phrase = next((p for p in phrases if text.startswith(p[0], at)), None)
        if phrase is not None:
            found.append(phrase[1])
            at += len(phrase[0])
        else:
            found.append(sounds.characters[ord(text[at])])
            at += 1
    return "".join(found)


def first_syllables(character: str) -> str:
    """Whatever a character can sound like, the usual first, as private characters."""
    from pypinyin.constants import PINYIN_DICT

    spoken = map(_plain, PINYIN_DICT.get(ord(character), "").split(","))
    known = (_sounds().syllables.get(letters, "") for letters in spoken)
    return "".join(dict.fromkeys("".join(known)))


def initials(syllables: str) -> str:
    """The first letters of syllables."""
    return syllables.translate(_initials())


@cache
def _sounds() -> Sounds:
    # Loaded when something Chinese is met: it takes a quarter of a second and 40 MB.
    from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

    spoken = {code: _plain(readings) for code, readings in PINYIN_DICT.items()}
    written = sorted({s for s in spoken.values() if s.isascii() and s.isalpha()})
    private = {s: chr(_FIRST_SYLLABLE + n) for n, s in enumerate(written)}
    characters = _Usual((code, private[s]) for code, s in spoken.items() if s in private)
    phrases: dict[str, dict[str, str]] = defaultdict(dict)
    doubtful: set[str] = set()
    for phrase, readings in PHRASES_DICT.items():
        sounds = "".join(private.get(_plain(r[0]), "") for r in readings)
        usual = phrase.translate(characters)
        if len(sounds) == len(usual) == len(phrase) and sounds != usual:
            phrases[phrase[0]][phrase] = sounds
            doubtful.update(c for c, s, u in zip(phrase, sounds, usual, strict=True) if s != u)
    ordered = {
        first: tuple(sorted(found.items(), key=lambda p: (-len(p[0]), p[0])))
        for first, found in phrases.items()
    }
    return Sounds(private, characters, frozenset(doubtful), ordered)


@cache
def _plain(readings: str) -> str:
    """The first of some readings, without its tone."""
    from pypinyin.contrib.tone_convert import to_normal

    return str(to_normal(readings.partition(",")[0]))


@cache
def _initials() -> dict[int, str]:
    return {ord(p): _initial(s[0]) for s, p in _sounds().syllables.items()}


def _initial(letter: str) -> str:
    return chr(_FIRST_LETTER + ord(letter) - ord("a"))


# What is typed


def readings(letters: str) -> list[Reading]:
    """How letters can be read: as few syllables as possible first, first letters of each last.

    The last syllable may be unfinished, and a single letter stands for any syllable that begins
    with it.
    """
    if len(letters) > _MOST_LETTERS or not _LETTERS.fullmatch(letters):
        return []
    cut = _cuts(letters)[:_MOST_READINGS]
    if all(c in _first_letters() for c in letters):
        cut.append(tuple(letters))
    return [_reading(units) for units in dict.fromkeys(cut)]


def _cuts(letters: str) -> list[tuple[str, ...]]:
    """Ways to cut letters into syllables and first letters, from the end backwards."""
    known = _sounds().syllables.keys() | _OTHERWISE.keys()
    end = len(letters)
    best: list[list[tuple[str, ...]]] = [[] for _ in range(end)] + [[()]]
    for at in range(end - 1, -1, -1):
        found: list[tuple[str, ...]] = []
        for stop in range(min(end, at + _LONGEST), at, -1):
            unit = letters[at:stop]
            is_unit = len(unit) == 1 or unit in known or (stop == end and _beginning_with(unit))
            if is_unit and _beginning_with(unit[0]):
                found += [(unit, *rest) for rest in best[stop]]
        best[at] = sorted(found, key=len)[:_MOST_READINGS]
    return best[0]


def _reading(units: tuple[str, ...]) -> Reading:
    *before, last = units
    spoken = [_class(unit, is_last=False) for unit in before] + [_class(last, is_last=True)]
    return Reading("".join(_initial(unit[0]) for unit in units), tuple(spoken))


def _class(unit: str, *, is_last: bool) -> str:
    """The private characters of the syllables that a unit may stand for."""
    unit = _OTHERWISE.get(unit, unit)
    whole = _sounds().syllables.get(unit)
    if whole is not None and len(unit) > 1 and not is_last:
        return whole
    return _beginning_with(unit)


@cache
def _beginning_with(letters: str) -> str:
    return "".join(p for s, p in _sounds().syllables.items() if s.startswith(letters))


@cache
def _first_letters() -> frozenset[str]:
    return frozenset(s[0] for s in _sounds().syllables)
