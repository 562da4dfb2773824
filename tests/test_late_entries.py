"""Late entries: what rules know and what rows show stay one, whatever order things are told in."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from aggregates.base import Aggregate
from aggregates.customer import Customer
from aggregates.opportunity import Opportunity
from commands.base import COMMANDS, Meta
from commands.customer import ChangeCustomerDetails, TagCustomer, UntagCustomer
from commands.opportunity import (
    AdvanceOpportunity,
    LoseOpportunity,
    ReopenOpportunity,
    WinOpportunity,
)
from commands.requests import Request
from projections.base import Projection
from tests.write_side import CALLER, WriteSide, opening, registration, write_side_on

NOW = datetime.now(UTC)
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

    def do(self, command, at=None):
        meta = Meta(occurred_at=at, reason="told late")
        return self.side.application.dispatch(Request(command, self.id, meta), CALLER)

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
    record.do(LoseOpportunity(lost_on=EARLIER.date(), lost_reason="price"), at=EARLIER)
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
