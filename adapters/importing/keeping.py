"""Why a revert left a record as it was, in words."""

from adapters.texts import Texts
from aggregates.base import Aggregate
from aggregates.errors import kebab
from aggregates.importing import Kept


def sentence(texts: Texts, kept: Kept, language: str) -> str:
    """``Others have since changed: Region.``"""
    if not kept.fields:
        return texts.message(f"kept-{kept.why}", language)
    kind = next(k for k in Aggregate.registry if kebab(k) == kept.kind)
    labels = [texts.label(kind, field, language) for field in kept.fields]
    listed = ("、" if language == "zh" else ", ").join(labels)
    return texts.message("kept-changed-fields", language, said=listed)


def named(texts: Texts, kept: Kept, language: str) -> str:
    """What the record is, and why it was left."""
    kind = next(k for k in Aggregate.registry if kebab(k) == kept.kind)
    return f"{texts.label(kind, None, language)} {kept.id}: {sentence(texts, kept, language)}"
