"""Names as they are compared: a company's place, brand, trade and branch, a person's words."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path

from rapidfuzz.distance import OSA, JaroWinkler

from aggregates.company_names import canonical, stem
from aggregates.folding import folded

_BRANCH = re.compile(
    r"^(?P<head>.*?(?:公司|集团|企业|事务所|银行|中心|厂))(?P<branch>.{1,20}?)"
    r"(?:分公司|子公司|分行|支行|分店|门店|办事处|营业部|销售部|分厂|分所)$"
)
_BRACKETED = re.compile(r"\(([^()]*)\)")
_OF_PLACES = re.compile(r"(?<=..)(?:特别行政区|自治区|自治州|地区|新区|省|市|县|区)$")
LONG = 5
"""Letters, from which on a word is long."""
_NO_WORD = re.compile(r"[\W_]+")
_LATIN_WORD = re.compile(r"[^\W_]+")


def _read() -> tuple[dict[str, str], frozenset[str]]:
    """Place → its province (a province: itself), and the trades, of the list beside this module."""
    text = Path(__file__).with_name("words.txt").read_text("utf-8")
    places, trades = re.sub("#.*", "", text).split("[places]")[1].split("[trades]")
    regions, region = {}, ""
    for word in places.split():
        region = word[:-1] if word.endswith(":") else region
        regions[word.rstrip(":")] = region
    return regions, frozenset(trades.split())


PLACES, TRADES = _read()
_LONGEST_PLACE, _LONGEST_TRADE = max(map(len, PLACES)), max(map(len, TRADES))


def is_chinese(text: str) -> bool:
    return any("\u3400" <= character <= "\u9fff" for character in text)


@dataclass(frozen=True, slots=True)
class CompanyName:
    """A company's name in the parts that mean different things."""

    canonical: str
    """Equal for spellings of one registered name."""
    stem: str
    """Without legal form and branch."""
    places: frozenset[str]
    """Provinces and cities that it begins with or holds in brackets."""
    brand: str
    """What is left without place and trade."""
    trade: str
    """What the company does: ``科技``, ``商贸``; may be empty."""
    branch: str
    """``上海`` of ``…有限公司上海分公司``; empty for a head office."""

    def is_elsewhere(self, other: "CompanyName") -> bool:
        """Whether both say where they are, and neither place can be the other's."""
        if not self.places or not other.places:
            return False
        pairs = product(self.places, other.places)
        return not any(_is_within(a, b) or _is_within(b, a) for a, b in pairs)


def _is_within(place: str, other: str) -> bool:
    return other in (place, PLACES[place])


@lru_cache(20_000)
def company_name(text: str) -> CompanyName:
    """A company's name in parts."""
    whole = canonical(folded(text))
    branched = _BRANCH.match(whole)
    head, branch = (branched["head"], branched["branch"]) if branched else (whole, "")
    body = stem(head)
    brand, trade, places = _parts(body)
    return CompanyName(whole, body, places, brand, trade, _without_place_suffix(branch))


def _parts(body: str) -> tuple[str, str, frozenset[str]]:
    """(brand, trade, places) of a stem."""
    bracketed = [_without_place_suffix(b) for b in _BRACKETED.findall(body)]
    rest = _NO_WORD.sub("", _BRACKETED.sub("", body)) or _NO_WORD.sub("", body) or body
    places = [b for b in bracketed if b in PLACES]
    while (place := _leading_place(rest)) and len(rest) - len(place) >= 2:
        rest = rest.removeprefix(place)
        places.append(_without_place_suffix(place))
    brand = rest
    while (word := _trailing_trade(brand)) and len(brand) - len(word) >= 2:
        brand = brand.removesuffix(word)
    return brand, rest.removeprefix(brand), frozenset(places)


def _leading_place(text: str) -> str:
    """The place that a name begins with, and a sign of its rank: ``杭州市``."""
    for length in range(min(_LONGEST_PLACE, len(text)), 1, -1):
        if text[:length] in PLACES:
            rank = re.match(r"(?:特别行政区|自治区|自治州|地区|省|市|县)", text[length:])
            return text[:length] + (rank[0] if rank else "")
    return ""


def _trailing_trade(text: str) -> str:
    for length in range(min(_LONGEST_TRADE, len(text)), 1, -1):
        if text[-length:] in TRADES:
            return text[-length:]
    return ""


def _without_place_suffix(text: str) -> str:
    return _OF_PLACES.sub("", text)


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person's name: its words, sorted; a Chinese name is one word."""

    words: tuple[str, ...]

    @property
    def joined(self) -> str:
        return "".join(self.words)


@lru_cache(20_000)
def person_name(text: str) -> PersonName | None:
    """A person's name in parts; None where it shows no letter."""
    words = _LATIN_WORD.findall(folded(text))
    if is_chinese(text):
        words = ["".join(words)]
    return PersonName(tuple(sorted(words))) if words else None


def is_slip(one: str, other: str) -> bool:
    """Whether two long words differ by so little that one is a slip of the other.

    Short ones differ by one letter on purpose.
    """
    shorter = min(len(one), len(other))
    return shorter >= LONG and OSA.distance(one, other) <= (1 if shorter < 2 * LONG else 2)


def word_likeness(one: str, other: str) -> float:
    """How alike two words of a person's name are: slips, swaps and endings count little
    (Jaro-Winkler, the greater of both directions so that it is symmetric)."""
    both = JaroWinkler.similarity(one, other), JaroWinkler.similarity(other, one)
    return max(both)


def person_likeness(one: PersonName, other: PersonName) -> float:
    """How alike two persons' names are, from 0 to 1: as a whole, or word by word."""
    whole = word_likeness(one.joined, other.joined)
    if len(one.words) != len(other.words):
        return whole
    short, long = sorted((one.words, other.words))
    best = [max(word_likeness(word, candidate) for candidate in long) for word in short]
    return max(whole, sum(best) / len(best))
