"""Reverting: making a record again what it was at an earlier version, as a new event."""

from typing import Any

from aggregates.base import Aggregate, Trait, same
from aggregates.errors import FieldError, Invalid
from aggregates.events import Event


class Revertible(Trait):
    """Can be made again what it was. Later events stay in the history; nothing is taken back but
    values: interactions, comments and merges have commands of their own."""

    class Reverted(Event):
        """Holds every value that differs now from what it was then: a fold needs no history."""

        CARRIES_STATE = True
        to_version: int

    def revert(self, then: Aggregate) -> None:
        """Take back every value that was changed since; nothing where none was."""
        if not 0 < then.version < self.version:
            raise Invalid(FieldError("to_version", "out-of-range", min=1, max=self.version - 1))
        names = self.Reverted.model_fields.keys() - {"to_version"}
        was = {n: getattr(then, n, None) for n in sorted(names)}
        changes = {n: v for n, v in was.items() if not same(v, getattr(self, n, None))}
        if "custom" in changes:
            changes["custom"] = _custom_changes(getattr(self, "custom", None), was["custom"])
        if changes:
            self.record(self.Reverted(to_version=then.version, **changes))


def _custom_changes(now: dict[str, Any] | None, then: dict[str, Any] | None) -> dict[str, Any]:
    """Custom fields to set; those that were not there then are set to null."""
    return {**dict.fromkeys(now or {}), **(then or {})}
