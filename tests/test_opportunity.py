"""Opportunities: the contract's table of transitions, row by row."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from adapters import registry
from aggregates.contact import Contact
from aggregates.events import Event
from aggregates.opportunity import (
    Opportunity,
    OpportunityClosed,
    OpportunityOpen,
    UseWinOrLose,
)
from aggregates.values import ExternalId
from commands.base import COMMANDS, Command
from commands.opportunity import (
    AdvanceOpportunity,
    AssignOpportunity,
    ChangeOpportunityAmount,
    ChangeOpportunityDetails,
    LoseOpportunity,
    MoveOpportunity,
    OpenOpportunity,
    RecordOpportunityStatus,
    ReopenOpportunity,
    RescheduleOpportunity,
    WinOpportunity,
)
from tests.spec import Given, cny, given

CUSTOMER, OTHER_CUSTOMER, SELLER, OTHER_SELLER = (UUID(int=n) for n in range(1, 5))
registry.load()
DAY, NEXT_DAY = date(2026, 3, 14), date(2026, 3, 15)


OPENED = Opportunity.Opened(
    title="展厅照明",
    customer_id=CUSTOMER,
    amount=cny("12000"),
    pipeline="sales",
    stage="proposal",
    owner_id=SELLER,
)
WON = Opportunity.Won(won_on=DAY)
LOST = Opportunity.Lost(lost_on=DAY, lost_reason="price")
OPEN_STAGES = ("lead", "first_contact", "proposal", "negotiating")


def opened() -> Given:
    return given(OPENED)


# Open


def test_it_begins_as_a_lead_of_the_sales_pipeline() -> None:
    asked = OpenOpportunity(title="展厅照明", customer_id=CUSTOMER, amount=cny("12000"))
    given().when(asked).then(
        Opportunity.Opened(
            title="展厅照明",
            customer_id=CUSTOMER,
            amount=cny("12000"),
            pipeline="sales",
            stage="lead",
        )
    ).leaves(is_closed=False, stage="lead")


def test_everything_that_is_said_at_the_beginning_is_kept() -> None:
    said: dict[str, Any] = {
        "probability": 40,
        "products": ("GTX Pro", "MG Special"),
        "decision_maker_id": UUID(int=9),
        "summary": "全部更换\n分两期",
        "strengths": "交期短",
        "weaknesses": "价格高",
        "success_factors": "样品",
        "failure_factors": "预算",
        "source": "exhibition",
        "external": ExternalId(system="maven", id="1C1I7A6R"),
        "custom": {"floor": 3, "vip": True},
        "expected_close_on": NEXT_DAY,
        "owner_id": SELLER,
    }
    whole: dict[str, Any] = {
        "title": "t",
        "customer_id": CUSTOMER,
        "amount": cny("1"),
        "stage": "negotiating",
    }
    decides = Contact.replay(UUID(int=9), [Contact.Added(customer_id=CUSTOMER, name="王芳")])
    given().beside(decides).when(OpenOpportunity(**whole, **said)).then(
        Opportunity.Opened(**whole, pipeline="sales", **said)
    )


def test_what_is_sent_as_null_at_the_beginning_is_not_said() -> None:
    asked = OpenOpportunity(
        title="t", customer_id=CUSTOMER, amount=cny("1"), summary=None, owner_id=None
    )
    given().when(asked).then(
        Opportunity.Opened(
            title="t", customer_id=CUSTOMER, amount=cny("1"), pipeline="sales", stage="lead"
        )
    )


@pytest.mark.parametrize("stage", ["won", "lost"])
def test_it_does_not_begin_closed(stage: str) -> None:
    asked = OpenOpportunity(title="t", customer_id=CUSTOMER, amount=cny("1"), stage=stage)
    given().when(asked).rejects(UseWinOrLose)


def test_it_does_not_begin_at_a_stage_of_another_pipeline() -> None:
    asked = OpenOpportunity(
        title="t", customer_id=CUSTOMER, amount=cny("1"), pipeline="renewals", stage="lead"
    )
    given().when(asked).invalid("stage")


def test_another_pipeline_has_stages_of_its_own() -> None:
    asked = OpenOpportunity(
        title="t", customer_id=CUSTOMER, amount=cny("1"), pipeline="renewals", stage="due"
    )
    renewals = given().and_code("stage", "due", pipeline="renewals", type="open")
    renewals.when(asked).leaves(pipeline="renewals", stage="due")


@pytest.mark.parametrize("missing", ["title", "customer_id", "amount"])
def test_title_customer_and_amount_are_required(missing: str) -> None:
    body: dict[str, Any] = {
        "title": "t",
        "customer_id": str(CUSTOMER),
        "amount": {"amount": "1", "currency": "CNY"},
    }
    del body[missing]
    with pytest.raises(ValidationError) as refused:
        OpenOpportunity.model_validate(body)
    assert [error["loc"] for error in refused.value.errors()] == [(missing,)]


# Advance


@pytest.mark.parametrize("before", OPEN_STAGES)
@pytest.mark.parametrize("after", OPEN_STAGES)
def test_it_advances_between_open_stages_in_either_direction(before: str, after: str) -> None:
    at = given(OPENED.model_copy(update={"stage": before}))
    outcome = at.when(AdvanceOpportunity(stage=after)).leaves(stage=after)
    outcome.then(*([] if before == after else [Opportunity.Advanced(stage=after)]))


@pytest.mark.parametrize("stage", ["won", "lost"])
def test_it_does_not_advance_to_won_or_lost(stage: str) -> None:
    opened().when(AdvanceOpportunity(stage=stage)).rejects(UseWinOrLose)


def test_it_does_not_advance_to_a_stage_of_another_pipeline() -> None:
    elsewhere = opened().and_code("stage", "due", pipeline="renewals", type="open")
    elsewhere.when(AdvanceOpportunity(stage="due")).invalid("stage")


def test_a_stage_that_no_dictionary_has_is_refused() -> None:
    opened().when(AdvanceOpportunity(stage="dreaming")).invalid("stage")


# Win, lose, reopen


def test_it_is_won_from_any_open_stage() -> None:
    for stage in OPEN_STAGES:
        at = given(OPENED.model_copy(update={"stage": stage}))
        at.when(WinOpportunity(won_on=DAY)).then(WON).leaves(
            stage="won", is_closed=True, last_open_stage=stage, amount=cny("12000")
        )


def test_it_may_be_won_for_another_amount() -> None:
    opened().when(WinOpportunity(won_on=DAY, amount=cny("11500.50"))).then(
        Opportunity.Won(won_on=DAY, amount=cny("11500.50"))
    ).leaves(amount=cny("11500.50"))


def test_it_is_lost_for_a_reason() -> None:
    opened().when(LoseOpportunity(lost_on=DAY, lost_reason="price")).then(LOST).leaves(
        stage="lost", is_closed=True, last_open_stage="proposal"
    )
    opened().when(LoseOpportunity(lost_on=DAY, lost_reason="price", note="贵了一成")).then(
        Opportunity.Lost(lost_on=DAY, lost_reason="price", note="贵了一成")
    )


def test_a_loss_names_its_reason_from_the_dictionary() -> None:
    with pytest.raises(ValidationError):
        LoseOpportunity.model_validate({"lost_on": "2026-03-14"})
    opened().when(LoseOpportunity(lost_on=DAY, lost_reason="bad_luck")).invalid("lost_reason")


@pytest.mark.parametrize("closing", [WON, LOST], ids=["won", "lost"])
def test_reopened_it_is_at_its_last_open_stage(closing: Event) -> None:
    given(OPENED, Opportunity.Advanced(stage="negotiating"), closing).when(
        ReopenOpportunity()
    ).then(Opportunity.Reopened(stage="negotiating")).leaves(stage="negotiating", is_closed=False)


def test_an_open_one_is_not_reopened() -> None:
    opened().when(ReopenOpportunity()).rejects(OpportunityOpen)
    given(OPENED, WON, Opportunity.Reopened(stage="proposal")).when(ReopenOpportunity()).rejects(
        OpportunityOpen
    )


def test_a_reopened_one_can_be_closed_again() -> None:
    again = given(OPENED, LOST, Opportunity.Reopened(stage="proposal"))
    again.when(WinOpportunity(won_on=NEXT_DAY)).then(Opportunity.Won(won_on=NEXT_DAY))


# Closed

REFUSED_ONCE_CLOSED = [
    AdvanceOpportunity(stage="lead"),
    ChangeOpportunityAmount(amount=cny("1")),
    RescheduleOpportunity(expected_close_on=DAY),
    WinOpportunity(won_on=NEXT_DAY),
    LoseOpportunity(lost_on=NEXT_DAY, lost_reason="price"),
    MoveOpportunity(customer_id=OTHER_CUSTOMER),
    ChangeOpportunityDetails(title="t"),
]
ALLOWED_ONCE_CLOSED = [AssignOpportunity(owner_id=OTHER_SELLER), ReopenOpportunity()]


def test_every_command_has_a_case_here() -> None:
    tried = {type(command) for command in REFUSED_ONCE_CLOSED + ALLOWED_ONCE_CLOSED}
    changes = {c for c in COMMANDS.values() if c.AGGREGATE is Opportunity and not c.CREATES}
    own = {c for c in changes if c.__module__ == "commands.opportunity"}  # and not of its traits
    assert {c for c in own if not c.IMPORT_ONLY} == tried


@pytest.mark.parametrize("closing", [WON, LOST], ids=["won", "lost"])
@pytest.mark.parametrize("command", REFUSED_ONCE_CLOSED, ids=lambda c: c.VERB)
def test_a_closed_one_refuses_changes(closing: Event, command: Command) -> None:
    given(OPENED, closing).when(command).rejects(OpportunityClosed)


@pytest.mark.parametrize("closing", [WON, LOST], ids=["won", "lost"])
@pytest.mark.parametrize("command", ALLOWED_ONCE_CLOSED, ids=lambda c: c.VERB)
def test_a_closed_one_is_still_assigned_and_reopened(closing: Event, command: Command) -> None:
    assert given(OPENED, closing).when(command).refusal is None


# The rest


def test_amount_and_closing_day_change() -> None:
    opened().when(ChangeOpportunityAmount(amount=cny("15000"))).then(
        Opportunity.AmountChanged(amount=cny("15000"))
    )
    opened().when(RescheduleOpportunity(expected_close_on=DAY)).then(
        Opportunity.Rescheduled(expected_close_on=DAY)
    )


def test_it_moves_to_another_customer_and_belongs_to_it() -> None:
    outcome = opened().when(MoveOpportunity(customer_id=OTHER_CUSTOMER))
    outcome.then(Opportunity.Moved(customer_id=OTHER_CUSTOMER))
    assert outcome.aggregate.root_customer_id == OTHER_CUSTOMER


@pytest.mark.parametrize(
    "command",
    [
        AdvanceOpportunity(stage="proposal"),
        ChangeOpportunityAmount(amount=cny("12000")),
        ChangeOpportunityAmount(amount=cny("12000.00")),
        AssignOpportunity(owner_id=SELLER),
        MoveOpportunity(customer_id=CUSTOMER),
        ChangeOpportunityDetails(title="展厅照明"),
        ChangeOpportunityDetails(),
    ],
    ids=lambda c: c.VERB,
)
def test_what_is_so_already_is_not_recorded(command: Command) -> None:
    opened().when(command).changes_nothing()


def test_only_details_that_differ_are_recorded() -> None:
    given(OPENED, Opportunity.DetailsChanged(probability=50, strengths="交期短")).when(
        ChangeOpportunityDetails(probability=50, strengths=None, weaknesses="价格高")
    ).then(Opportunity.DetailsChanged(strengths=None, weaknesses="价格高"))


def test_custom_fields_not_named_stay() -> None:
    known = given(OPENED, Opportunity.DetailsChanged(custom={"floor": 3, "vip": True}))
    known.when(ChangeOpportunityDetails(custom={"floor": 4})).then(
        Opportunity.DetailsChanged(custom={"floor": 4})
    )
    known.when(ChangeOpportunityDetails(custom={"floor": 3})).changes_nothing()


def test_a_title_is_corrected_but_not_removed() -> None:
    opened().when(ChangeOpportunityDetails(title="展厅和仓库照明")).then(
        Opportunity.DetailsChanged(title="展厅和仓库照明")
    )
    with pytest.raises(ValidationError):
        ChangeOpportunityDetails.model_validate({"title": None})


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_probability_is_a_percentage(percent: int) -> None:
    with pytest.raises(ValidationError):
        ChangeOpportunityDetails.model_validate({"probability": percent})


def test_a_business_day_is_within_reason() -> None:
    for day in ("1899-12-31", "2200-01-01"):
        with pytest.raises(ValidationError):
            WinOpportunity.model_validate({"won_on": day})


# What other systems say


Stage = tuple[str, str]
LEAD, PROPOSAL = ("lead", "open"), ("proposal", "open")
WON_STAGE, LOST_STAGE = ("won", "won"), ("lost", "lost")


@pytest.mark.parametrize(
    ("before", "to", "irregular"),
    [
        ((), LEAD, False),
        ((), WON_STAGE, False),
        ((), LOST_STAGE, False),
        ((WON,), PROPOSAL, False),
        ((WON,), LEAD, True),
        ((WON,), LOST_STAGE, True),
        ((LOST,), LOST_STAGE, True),
    ],
)
def test_an_import_records_any_stage_and_says_where_it_is_out_of_order(
    before: tuple[Event, ...], to: Stage, irregular: bool
) -> None:
    stage, outcome = to
    recorded = Opportunity.StatusRecorded.model_validate(
        {"stage": stage, "outcome": outcome, "irregular": irregular}
    )
    asked = RecordOpportunityStatus(stage=stage, amount=None)
    after = given(OPENED, *before).when(asked).then(recorded)
    after.leaves(stage=stage, is_closed=outcome != "open", amount=cny("12000"))


def test_a_stage_of_another_pipeline_is_recorded_too_but_out_of_order() -> None:
    other = given(OPENED).and_code("stage", "renewal", pipeline="service", type="open")
    recorded = Opportunity.StatusRecorded(stage="renewal", outcome="open", irregular=True)
    other.when(RecordOpportunityStatus(stage="renewal")).then(recorded)


def test_a_recorded_end_says_when_for_how_much_and_why() -> None:
    lost = RecordOpportunityStatus(stage="lost", closed_on=DAY, lost_reason="not_recorded")
    after = given(OPENED).when(lost).leaves(lost_on=DAY, lost_reason="not_recorded", won_on=None)
    reopened = ReopenOpportunity()
    given(OPENED, *after.aggregate.pending).when(reopened).then(
        Opportunity.Reopened(stage="proposal")
    )
    won = RecordOpportunityStatus(stage="won", closed_on=DAY, amount=cny("9000"))
    given(OPENED, LOST).when(won).leaves(
        won_on=DAY, lost_on=None, lost_reason=None, amount=cny("9000"), last_open_stage="proposal"
    )


def test_expenses_are_recorded_while_it_is_open() -> None:
    spent: dict[str, Any] = {"amount": cny("380.50"), "purpose": "客户来访用餐", "spent_on": DAY}
    expense = COMMANDS["opportunities/record-expense"].model_validate(spent)
    opened().when(expense).then(Opportunity.ExpenseRecorded(**spent)).leaves(amount=cny("12000"))
    for closed in (WON, LOST):
        given(OPENED, closed).when(expense).rejects(OpportunityClosed)
