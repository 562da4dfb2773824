"""Company names: what counts as the same name, and what is a name without its legal form.

The canonical form decides uniqueness: spelling variants of one registered name are equal (width,
case, spaces, stops, brackets, the writings of a legal form), while legal form, place and
branch stay distinct. The stem is the canonical form without its legal form: by it, a short name is
recognised where the full one is known. Legal forms: Company Law of the PRC, articles 7 and 8, for
the Chinese ones; ISO 20275 abbreviations for the others.
"""

import re
import unicodedata

_FORMS = {
    "集团股份有限公司": "集团股份有限公司",
    "股份有限公司": "股份有限公司",
    "有限责任公司": "有限公司",
    "有限公司": "有限公司",
    "companylimited": "coltd",
    "coltd": "coltd",
    "corporation": "corp",
    "incorporated": "inc",
    "limited": "ltd",
}
_STRIPPED = (
    *("集团股份有限公司", "集团有限公司", "股份有限公司", "有限公司", "有限合伙", "普通合伙"),
    *("集团公司", "公司", "集团", "coltd", "corp", "inc", "ltd", "llc", "gmbh", "plc", "ag", "sa"),
)
_BRANCHES = ("分公司", "子公司")
_BRACKETS = str.maketrans("[{<【〔〈《", "(((((((") | str.maketrans("]}>】〕〉》", ")))))))")
_NOISE = re.compile(r"[\s.,。]+")


def canonical(name: str) -> str:
    """The form in which two spellings of one company name are equal."""
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_BRACKETS)
    folded = _NOISE.sub("", folded) or folded
    for spelling, form in _FORMS.items():
        if folded.endswith(spelling):
            return folded[: -len(spelling)] + form
    return folded


def stem(name: str) -> str:
    """The canonical name without its legal form; the whole where nothing else is left."""
    full = canonical(name)
    if full.endswith(_BRANCHES):
        return full
    for form in _STRIPPED:
        if full.endswith(form) and len(full) > len(form):
            return full[: -len(form)]
    return full


def has_legal_form(name: str) -> bool:
    """Whether the name says what kind of company it is."""
    return stem(name) != canonical(name)
