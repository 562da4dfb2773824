"""Why something was refused, in one line."""

from adapters.http.problems import Problems
from adapters.texts import Texts
from aggregates.errors import DomainError, FieldError, Invalid

LANGUAGE = "en"


class Reasons:
    """Says refusals as the service does."""

    def __init__(self, texts: Texts | None = None) -> None:
        self._texts = texts or Texts()
        self._problems = Problems(self._texts)

    def of(self, error: DomainError) -> str:
        """Each field that is wrong, or the rule that said no."""
        if isinstance(error, Invalid):
            return "; ".join(f"{e.field}: {self._message(e)}" for e in error.errors)
        return str(self._problems.document(error, LANGUAGE)["detail"])

    def _message(self, error: FieldError) -> str:
        """A text's key has no spaces; what has is the message itself."""
        if " " in error.message:
            return error.message
        return self._texts.message(error.message, LANGUAGE, **error.values)
