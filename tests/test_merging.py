"""Merging on a real store: who goes on, what is refused, and what two at once are told."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest

from aggregates.customer import Customer, DuplicateCustomerName, ShortName
from aggregates.errors import DomainError, DuplicateExternalId, Invalid, Rejected, VersionConflict
from aggregates.merge import CustomerMerged, NotMerged
from aggregates.values import ExternalId
from commands.base import COMMANDS, Command
from commands.batch import dispatch_all, dispatch_many
from commands.customer import ChangeCustomerDetails, TagCustomer
from commands.merge import MergeCustomer, UnmergeCustomer
from commands.opportunity import OpenOpportunity
from commands.requests import Receipt, Request
from tests.spec import cny
from tests.write_side import CALLER, WriteSide, opening, registration, write_side_on


@pytest.fixture
def side(database_url: str) -> Iterator[WriteSide]:
    with write_side_on(database_url) as side:
        yield side


@pytest.fixture
def sides(database_url: str) -> Iterator[tuple[WriteSide, WriteSide]]:
    """Two processes, as far as the store can tell: nothing of what one knows is the other's."""
    with write_side_on(database_url) as one, write_side_on(database_url) as other:
        yield one, other


def refused(side: WriteSide, command: Command, id: UUID | None, why: type[Rejected]) -> Rejected:
    with pytest.raises(why) as refusal:
        side.do(command, id)
    return refusal.value


def into(side: WriteSide, id: UUID) -> UUID | None:
    return side.replayed(Customer, id).merged_into  # type: ignore[attr-defined]


def test_a_chain_answers_its_last_survivor(side: WriteSide) -> None:
    a, b, c = (side.do(registration()).id for _ in range(3))
    side.do(MergeCustomer(into_id=b), a)
    side.do(MergeCustomer(into_id=c), b)
    for merged in (a, b):
        refusal = refused(side, TagCustomer(tags=("x",)), merged, CustomerMerged)
        assert refusal.details == {"into_id": str(c)}
    with pytest.raises(Invalid) as invalid:
        side.do(opening(a))
    assert [(e.field, e.message) for e in invalid.value.errors] == [
        ("customer_id", "reference-merged")
    ]


def test_the_merged_one_keeps_its_name_and_a_clash_answers_the_survivor(side: WriteSide) -> None:
    known = ExternalId(system="erp", id="4711")
    a = side.do(registration(name="杭州云帆科技有限公司", external=known)).id
    b = side.do(registration()).id
    side.do(MergeCustomer(into_id=b), a)
    survivor = {"existing_id": str(b)}
    for why, asked in (
        (DuplicateCustomerName, {"name": "杭州云帆科技有限公司"}),
        (ShortName, {"name": "杭州云帆科技"}),
        (DuplicateExternalId, {"external": known}),
    ):
        assert refused(side, registration(**asked), None, why).details == survivor


def test_what_was_made_since_stays_and_is_listed(side: WriteSide) -> None:
    a, b, c = (side.do(registration()).id for _ in range(3))
    before = side.do(opening(b)).id
    side.do(MergeCustomer(into_id=b), a)
    side.do(MergeCustomer(into_id=c), b)
    since = side.do(opening(c)).id
    side.do(UnmergeCustomer(), a)
    [*_, unmerged] = side.events(a)
    [*_, separated] = side.events(b)
    listed = [made.id for made in unmerged.made_since]  # type: ignore[attr-defined]
    assert since in listed
    assert before not in listed
    assert separated.model_dump() == {
        "merged_id": a,
        "made_since": unmerged.model_dump()["made_since"],
    }
    assert [into(side, id) for id in (a, b, c)] == [None, c, None]
    refused(side, UnmergeCustomer(), a, NotMerged)


def test_of_two_opposite_merges_one_is_refused(sides: tuple[WriteSide, WriteSide]) -> None:
    one, other = sides
    with ThreadPoolExecutor(2) as pool:
        for _ in range(15):
            a, b = one.do(registration()).id, one.do(registration()).id
            first = pool.submit(attempt, one, MergeCustomer(into_id=b), a)
            second = pool.submit(attempt, other, MergeCustomer(into_id=a), b)
            assert sorted([first.result(60), second.result(60)]) == [False, True]
            assert {into(one, a), into(one, b)} in ({None, b}, {None, a})


def attempt(side: WriteSide, command: Command, id: UUID) -> bool:
    try:
        side.do(command, id)
    except (Rejected, Invalid):
        return False
    return True


def test_merges_by_two_at_once_never_close_a_circle_and_are_undone_in_any_order(
    sides: tuple[WriteSide, WriteSide],
) -> None:
    ids = [sides[0].do(registration()).id for _ in range(6)]

    def roam(side: WriteSide, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            id = chance.choice(ids)
            merge = MergeCustomer(into_id=chance.choice(ids))
            with suppress(DomainError):
                side.do(UnmergeCustomer() if chance.random() < 0.35 else merge, id)

    with ThreadPoolExecutor(2) as pool:
        for work in [pool.submit(roam, side, seed) for seed, side in enumerate(sides)]:
            work.result(100)
    for id in ids:
        seen, at = {id}, into(sides[0], id)
        while at is not None:
            assert at not in seen
            seen.add(at)
            at = into(sides[0], at)
    random.Random(1).shuffle(ids)
    for id in ids:
        with suppress(NotMerged):
            sides[1].do(UnmergeCustomer(), id)
    customers = [sides[0].replayed(Customer, id).state() for id in ids]
    assert [c.get("merged_into") for c in customers] == [None] * len(ids)
    assert [c.get("absorbed", ()) for c in customers] == [()] * len(ids)


def test_a_batch_merges_and_reverts_what_it_has_just_changed(side: WriteSide) -> None:
    a, b = side.do(registration()).id, side.do(registration(tags=("x",))).id
    revert = COMMANDS["customers/revert"]
    steps: list[tuple[Command, UUID]] = [
        (TagCustomer(tags=("y",)), b),
        (TagCustomer(tags=("z",)), b),
        (revert.model_validate({"to_version": 2}), b),
        (MergeCustomer(into_id=b), a),
        (UnmergeCustomer(), a),
        (MergeCustomer(into_id=b), a),
    ]
    requests = [Request(command, id) for command, id in steps]
    results = dispatch_all(side.application, requests, CALLER)
    assert [r.version for r in results if isinstance(r, Receipt)] == [2, 3, 4, 2, 3, 4]
    assert side.replayed(Customer, b).state()["tags"] == ("x", "y")
    assert into(side, a) == b
    assert side.replayed(Customer, b).state()["absorbed"] == (a,)
    refused = dispatch_all(side.application, [Request(TagCustomer(tags=("q",)), a)], CALLER)
    assert isinstance(refused[0], CustomerMerged)


def test_a_batch_knows_what_it_has_made_since_it_merged(side: WriteSide) -> None:
    a, b = side.do(registration()).id, side.do(registration()).id
    merge, unmerge = Request(MergeCustomer(into_id=b), a), Request(UnmergeCustomer(), a)
    requests = [Request(opening(b)), merge, Request(opening(b)), Request(opening(b)), unmerge]
    before, _, *since, _ = dispatch_all(side.application, requests, CALLER)
    [*_, unmerged] = side.events(a)
    assert listed(unmerged) == [receipt.id for receipt in since]  # type: ignore[union-attr]
    merge_first = dispatch_all(side.application, [merge, Request(opening(b))], CALLER)
    [made, *_] = dispatch_all(side.application, [Request(opening(b)), unmerge], CALLER)
    [*_, unmerged] = side.events(a)
    assert listed(unmerged) == [merge_first[1].id, made.id]  # type: ignore[union-attr]
    assert before.id not in listed(unmerged)  # type: ignore[union-attr]


def test_what_is_on_its_way_is_known_when_a_merge_is_undone(side: WriteSide) -> None:
    """Requests of a batch that are each for themselves are stored while the next are decided."""
    a, b = side.do(registration()).id, side.do(registration()).id
    side.do(MergeCustomer(into_id=b), a)
    requests = [*(Request(opening(b)) for _ in range(20)), Request(UnmergeCustomer(), a)]
    *made, _ = dispatch_many(side.application, requests, CALLER)
    [*_, unmerged] = side.events(a)
    assert {*listed(unmerged)} == {receipt.id for receipt in made}  # type: ignore[union-attr]


def listed(unmerged: Any) -> list[UUID]:
    return [made.id for made in unmerged.made_since]


# Parts and versions


def test_an_interaction_conflicts_with_nothing_but_another_change_of_it(side: WriteSide) -> None:
    id = side.do(registration(channel="经销")).id
    said = {"channel": "call", "subject": "报价"}
    record = COMMANDS["customers/record-interaction"]
    amend = COMMANDS["customers/amend-interaction"]
    side.do(ChangeCustomerDetails(channel="直销"), id)
    side.do(record.model_validate(said), id, if_match=1)
    [interaction] = side.replayed(Customer, id).interactions  # type: ignore[attr-defined]
    side.do(record.model_validate(said), id, if_match=1)
    change = {"interaction_id": interaction, "subject": "第二次报价"}
    side.do(amend.model_validate(change), id, if_match=3)
    side.do(amend.model_validate({"interaction_id": interaction, "content": "c"}), id, if_match=3)
    with pytest.raises(VersionConflict) as conflict:
        side.do(amend.model_validate({**change, "subject": "报价单"}), id, if_match=3)
    assert conflict.value.details["fields"]["subject"] == {
        "yours": "报价单",
        "theirs": "第二次报价",
        "original": "报价",
    }
    side.do(amend.model_validate({**change, "subject": "报价单"}), id, if_match=6)


def test_a_name_that_was_taken_meanwhile_is_not_reverted_to(side: WriteSide) -> None:
    first = "上海海风贸易有限公司"
    id = side.do(registration(name=first)).id
    side.do(ChangeCustomerDetails(name="上海海浪贸易有限公司"), id)
    other = side.do(registration(name=first)).id
    revert = COMMANDS["customers/revert"].model_validate({"to_version": 1})
    assert refused(side, revert, id, DuplicateCustomerName).details == {"existing_id": str(other)}
    gone = OpenOpportunity(title="t", customer_id=uuid4(), amount=cny("1"))
    with pytest.raises(Invalid):
        side.do(gone)
