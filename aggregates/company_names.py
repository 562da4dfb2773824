"""Company names: what counts as the same name, and what is a name without its legal form.

The canonical form decides uniqueness: spelling variants of one registered name are equal (width,
case, spaces, stops, brackets, the writings of a legal form), while legal form, place and
branch stay distinct. The stem is the canonical form without its legal form: by it, a short name is
recognised where the full one is known. Legal forms: Company Law of the PRC, articles 7 and 8, for
the Chinese ones; ISO 20275 abbreviations for the others.
"""

import re
import unicodedata
from functools import lru_cache

from aggregates.values import seen

REMEMBERED = 4_096
"""Names whose parts are remembered: a command looks at each of its own several times."""

_LATIN = re.compile(
    r"(?:(?<=[\s.,()])|(?<=[^\x00-\x7f]))"  # a form is a word: Visa ends in no S.A.
    r"(?:(?:company|co)[\s.,]*(?:limited|ltd)|limited|ltd|incorporated|inc|corporation|corp"
    r"|l\.?\s?l\.?\s?c|gmbh|plc|a\.?\s?g|s\.?\s?a)[\s.,。]*$"
)
_SPELLINGS = {
    "companylimited": "coltd",
    "companyltd": "coltd",
    "colimited": "coltd",
    "limited": "ltd",
    "incorporated": "inc",
    "corporation": "corp",
}
_CHINESE = (
    *("集团股份有限公司", "集团有限公司", "股份有限公司", "有限公司", "集团公司", "公司", "集团"),
    *("(有限合伙)", "(普通合伙)", "(特殊普通合伙)", "有限合伙", "普通合伙"),
)
_BRANCHES = ("分公司", "子公司")
_FORMS_ALONE = frozenset(
    (*(f.strip("()") for f in _CHINESE), *_BRANCHES, "有限责任公司", "有限", "股份公司")
)
_BRACKETS = str.maketrans("[{<【〔〈《", "(((((((") | str.maketrans("]}>】〕〉》", ")))))))")
_NOISE = re.compile(r"[\s.,。]+")
"""What spells nothing: spaces and stops."""


def canonical(name: str) -> str:
    """The form in which two spellings of one company name are equal."""
    body, form = _parts(name)
    return body + form


def stem(name: str) -> str:
    """The canonical name without its legal form; the whole where nothing else is left."""
    return _parts(name)[0]


def has_legal_form(name: str) -> bool:
    """Whether the name says what kind of company it is."""
    return _parts(name)[1] != ""


@lru_cache(REMEMBERED)
def names_nothing(name: str) -> bool:
    """Whether there is nothing but a legal form, punctuation and what cannot be seen."""
    spelled = _spelled(name)
    latin = _LATIN.search(" " + spelled)
    rest = _NOISE.sub("", spelled if latin is None else spelled[: max(0, latin.start() - 1)])
    rest = "".join(c for c in rest if unicodedata.category(c)[0] in "LNS")
    return rest in _FORMS_ALONE or not rest


@lru_cache(REMEMBERED)
def _spelled(name: str) -> str:
    """Without width, case and what cannot be seen; unless then nothing is left."""
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_BRACKETS)
    return seen(folded) or folded


@lru_cache(REMEMBERED)
def _parts(name: str) -> tuple[str, str]:
    """The canonical name as body and legal form; a Latin form keeps a space before it."""
    folded = _spelled(name)
    latin = _LATIN.search(folded)
    if latin is not None and (body := _NOISE.sub("", folded[: latin.start()])):
        form = _NOISE.sub("", latin[0])
        return body, " " + _SPELLINGS.get(form, form)
    whole = _NOISE.sub("", folded) or folded
    if whole.endswith("有限责任公司"):
        whole = whole.removesuffix("有限责任公司") + "有限公司"
    return _without_chinese_form(whole)


def _without_chinese_form(whole: str) -> tuple[str, str]:
    if whole.endswith(_BRANCHES):
        return whole, ""
    form = next((f for f in _CHINESE if whole.endswith(f)), "")
    body = whole.removesuffix(form)
    return (body, form) if body else (whole, "")
