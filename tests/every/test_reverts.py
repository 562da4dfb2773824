"""For every kind that can be reverted: the row after a revert is the row as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.base import Aggregate, having
from aggregates.errors import Rejected
from aggregates.revert import Revertible
from commands.base import COMMANDS
from commands.preparation import handled
from projections.base import Row
from tests.every.test_lives import asked, folded, lived, projections_of, quick
from tests.spec import Neighbours

KEPT = {*Row.__annotations__, "retired", "found_by", "was_found_by", "reminded_at", "closed_at"}
KEPT -= {"number"}
"""Of rows: what a revert leaves as it is, beside the state that it leaves."""
COURSE = {
    "tickets": {
        *("status", "waits_for", "solution", "opened_at", "started_at", "first_response_at"),
        *("completed_at", "closed_at", "reopened", "escalated", "escalated_to_id", "comments"),
        *("last_comment_at", "rating", "rating_comment", "callback", "callback_due_at"),
        *("callback_at", "callback_satisfied", "callback_note", "callback_task_id"),
        "contact_id",  # given back only where the contact is still the customer's
    }
}
"""Table → what its records went through: that did happen, whatever is taken back."""


def told(row: Row, of: type[Aggregate]) -> dict[str, object]:
    """What a row says of its record, beyond that it exists, is in use and went its way."""
    kept = KEPT.union(*(vars(base).get("KEPT", ()) for base in of.__mro__)) - {"number"}
    kept |= COURSE.get(row.table, set())
    return {name: value for name, value in vars(row).items() if name not in kept}


@pytest.mark.parametrize("kind", [a.KIND for a in having(Revertible)])
def test_a_reverted_row_is_what_it_was(kind: str) -> None:
    [projection] = [p for p in projections_of(kind) if not p.is_of_parts]

    @quick
    @given(asked(kind), st.data())
    def check(commands: list, data: st.DataObject) -> None:
        aggregate, events = lived(kind, commands)
        if aggregate.version < 2:
            return
        then = data.draw(st.integers(1, aggregate.version - 1))
        was = folded(projection.table, events[:then])
        revert = COMMANDS[f"{aggregate.PLURAL}/revert"].model_validate({"to_version": then})
        vars(aggregate).update(is_archived=False, merged_into=None)  # else it refuses
        try:
            handled(revert, aggregate, Neighbours(list(events)))
        except Rejected:
            return
        now = folded(projection.table, list(aggregate.pending))
        assert told(now, type(aggregate)) == told(was, type(aggregate))

    check()


def test_what_people_correct_by_hand_can_be_reverted() -> None:
    assert {"Customer", "Contact", "Opportunity"} <= {a.KIND for a in having(Revertible)}
