"""Late entries: what rules know and what rows show stay one, whatever order things are told in."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aggregates.base import Aggregate
from aggregates.customer import Customer
from aggregates.errors import Invalid
from aggregates.opportunity import Opportunity
from aggregates.ticket import Ticket
from commands.base import COMMANDS, Meta
from commands.batch import dispatch_all, dispatch_many
from commands.customer import ChangeCustomerDetails, TagCustomer, UntagCustomer
from commands.opportunity import (
    AdvanceOpportunity,
    LoseOpportunity,
    ReopenOpportunity,
    WinOpportunity,
)
from commands.requests import IMPORT, Caller, Request
from commands.ticket import OpenTicket
from projections.base import Projection
from tests.write_side import CALLER, WriteSide, opening, registration, write_side_on

NOW = datetime.now(UTC)
IMPORTER = Caller(CALLER.actor, origin=IMPORT)
EARLIER, EARLIEST = NOW - timedelta(days=10), NOW - timedelta(days=20)


@pytest.fixture
def side(database_url: str) -> Iterator[WriteSide]:
    with write_side_on(database_url) as side:
        yield side


class Record:
    """One record, told of in any order; its state and its row."""

    def __init__(self, side: WriteSide, kind: type[Aggregate], creation) -> None:
        self.side, self.kind = side, kind
        request = Request(creation, meta=Meta(occurred_at=EARLIEST))
        self.id = side.application.dispatch(request, CALLER).id

    def do(self, command, at=None, caller=CALLER):
        meta = Meta(occurred_at=at, reason="told late")
        return self.side.application.dispatch(Request(command, self.id, meta), caller)

    def refuses(self, name, at, **fields):
        """The moment is refused, and nothing is stored."""
        before = len(self.side.log.stream(self.id))
        with pytest.raises(Invalid) as refusal:
            self.do(COMMANDS[name].model_validate(fields), at)
        [error] = refusal.value.errors
        assert (error.field, error.message) == ("meta.occurred_at", "before-last-step")
        assert len(self.side.log.stream(self.id)) == before

    @property
    def state(self):
        return self.side.application.repository.get(self.kind, self.id)

    @property
    def row(self):
        """The fold in the order of occurrence."""
        log = self.side.application._log
        codec = self.side.application._codec
        projection = Projection.registry[self.kind.PLURAL]
        events = codec.read_all(log.stream(self.id))
        row = None
        for event in sorted(events, key=lambda e: (e.envelope.version > 1, e.envelope.occurred_at)):
            row = projection.fold(row, event)
        return row


def test_late_tags_join_the_others(side: WriteSide) -> None:
    record = Record(side, Customer, registration())
    record.do(TagCustomer(tags=("x",)))
    record.do(TagCustomer(tags=("y",)), at=EARLIER)
    assert set(record.row.tags) == set(record.state.tags) == {"x", "y"}
    record.do(UntagCustomer(tags=("x",)), at=EARLIER)
    assert set(record.row.tags) == set(record.state.tags) == {"x", "y"}


def test_late_custom_fields_join_the_others(side: WriteSide) -> None:
    record = Record(side, Customer, registration())
    record.do(ChangeCustomerDetails(custom={"a": 1}))
    record.do(ChangeCustomerDetails(custom={"b": 2}), at=EARLIER)
    assert record.row.custom == record.state.state()["custom"] == {"a": 1, "b": 2}


def test_what_a_late_entry_did_not_change_can_be_changed(side: WriteSide) -> None:
    record = Record(side, Customer, registration())
    record.do(ChangeCustomerDetails(region="B"))
    record.do(ChangeCustomerDetails(region="C"), at=EARLIER)
    assert record.row.region == record.state.state()["region"] == "B"
    record.do(ChangeCustomerDetails(region="C"))
    assert record.row.region == record.state.state()["region"] == "C"


def test_a_late_loss_does_not_close_what_was_reopened(side: WriteSide) -> None:
    customer = Record(side, Customer, registration())
    record = Record(side, Opportunity, opening(customer.id))
    record.do(WinOpportunity(won_on=EARLIER.date()))
    record.do(ReopenOpportunity())
    record.do(AdvanceOpportunity(stage="proposal"))
    assert record.row.stage == record.state.stage == "proposal"
    told_late = LoseOpportunity(lost_on=EARLIER.date(), lost_reason="price")
    record.do(told_late, at=EARLIER, caller=IMPORTER)
    assert record.row.stage == record.state.stage
    assert record.state.is_closed is (record.row.stage in ("won", "lost"))


def test_a_clock_that_is_ahead_hides_no_correction(side: WriteSide) -> None:
    record = Record(side, Customer, registration())
    record.do(ChangeCustomerDetails(region="B"), at=datetime.now(UTC) + timedelta(minutes=4))
    record.do(ChangeCustomerDetails(region="C"))
    assert record.row.region == record.state.state()["region"]


def test_what_follows_on_what_a_clock_ahead_has_told_takes_effect(side: WriteSide) -> None:
    """A revert, say: it does not know that what it takes back is dated a little later than now."""
    record = Record(side, Customer, registration())
    ahead = datetime.now(UTC) + timedelta(minutes=4)
    record.do(ChangeCustomerDetails(region="华东"))
    record.do(ChangeCustomerDetails(region="华南"), ahead)
    record.do(COMMANDS["customers/revert"].model_validate({"to_version": 2}))
    assert record.state.region == record.row.region == "华东"
    record.do(ChangeCustomerDetails(region="华北"))
    assert record.state.region == record.row.region == "华北"
    assert side.log.stream(record.id)[-1].occurred_at == ahead


def complaint(side: WriteSide) -> Record:
    customer = Record(side, Customer, registration())
    asked = {"subject": "x", "kind": "complaint", "priority": "normal"}
    return Record(side, Ticket, OpenTicket.model_validate({"customer_id": customer.id, **asked}))


def test_a_step_is_not_put_before_the_last_one(side: WriteSide) -> None:
    """It would be answered as done, change nothing, and have a callback given up."""
    ticket = complaint(side)
    ticket.do(COMMANDS["tickets/start"].model_validate({}))
    ticket.refuses("tickets/complete", EARLIER, solution="换了主板")
    ticket.do(COMMANDS["tickets/complete"].model_validate({"solution": "换了主板"}))
    ticket.refuses("tickets/reopen", EARLIER, reason="又坏了")
    ticket.refuses("tickets/close", EARLIER)
    assert ticket.row.status == ticket.state.status == "completed"
    ticket.do(COMMANDS["tickets/reopen"].model_validate({"reason": "又坏了"}))
    assert ticket.row.status == ticket.state.status == "in_progress"


def test_steps_told_late_in_their_order_are_taken(side: WriteSide) -> None:
    ticket = complaint(side)
    ticket.do(COMMANDS["tickets/comment"].model_validate({"text": "在看"}))
    ticket.do(COMMANDS["tickets/start"].model_validate({}), EARLIER)
    ticket.do(COMMANDS["tickets/complete"].model_validate({"solution": "x"}), EARLIER)
    later = EARLIER + timedelta(days=1)
    ticket.do(COMMANDS["tickets/reopen"].model_validate({"reason": "又坏了"}), later)
    assert ticket.row.status == ticket.state.status == "in_progress"
    ticket.refuses("tickets/complete", EARLIER, solution="x")


def test_an_import_tells_steps_in_any_order(side: WriteSide) -> None:
    ticket = complaint(side)
    ticket.do(COMMANDS["tickets/start"].model_validate({}), caller=IMPORTER)
    status = COMMANDS["tickets/record-status"].model_validate({"status": "closed"})
    ticket.do(status, EARLIER, caller=IMPORTER)
    assert ticket.row.status == ticket.state.status == "in_progress"


def test_nothing_is_archived_or_restored_before_it_was_last(side: WriteSide) -> None:
    customer = Record(side, Customer, registration())
    customer.do(COMMANDS["customers/archive"].model_validate({}))
    customer.refuses("customers/restore", EARLIER)
    customer.do(COMMANDS["customers/restore"].model_validate({}))
    customer.refuses("customers/archive", EARLIER)


def test_a_sale_is_not_led_on_before_what_led_it_last(side: WriteSide) -> None:
    customer = Record(side, Customer, registration())
    sale = Record(side, Opportunity, opening(customer.id))
    sale.do(AdvanceOpportunity(stage="proposal"))
    sale.refuses("opportunities/win", EARLIER, won_on=EARLIER.date().isoformat())
    sale.do(WinOpportunity(won_on=EARLIER.date()))
    sale.refuses("opportunities/reopen", EARLIER)
    sale.do(COMMANDS["opportunities/revert"].model_validate({"to_version": 2}))
    assert sale.row.stage == sale.state.stage == "proposal"
    sale.refuses("opportunities/advance", EARLIER, stage="lead")


@pytest.mark.parametrize("carry_out", [dispatch_all, dispatch_many])
def test_a_batch_knows_the_steps_before(side: WriteSide, carry_out: Callable[..., Any]) -> None:
    """Each member of a batch is decided on what those before it leave."""
    ticket = complaint(side)
    start = Request(COMMANDS["tickets/start"].model_validate({}), ticket.id)
    complete = COMMANDS["tickets/complete"].model_validate({"solution": "x"})
    late = Request(complete, ticket.id, Meta(occurred_at=EARLIER))
    _, refused = carry_out(side.application, [start, late], CALLER)
    assert isinstance(refused, Invalid)
    is_started = ticket.state.status == "in_progress"  # where each stands for itself
    in_order = [] if is_started else [Request(start.command, ticket.id, Meta(occurred_at=EARLIER))]
    in_order.append(Request(complete, ticket.id) if is_started else late)
    carry_out(side.application, in_order, CALLER)
    assert ticket.row.status == ticket.state.status == "completed"
