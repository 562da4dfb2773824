"""Why something was refused, as a remark: each reader is told in their own language."""

from typing import TYPE_CHECKING

from adapters.remarks import PROBLEM, Field, Remark, several
from aggregates.errors import DomainError, FieldError, Invalid

if TYPE_CHECKING:
    from adapters.importing.plan import Plan


class Reasons:
    """Says refusals as the service does, each field with its column."""

    def __init__(self, plan: "Plan") -> None:
        self._plan = plan

    def of(self, error: DomainError) -> Remark:
        """Each field that is wrong, or the rule that said no."""
        if isinstance(error, Invalid):
            return several(tuple(map(self._wrong, error.errors)))
        return Remark(PROBLEM + error.code, **error.details)

    def field(self, name: str) -> Field:
        """A field of the plan's records, or ``part.field`` of what else a row speaks of."""
        return Field(self._plan.kind.KIND, name, self._plan.columns.get(name))

    def _wrong(self, error: FieldError) -> Remark:
        said = Remark(error.message, **error.values)
        named = self.field(error.field.removeprefix("meta."))  # As in a mapping.
        return Remark("field.wrong", field=named, said=said)
