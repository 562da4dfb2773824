"""What records of several kinds can do alike: be archived, reverted, spoken with, merged."""

from datetime import date
from uuid import UUID

import pytest

from adapters import registry
from aggregates.archive import Archivable, RecordArchived
from aggregates.customer import Customer
from aggregates.errors import Rejected
from aggregates.interaction import NoSuchInteraction, interaction_id
from aggregates.merge import CustomerMerged, Made, NotMerged
from aggregates.opportunity import Opportunity, UseWinOrLose
from aggregates.ticket import Ticket
from commands.base import COMMANDS, Changes, Command
from commands.customer import AssignCustomer, TagCustomer
from commands.merge import MergeCustomer, UnmergeCustomer
from tests.spec import RECORD, cny, given

registry.load()
OTHER, THIRD = UUID(int=2), UUID(int=3)
REGISTERED = Customer.Registered(
    name="杭州云帆科技有限公司", industry="software", source="website", type="prospect"
)
TAGGED = Customer.Tagged(tags=("老客户",))
OPENED = Opportunity.Opened(title="展厅照明", customer_id=OTHER, amount=cny("10"), stage="lead")
FIRST = interaction_id(RECORD, 2)
VISITED = Customer.InteractionRecorded(interaction_id=FIRST, channel="visit", subject="参观")


def other(*events: Customer.Registered, id: UUID = OTHER) -> Customer:
    return Customer.replay(id, events or (REGISTERED,))


def under(parent_id: UUID) -> Customer.Registered:
    """Registered as the subsidiary of another."""
    return Customer.Registered(name="云帆分公司有限公司", parent_id=parent_id)


def reverted(**values: object) -> Customer.Reverted:
    """The event; which fields it has follows from the aggregate's state."""
    return Customer.Reverted.model_validate(values)


def asked(name: str, **fields: object) -> Command:
    return COMMANDS[name].model_validate(fields)


# Archive


@pytest.mark.parametrize(("kind", "begun"), [("customers", REGISTERED), ("opportunities", OPENED)])
def test_an_archived_record_refuses_all_but_being_restored(kind: str, begun: object) -> None:
    of = COMMANDS[f"{kind}/archive"].AGGREGATE
    archived = given(begun, of.EVENTS[f"{of.KIND}.Archived"]())  # type: ignore[arg-type]
    archived.when(asked(f"{kind}/archive")).changes_nothing()
    archived.when(asked(f"{kind}/assign", owner_id=str(OTHER))).rejects(RecordArchived)
    archived.when(asked(f"{kind}/revert", to_version=1)).rejects(RecordArchived)
    archived.when(asked(f"{kind}/restore")).then(of.EVENTS[f"{of.KIND}.Restored"]())


def test_archiving_releases_nothing() -> None:
    archived = given(REGISTERED, Customer.Archived()).when(asked("customers/archive"))
    assert [r.scope for r in archived.aggregate.reservations()] == ["customer-name"]


# Revert


def test_a_revert_says_every_value_that_it_takes_back() -> None:
    changed = Customer.DetailsChanged(region="华东", custom={"vip": True, "size": 3})
    renamed = Customer.DetailsChanged(name="杭州云帆软件有限公司", custom={"size": 4})
    history = given(REGISTERED, changed, TAGGED, renamed)
    history.when(asked("customers/revert", to_version=2)).then(
        reverted(to_version=2, name=REGISTERED.name, tags=(), custom={"vip": True, "size": 3})
    )
    to_first = history.when(asked("customers/revert", to_version=1))
    [event] = to_first.aggregate.pending
    assert event.model_dump(exclude_unset=True) == {
        "to_version": 1,
        "name": REGISTERED.name,
        "region": None,
        "tags": (),
        "custom": {"vip": None, "size": None},
    }
    to_first.leaves(name=REGISTERED.name, region=None, tags=(), custom=None)


def test_a_revert_opens_what_was_closed_since() -> None:
    won = given(OPENED, Opportunity.Won(won_on=date(2026, 3, 1), amount=cny("12")))
    outcome = won.when(asked("opportunities/revert", to_version=1))
    outcome.leaves(stage="lead", is_closed=False, won_on=None, amount=cny("10"))


def test_a_revert_wins_and_loses_nothing() -> None:
    """There are commands for it, with rules and a day of their own."""
    won = Opportunity.Won(won_on=date(2026, 3, 1), amount=cny("12"))
    history = given(OPENED, won, Opportunity.Reopened(stage="lead"))
    history.when(asked("opportunities/revert", to_version=2)).rejects(UseWinOrLose)
    again = Opportunity.Won(won_on=date(2026, 4, 1))
    twice = given(OPENED, won, Opportunity.Reopened(stage="lead"), again)
    twice.when(asked("opportunities/revert", to_version=2)).rejects(UseWinOrLose)
    assigned = given(OPENED, won, Opportunity.Assigned(owner_id=OTHER))
    assigned.when(asked("opportunities/revert", to_version=2)).leaves(stage="won", owner_id=None)


def test_a_revert_gives_back_no_code_that_is_retired() -> None:
    opened = Ticket.Opened(subject="x", kind="complaint", priority="normal")
    history = given(opened, Ticket.DetailsChanged(kind="request", subject="y"))
    revert = asked("tickets/revert", to_version=1)
    history.when(revert).leaves(kind="complaint", subject="x")
    history._known.retired = frozenset({("ticket_kind", "complaint")})
    history.when(revert).leaves(kind="request", subject="x")


def test_a_revert_makes_nobody_a_subsidiary_of_itself() -> None:
    below = under(OTHER)
    free = Customer.DetailsChanged(parent_id=None, region="华东")
    history = given(below, free)
    history.beside(other()).when(asked("customers/revert", to_version=1)).leaves(parent_id=OTHER)
    turned = history.beside(other(under(RECORD))).when(asked("customers/revert", to_version=1))
    turned.leaves(parent_id=None, region=None)


def test_a_revert_to_what_is_changes_nothing_and_to_no_version_is_invalid() -> None:
    history = given(REGISTERED, TAGGED, Customer.Untagged(tags=("老客户",)))
    history.when(asked("customers/revert", to_version=1)).changes_nothing()
    for version in (3, 4, 99):
        history.when(asked("customers/revert", to_version=version)).invalid("to_version")


def test_a_revert_leaves_interactions_alone() -> None:
    history = given(REGISTERED, VISITED, TAGGED)
    history.when(asked("customers/revert", to_version=1)).leaves(interactions=(FIRST,), tags=())


# Interactions


def test_an_interaction_has_an_id_that_follows_from_its_record_and_version() -> None:
    said = {"channel": "visit", "subject": "参观"}
    given(REGISTERED).when(asked("customers/record-interaction", **said)).then(VISITED)


def test_what_was_recorded_is_amended_and_retracted_by_later_events() -> None:
    visited = given(REGISTERED, VISITED)
    id = {"interaction_id": str(FIRST)}
    amended = Customer.InteractionAmended(interaction_id=FIRST, subject="参观展厅")
    visited.when(asked("customers/amend-interaction", **id, subject="参观展厅")).then(amended)
    retracted = Customer.InteractionRetracted(interaction_id=FIRST, reason="记错了")
    visited.when(asked("customers/retract-interaction", **id, reason="记错了")).then(retracted)
    gone = given(REGISTERED, VISITED, retracted)
    gone.when(asked("customers/amend-interaction", **id, subject="x")).rejects(NoSuchInteraction)
    gone.when(asked("customers/retract-interaction", **id, reason="x")).rejects(NoSuchInteraction)


def test_an_interaction_leaves_the_record_itself_alone() -> None:
    """Both a customer and an interaction have a channel."""
    sold = given(REGISTERED.model_copy(update={"channel": "经销"}))
    outcome = sold.when(asked("customers/record-interaction", channel="call", subject="s"))
    outcome.leaves(channel="经销")


# Merge


def test_both_sides_of_a_merge_record_it() -> None:
    outcome = given(REGISTERED).beside(other()).when(MergeCustomer(into_id=OTHER))
    outcome.then(Customer.Merged(into_id=OTHER))
    [survivor] = outcome.children
    assert survivor.pending == [Customer.Absorbed(merged_id=RECORD)]


def test_a_merge_into_itself_or_into_one_out_of_use_is_refused() -> None:
    given(REGISTERED).when(MergeCustomer(into_id=RECORD)).invalid("into_id")
    merged = Customer.replay(OTHER, [REGISTERED, Customer.Merged(into_id=THIRD)])
    archived = Customer.replay(OTHER, [REGISTERED, Customer.Archived()])
    for survivor, why in ((merged, CustomerMerged), (archived, RecordArchived)):
        given(REGISTERED).beside(survivor).when(MergeCustomer(into_id=OTHER)).rejects(why)


@pytest.mark.parametrize(
    "command",
    [
        TagCustomer(tags=("x",)),
        AssignCustomer(owner_id=OTHER),
        MergeCustomer(into_id=THIRD),
    ],
    ids=lambda c: c.VERB,
)
def test_a_merged_one_refuses_and_says_who_goes_on(command: Changes) -> None:
    merged = given(REGISTERED, Customer.Merged(into_id=OTHER)).beside(other())
    merged.when(command).rejects(CustomerMerged, into_id=str(OTHER))


def test_what_was_recorded_on_a_merged_one_is_corrected_there() -> None:
    merged = given(REGISTERED, VISITED, Customer.Merged(into_id=OTHER)).beside(other())
    id = {"interaction_id": str(FIRST)}
    amended = Customer.InteractionAmended(interaction_id=FIRST, subject="参观展厅")
    merged.when(asked("customers/amend-interaction", **id, subject="参观展厅")).then(amended)
    retracted = Customer.InteractionRetracted(interaction_id=FIRST, reason="记错了")
    outcome = merged.when(asked("customers/retract-interaction", **id, reason="记错了"))
    outcome.then(retracted).leaves(merged_into=OTHER)
    another = asked("customers/record-interaction", channel="call", subject="x")
    merged.when(another).rejects(CustomerMerged)


def test_neither_parent_nor_subsidiary_is_merged_into_the_other() -> None:
    for own, theirs in ((under(OTHER), REGISTERED), (REGISTERED, under(RECORD))):
        beside = given(own).beside(other(theirs), Customer.replay(RECORD, [own]))
        beside.when(MergeCustomer(into_id=OTHER)).invalid("into_id")


def test_what_was_made_since_a_merge_is_listed_when_it_is_undone() -> None:
    made = (Made(kind="Opportunity", id=THIRD),)
    survivor = Customer.replay(OTHER, [REGISTERED, Customer.Absorbed(merged_id=RECORD)])
    merged = given(REGISTERED, Customer.Merged(into_id=OTHER)).beside(survivor, made=made)
    outcome = merged.when(UnmergeCustomer())
    outcome.then(Customer.Unmerged(from_id=OTHER, made_since=made)).leaves(merged_into=None)
    [survivor_after] = outcome.children
    assert survivor_after.pending == [Customer.Separated(merged_id=RECORD, made_since=made)]
    assert survivor_after.state()["absorbed"] == ()


def test_only_a_merged_one_is_unmerged() -> None:
    given(REGISTERED).when(UnmergeCustomer()).rejects(NotMerged)


def test_every_refusal_of_a_trait_is_a_rule_with_a_name() -> None:
    for rule in (RecordArchived, NoSuchInteraction, CustomerMerged, NotMerged):
        assert Rejected.registry[rule.code] is rule
    assert issubclass(Customer.Archived, Archivable.Archived)
    assert Customer.Archived is not Archivable.Archived
