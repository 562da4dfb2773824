"""Batches: one result each in order, or all or nothing; later commands name earlier records."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from adapters.seeds import LOCAL
from aggregates.customer import Customer, DuplicateCustomerName, ShortName
from aggregates.dictionary_entry import DictionaryEntryInUse
from aggregates.errors import AlreadyExists, Invalid, NotFound, VersionConflict
from aggregates.opportunity import Opportunity, OpportunityClosed
from commands.base import Command
from commands.batch import NotAttempted, Result, dispatch_all, dispatch_many
from commands.customer import ChangeCustomerDetails, TagCustomer, UntagCustomer
from commands.dictionary_entry import AddDictionaryEntry, DeleteDictionaryEntry
from commands.opportunity import AdvanceOpportunity, LoseOpportunity, ReopenOpportunity
from commands.requests import Caller, IdempotencyKeyReused, Receipt, Request
from tests.write_side import CALLER, WriteSide, opening, registration, write_side_on


@pytest.fixture
def side(database_url: str) -> Iterator[WriteSide]:
    with write_side_on(database_url) as side:
        yield side


@pytest.fixture
def other(database_url: str, side: WriteSide) -> Iterator[WriteSide]:
    with write_side_on(database_url) as other:
        yield other


def asked(command: Command, id: UUID | None = None, key: str | None = None) -> Request:
    return Request(command, id, idempotency_key=key)


def statuses(results: list[Result]) -> list[object]:
    return [r.status if isinstance(r, Receipt) else type(r) for r in results]


def closing(stage: str) -> LoseOpportunity:
    return LoseOpportunity.model_validate({"lost_on": "2026-01-05", "lost_reason": stage})


# Each for itself


def test_each_command_has_its_own_result_in_order(side: WriteSide) -> None:
    customer, name = uuid4(), "批量有限公司"
    results = dispatch_many(
        side.application,
        [
            asked(registration(name=name), customer),
            asked(TagCustomer(tags=("a",)), customer),
            asked(registration(name=name)),
            asked(TagCustomer(tags=("b",)), uuid4()),
            asked(registration(industry="alchemy")),
            asked(TagCustomer(tags=("a",)), customer),
            asked(TagCustomer(tags=("b",)), customer),
        ],
        CALLER,
    )
    assert statuses(results) == [201, 200, DuplicateCustomerName, NotFound, Invalid, 200, 200]
    assert [r.version for r in results if isinstance(r, Receipt)] == [1, 2, 2, 3]
    assert side.topics(customer) == ["Customer.Registered", "Customer.Tagged", "Customer.Tagged"]


@pytest.mark.parametrize("carry_out", [dispatch_many, dispatch_all])
def test_later_commands_name_earlier_records(side: WriteSide, carry_out) -> None:
    parent, child, opportunity = uuid4(), uuid4(), uuid4()
    results = carry_out(
        side.application,
        [
            asked(registration(), parent),
            asked(registration(parent_id=parent), child),
            asked(opening(child), opportunity),
            asked(AdvanceOpportunity(stage="proposal"), opportunity),
            asked(closing("price"), opportunity),
            asked(ReopenOpportunity(), opportunity),
        ],
        CALLER,
    )
    assert statuses(results) == [201, 201, 201, 200, 200, 200]
    assert [r.version for r in results] == [1, 1, 1, 2, 3, 4]
    for receipt in results:
        stored = side.log.stream(receipt.id)[receipt.version - 1]
        assert stored.position == receipt.position
    assert side.replayed(Opportunity, opportunity).state()["stage"] == "proposal"


def test_many_commands_to_one_record_are_all_applied(side: WriteSide) -> None:
    customer = side.do(registration()).id
    requests = [asked(TagCustomer(tags=(f"t{n}",)), customer) for n in range(99)]
    assert statuses(dispatch_many(side.application, requests, CALLER)) == [200] * 99
    assert side.replayed(Customer, customer).state()["tags"] == tuple(f"t{n}" for n in range(99))


# All or nothing


@pytest.mark.parametrize("offender", range(4))
def test_one_refused_command_leaves_nothing(side: WriteSide, offender: int) -> None:
    before = side.do(registration(tags=["a"]))
    customer, opportunity = uuid4(), uuid4()
    requests = [
        asked(registration(name="原子有限公司"), customer),
        asked(opening(customer), opportunity),
        asked(TagCustomer(tags=("b",)), before.id),
    ]
    requests.insert(offender, asked(registration(industry="alchemy")))
    results = dispatch_all(side.application, requests, CALLER)
    expected: list[object] = [NotAttempted] * 4
    expected[offender] = Invalid
    assert statuses(results) == expected
    assert side.topics(customer) == side.topics(opportunity) == []
    assert side.topics(before.id) == ["Customer.Registered"]
    assert side.do(registration(name="原子有限公司")).status == 201


def test_a_batch_is_one_transaction(side: WriteSide) -> None:
    requests = [asked(registration()) for _ in range(20)]
    results = dispatch_all(side.application, requests, CALLER)
    positions = [r.position for r in results if isinstance(r, Receipt)]
    assert len(positions) == 20
    events = [side.log.stream(r.id)[0] for r in results if isinstance(r, Receipt)]
    assert len({event.recorded_at for event in events}) == 1
    assert len({event.command_id for event in events}) == 20


def test_two_records_of_one_name_in_a_batch_are_one_too_many(side: WriteSide) -> None:
    requests = [asked(registration(name="同名有限公司")) for _ in range(2)]
    results = dispatch_all(side.application, requests, CALLER)
    assert sorted(map(str, statuses(results))) == sorted(
        map(str, (NotAttempted, DuplicateCustomerName))
    )


def test_a_first_use_of_a_code_may_come_twice_in_a_batch(side: WriteSide) -> None:
    requests = [asked(registration(industry="energy")) for _ in range(2)]
    assert statuses(dispatch_all(side.application, requests, CALLER)) == [201, 201]


def test_a_code_can_be_added_and_used_in_one_batch(side: WriteSide) -> None:
    entry = AddDictionaryEntry(dictionary="industry", code="shipping", zh="航运", en="Shipping")
    requests = [asked(entry, uuid4()), asked(registration(industry="shipping"))]
    assert statuses(dispatch_all(side.application, requests, CALLER)) == [201, 201]
    deletion = [
        asked(DeleteDictionaryEntry(), requests[0].id),
        asked(registration(industry="shipping")),
    ]
    refused = dispatch_all(side.application, deletion, CALLER)
    assert statuses(refused) == [DictionaryEntryInUse, NotAttempted]


def test_a_code_deleted_in_a_batch_is_gone_for_the_rest_of_it(side: WriteSide) -> None:
    entry = AddDictionaryEntry(dictionary="industry", code="shipping", zh="航运", en="Shipping")
    id = side.do(entry).id
    requests = [asked(DeleteDictionaryEntry(), id), asked(registration(industry="shipping"))]
    assert statuses(dispatch_all(side.application, requests, CALLER)) == [NotAttempted, Invalid]
    assert side.do(registration(industry="shipping")).status == 201


def test_a_short_name_is_seen_within_a_batch(side: WriteSide) -> None:
    requests = [asked(registration(name=n)) for n in ("短名集团有限公司", "短名")]
    assert statuses(dispatch_all(side.application, requests, CALLER)) == [NotAttempted, ShortName]


def test_a_name_given_up_in_a_batch_can_be_taken_by_another_in_it(side: WriteSide) -> None:
    one, two = side.do(registration(name="甲有限公司")).id, side.do(registration()).id
    swap = [("丙有限公司", one), ("甲有限公司", two), ("乙有限公司", one)]
    requests = [asked(ChangeCustomerDetails(name=name), id) for name, id in swap]
    assert statuses(dispatch_all(side.application, requests, CALLER)) == [200] * 3
    assert side.do(registration(name="丙有限公司")).status == 201
    for taken, holder in (("甲有限公司", two), ("乙有限公司", one)):
        with pytest.raises(DuplicateCustomerName) as refused:
            side.do(registration(name=taken))
        assert refused.value.details == {"existing_id": str(holder)}


def test_names_given_up_in_a_batch_are_free_after_it(side: WriteSide) -> None:
    customer = side.do(registration(name="旧名有限公司")).id
    results = dispatch_all(
        side.application,
        [
            asked(ChangeCustomerDetails(name="新名有限公司"), customer),
            asked(ChangeCustomerDetails(name="再新名有限公司"), customer),
        ],
        CALLER,
    )
    assert statuses(results) == [200, 200]
    for free in ("旧名有限公司", "新名有限公司"):
        assert side.do(registration(name=free)).status == 201
    with pytest.raises(DuplicateCustomerName):
        side.do(registration(name="再新名有限公司"))


def test_a_name_taken_and_given_up_and_taken_back(side: WriteSide) -> None:
    customer = side.do(registration(name="回名有限公司")).id
    names = ["中名有限公司", "回名有限公司"]
    requests = [asked(ChangeCustomerDetails(name=name), customer) for name in names]
    assert statuses(dispatch_all(side.application, requests, CALLER)) == [200, 200]
    assert side.do(registration(name="中名有限公司")).status == 201
    with pytest.raises(DuplicateCustomerName):
        side.do(registration(name="回名有限公司"))


def test_what_changes_nothing_belongs_to_the_batch(side: WriteSide) -> None:
    customer = side.do(registration(tags=["a"]))
    requests = [
        asked(TagCustomer(tags=("a",)), customer.id),
        asked(TagCustomer(tags=("b",)), customer.id),
        asked(TagCustomer(tags=("b",)), customer.id),
    ]
    results = dispatch_all(side.application, requests, CALLER)
    assert [r.version for r in results if isinstance(r, Receipt)] == [1, 2, 2]
    assert isinstance(results[0], Receipt)
    assert results[0].position == customer.position
    again = dispatch_all(side.application, requests[:1], CALLER)
    assert [r.version for r in again if isinstance(r, Receipt)] == [2]


def test_a_stale_version_in_a_batch_is_refused(side: WriteSide) -> None:
    opportunity = side.do(opening(side.do(registration()).id)).id
    requests = [
        Request(AdvanceOpportunity(stage="proposal"), opportunity, if_match=1),
        Request(AdvanceOpportunity(stage="negotiating"), opportunity, if_match=1),
    ]
    results = dispatch_all(side.application, requests, CALLER)
    assert statuses(results) == [NotAttempted, VersionConflict]


# Caches, repetitions, rivals


def test_a_refusal_of_a_batch_is_believed_of_the_log_only(
    side: WriteSide, other: WriteSide
) -> None:
    opportunity = side.do(opening(side.do(registration()).id)).id
    other.do(AdvanceOpportunity(stage="proposal"), opportunity)
    other.do(closing("price"), opportunity)
    side.do(ReopenOpportunity(), opportunity)
    results = dispatch_all(
        other.application, [asked(AdvanceOpportunity(stage="lead"), opportunity)], CALLER
    )
    assert statuses(results) == [200]
    side.do(closing("price"), opportunity)
    results = dispatch_all(
        other.application, [asked(AdvanceOpportunity(stage="proposal"), opportunity)], CALLER
    )
    assert statuses(results) == [OpportunityClosed]


@pytest.mark.parametrize("carry_out", [dispatch_many, dispatch_all])
def test_a_repeated_batch_answers_the_same_receipts(
    side: WriteSide, other: WriteSide, carry_out
) -> None:
    customer = uuid4()
    requests = [
        asked(registration(), customer, "a"),
        asked(TagCustomer(tags=("x",)), customer, "b"),
        asked(TagCustomer(tags=("x",)), customer, "c"),
        asked(registration(), None, "d"),
    ]
    first = carry_out(side.application, requests, CALLER)
    side.do(UntagCustomer(tags=("x",)), customer)
    for process in (side, other):
        again = carry_out(process.application, requests, CALLER)
        assert all(isinstance(r, Receipt) and r.is_repeated for r in again)
        assert [(r.id, r.version, r.position) for r in again] == [
            (r.id, r.version, r.position) for r in first
        ]


def test_concurrent_atomic_batches_over_the_same_records_all_get_through(
    side: WriteSide, other: WriteSide
) -> None:
    customers = [side.do(registration()).id for _ in range(3)]

    def batch(n: int) -> list[object]:
        order = customers if n % 2 else customers[::-1]
        requests = [asked(TagCustomer(tags=(f"t{n}",)), c) for c in order]
        return statuses(dispatch_all((side if n % 3 else other).application, requests, CALLER))

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(batch, range(18))) == [[200] * 3] * 18
    for customer in customers:
        tags = side.replayed(Customer, customer).state()["tags"]
        assert set(tags) == {f"t{n}" for n in range(18)}


def test_a_key_used_before_refuses_an_atomic_batch(side: WriteSide) -> None:
    side.do(registration(), idempotency_key="k")
    requests = [asked(registration(), None, "fresh"), asked(registration(), None, "k")]
    results = dispatch_all(side.application, requests, Caller(LOCAL))
    assert [type(result) for result in results] == [NotAttempted, IdempotencyKeyReused]
    assert side.do(registration(), idempotency_key="fresh").is_repeated is False


def test_a_thousand_commands_go_through(side: WriteSide) -> None:
    requests = [asked(registration()) for _ in range(1_000)]
    for carry_out, part in ((dispatch_many, requests[:500]), (dispatch_all, requests[500:])):
        results = carry_out(side.application, part, CALLER)
        assert statuses(results) == [201] * 500


def test_an_atomic_batch_names_what_it_makes_twice(side: WriteSide) -> None:
    id = uuid4()
    twice = [asked(registration(), id), asked(registration(), id)]
    results = dispatch_all(side.application, twice, CALLER)
    assert [type(result) for result in results] == [NotAttempted, AlreadyExists]
    keyed = [asked(registration(), None, "one"), asked(registration(), None, "one")]
    results = dispatch_all(side.application, keyed, CALLER)
    assert [type(result) for result in results] == [NotAttempted, IdempotencyKeyReused]


def test_an_atomic_batch_goes_on_where_part_of_it_was_done_before(side: WriteSide) -> None:
    first = asked(registration(), None, "first")
    [done] = dispatch_all(side.application, [first], CALLER)
    repeated, new = dispatch_all(side.application, [first, asked(registration())], CALLER)
    assert isinstance(done, Receipt)
    assert isinstance(repeated, Receipt)
    assert isinstance(new, Receipt)
    assert (repeated.id, repeated.is_repeated) == (done.id, True)
    assert new.status == 201
    assert new.id != done.id


def test_each_for_itself_is_still_in_order(side: WriteSide) -> None:
    name = f"曲{uuid4().hex[:8]}"
    pair = [asked(registration(name=f"{name}有限公司")), asked(registration(name=name))]
    first, second = dispatch_many(side.application, pair, CALLER)
    assert statuses([first, second]) == [201, ShortName]
