"""Dispatch on the real store: receipts, repetitions, conflicts, references, clocks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from adapters.seeds import LOCAL
from aggregates.contact import Contact
from aggregates.customer import Customer, DuplicateCustomerName, ShortName
from aggregates.dictionary_entry import DictionaryEntry, DictionaryEntryInUse
from aggregates.errors import (
    AlreadyExists,
    DomainError,
    DuplicateExternalId,
    Invalid,
    NotFound,
    VersionConflict,
)
from aggregates.opportunity import Opportunity, OpportunityClosed
from commands.base import COMMANDS, Meta
from commands.customer import (
    AssignCustomer,
    ChangeCustomerDetails,
    ClassifyCustomer,
    TagCustomer,
    UntagCustomer,
)
from commands.dictionary_entry import (
    AddDictionaryEntry,
    DeleteDictionaryEntry,
    RetireDictionaryEntry,
)
from commands.distinct import MarkCustomerDistinct
from commands.opportunity import (
    AdvanceOpportunity,
    ChangeOpportunityAmount,
    ChangeOpportunityDetails,
    LoseOpportunity,
    MoveOpportunity,
    ReopenOpportunity,
    WinOpportunity,
)
from commands.ports import OutcomeUnknown, Overloaded
from commands.repository import SNAPSHOT_EVERY
from commands.requests import Caller, IdempotencyKeyReused, Receipt, Request, relaxed
from commands.user import AddUser
from tests.spec import cny
from tests.write_side import SHANGHAI, WriteSide, opening, registration, write_side_on

IMPORT = Caller(LOCAL, origin="import")


@pytest.fixture
def side(database_url: str) -> Iterator[WriteSide]:
    with write_side_on(database_url) as side:
        yield side


@pytest.fixture
def other(database_url: str, side: WriteSide) -> Iterator[WriteSide]:
    """Another process on the same database, with caches of its own."""
    with write_side_on(database_url) as other:
        yield other


def wrong_fields(side: WriteSide, *arguments: Any, **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        side.do(*arguments, **options)
    return [(error.field, error.message) for error in refused.value.errors]


# Receipts


def test_a_receipt_says_where_the_record_stands(side: WriteSide) -> None:
    created = side.do(registration())
    assert (created.version, created.status) == (1, 201)
    changed = side.do(TagCustomer(tags=("a",)), created.id)
    assert (changed.id, changed.version, changed.status) == (created.id, 2, 200)
    assert changed.position > created.position
    stored = side.log.stream(created.id)
    assert [e.position for e in stored] == [created.position, changed.position]


def test_a_customer_begins_together_with_its_contact(side: WriteSide) -> None:
    created = side.do(registration(owner_id=LOCAL))
    events = side.settled(created.position + 1)[-2:]
    assert [e.topic for e in events] == ["Customer.Registered", "Contact.Added"]
    assert {e.customer_id for e in events} == {created.id}
    assert len({(e.command_id, e.recorded_at, e.correlation_id) for e in events}) == 1
    contact = side.application.repository.get(Contact, events[1].stream_id)
    assert contact.customer_id == created.id


def test_personal_fields_are_nowhere_in_the_database(side: WriteSide, database_url: str) -> None:
    secrets = ["慕容晓晓", "13987654321", "只与她本人谈过", "金陵东路"]
    contact = {"name": secrets[0], "phone": secrets[1]}
    created = side.do(
        registration(primary_contact=contact, needs=secrets[2], address=f"{secrets[3]} 2 号")
    )
    side.do(ChangeCustomerDetails(needs="a"), created.id, reason=secrets[2])
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname = 'backstory'"
        ).fetchall()
        assert len(tables) > 5
        for (table,) in tables:
            for (row,) in connection.execute(f"SELECT t::text FROM {table} t"):
                text = row + "".join(_decoded(part) for part in row.split('"\\\\x')[1:])
                assert not [s for s in secrets if s in text]
    assert side.events(created.id)[-1].envelope.reason == secrets[2]


def _decoded(hexadecimal: str) -> str:
    digits = hexadecimal.partition('"')[0]
    return bytes.fromhex(digits).decode("utf-8", errors="replace")


def test_numbers_are_unique_and_say_the_year(side: WriteSide, other: WriteSide) -> None:
    def register(n: int) -> Receipt:
        return (side if n % 2 else other).do(registration())

    with ThreadPoolExecutor(8) as threads:
        ids = [receipt.id for receipt in threads.map(register, range(120))]
    numbers = [side.replayed(Customer, id).number for id in ids]
    assert len(set(numbers)) == 120
    year = datetime.now(SHANGHAI).year
    assert all(n is not None and n.startswith(f"KH-{year}-") for n in numbers)


def test_an_id_given_by_the_caller_is_taken_once(side: WriteSide) -> None:
    id = uuid4()
    assert side.do(registration(), id).id == id
    with pytest.raises(AlreadyExists) as refused:
        side.do(registration(), id)
    assert refused.value.details == {"existing_id": str(id)}
    opportunity = opening(id)
    with pytest.raises(AlreadyExists):
        side.do(opportunity, id)
    assert side.topics(id) == ["Customer.Registered"]


def test_a_command_to_nobody_is_not_found(side: WriteSide) -> None:
    customer = side.do(registration()).id
    with pytest.raises(NotFound):
        side.do(TagCustomer(tags=("a",)), uuid4())
    with pytest.raises(NotFound):
        side.do(ReopenOpportunity(), customer)
    assert wrong_fields(side, TagCustomer(tags=("a",))) == [("id", "missing")]


# Idempotency keys


def test_the_same_request_answers_the_same_receipt(side: WriteSide, other: WriteSide) -> None:
    command = registration()
    first = side.do(command, idempotency_key="k1")
    side.do(TagCustomer(tags=("a",)), first.id)
    for process in (side, other):
        again = process.do(command, idempotency_key="k1")
        assert again.is_repeated
        assert (again.id, again.version, again.position, again.status) == (
            *(first.id, first.version, first.position, first.status),
        )


def test_the_order_in_which_a_body_is_written_does_not_matter(side: WriteSide) -> None:
    customer = side.do(registration()).id
    one: dict[str, Any] = {"a": 1, "b": 2}
    two: dict[str, Any] = {"b": 2, "a": 1}
    first = side.do(ChangeCustomerDetails(custom=one), customer, idempotency_key="k1")
    again = side.do(ChangeCustomerDetails(custom=two), customer, idempotency_key="k1")
    assert (again.version, again.is_repeated) == (first.version, True)


def test_a_key_is_good_for_one_request(side: WriteSide) -> None:
    command = registration()
    created = side.do(command, idempotency_key="k1")
    tag = TagCustomer(tags=("a",))
    side.do(tag, created.id, idempotency_key="k2")
    other_id = side.do(registration()).id
    for request in (
        lambda: side.do(registration(), idempotency_key="k1"),
        lambda: side.do(command, uuid4(), idempotency_key="k1"),
        lambda: side.do(tag, created.id, idempotency_key="k1"),
        lambda: side.do(TagCustomer(tags=("b",)), created.id, idempotency_key="k2"),
        lambda: side.do(UntagCustomer(tags=("a",)), created.id, idempotency_key="k2"),
        lambda: side.do(tag, other_id, idempotency_key="k2"),
        lambda: side.do(tag, created.id, reason="because", idempotency_key="k2"),
    ):
        with pytest.raises(IdempotencyKeyReused):
            request()
    assert side.topics(created.id) == ["Customer.Registered", "Customer.Tagged"]


def test_a_key_is_the_callers_own(side: WriteSide) -> None:
    user = side.do(AddUser(login="li.na", name="李娜")).id
    first = side.do(registration(), idempotency_key="k1")
    second = side.do(registration(), idempotency_key="k1", caller=Caller(user))
    assert first.id != second.id


def test_a_refusal_is_not_kept(side: WriteSide) -> None:
    opportunity = side.do(opening(side.do(registration()).id)).id
    side.do(WinOpportunity(won_on=date(2026, 1, 5)), opportunity)
    advance = AdvanceOpportunity(stage="proposal")
    with pytest.raises(OpportunityClosed):
        side.do(advance, opportunity, idempotency_key="k1")
    side.do(ReopenOpportunity(), opportunity)
    assert side.do(advance, opportunity, idempotency_key="k1").version == 4


def test_a_repeated_request_that_would_be_refused_now_answers_its_receipt(
    side: WriteSide,
) -> None:
    opportunity = side.do(opening(side.do(registration()).id)).id
    win = WinOpportunity(won_on=date(2026, 1, 5))
    won = side.do(win, opportunity, idempotency_key="k1", if_match=1)
    again = side.do(win, opportunity, idempotency_key="k1", if_match=1)
    assert (again.version, again.position, again.is_repeated) == (2, won.position, True)


def test_what_changes_nothing_answers_the_current_version(side: WriteSide) -> None:
    customer = side.do(registration(tags=["a"]))
    same = side.do(TagCustomer(tags=("a",)), customer.id)
    assert (same.version, same.position, same.status) == (1, customer.position, 200)


def test_what_changed_nothing_is_kept_under_its_key(side: WriteSide) -> None:
    customer = side.do(registration(tags=["a"])).id
    first = side.do(TagCustomer(tags=("a",)), customer, idempotency_key="k1")
    side.do(UntagCustomer(tags=("a",)), customer)
    again = side.do(TagCustomer(tags=("a",)), customer, idempotency_key="k1")
    assert (again.version, again.position) == (first.version, first.position) == (1, first.position)
    assert side.topics(customer)[-1] == "Customer.Untagged"


def test_concurrent_twins_get_one_receipt(side: WriteSide, other: WriteSide) -> None:
    for attempt in range(10):
        command, key = registration(), f"twins-{attempt}"

        def twin(n: int, command: Any = command, key: str = key) -> Receipt:
            return (side if n % 2 else other).do(command, idempotency_key=key)

        with ThreadPoolExecutor(8) as threads:
            receipts = list(threads.map(twin, range(8)))
        assert len({(r.id, r.version, r.position, r.status) for r in receipts}) == 1
        assert sum(not r.is_repeated for r in receipts) == 1


# If-Match


def test_a_stale_version_is_refused(side: WriteSide) -> None:
    opportunity = side.do(opening(side.do(registration()).id)).id
    side.do(ChangeOpportunityAmount(amount=cny("1")), opportunity, if_match=1)
    with pytest.raises(VersionConflict) as refused:
        side.do(ChangeOpportunityAmount(amount=cny("2")), opportunity, if_match=1)
    assert refused.value.details["current_version"] == 2
    conflict = refused.value.details["fields"]["amount"]
    assert [conflict[whose]["amount"] for whose in ("yours", "theirs", "original")] == [
        *("2", "1", "12000"),
    ]
    with pytest.raises(VersionConflict):
        side.do(AdvanceOpportunity(stage="proposal"), opportunity, if_match=1)
    assert side.do(AdvanceOpportunity(stage="proposal"), opportunity, if_match=2).version == 3


@pytest.mark.parametrize("seen", [0, 5, 999_999_999])
def test_a_version_that_never_was_is_refused(side: WriteSide, seen: int) -> None:
    customer = side.do(registration()).id
    with pytest.raises(VersionConflict):
        side.do(TagCustomer(tags=("a",)), customer, if_match=seen)


def test_a_creation_matches_no_version(side: WriteSide) -> None:
    with pytest.raises(VersionConflict):
        side.do(registration(), if_match=1)


def test_details_merge_where_nobody_else_wrote_them(side: WriteSide) -> None:
    customer = side.do(registration()).id
    side.do(ChangeCustomerDetails(region="华东"), customer, if_match=1)
    merged = side.do(ChangeCustomerDetails(website="w.example"), customer, if_match=1)
    assert merged.version == 3
    now = side.replayed(Customer, customer).state()
    assert (now["region"], now["website"]) == ("华东", "w.example")


def test_details_that_both_wrote_are_shown_side_by_side(side: WriteSide) -> None:
    customer = side.do(registration(region="华北")).id
    side.do(ChangeCustomerDetails(region="华东", website="w.example"), customer)
    with pytest.raises(VersionConflict) as refused:
        side.do(ChangeCustomerDetails(region="华南", postcode="1"), customer, if_match=1)
    assert refused.value.details == {
        "current_version": 2,
        "fields": {"region": {"yours": "华南", "theirs": "华东", "original": "华北"}},
    }
    assert side.do(ChangeCustomerDetails(postcode="1"), customer, if_match=1).version == 3


def test_a_personal_detail_that_both_wrote_is_shown_open(side: WriteSide) -> None:
    customer = side.do(registration(needs="灯")).id
    side.do(ChangeCustomerDetails(needs="节能灯"), customer, reason="来电")
    with pytest.raises(VersionConflict) as refused:
        side.do(ChangeCustomerDetails(needs="台灯"), customer, reason="来访", if_match=1)
    assert refused.value.details["fields"] == {
        "needs": {"yours": "台灯", "theirs": "节能灯", "original": "灯"}
    }


def test_members_of_a_list_conflict_only_where_one_adds_and_one_takes_the_same(
    side: WriteSide,
) -> None:
    customer, other, third = (side.do(registration()).id for _ in range(3))
    for tags in (("A", "B"), ("B", "C")):
        side.do(TagCustomer(tags=tags), customer, if_match=1)
    side.do(UntagCustomer(tags=("A", "D")), customer, if_match=3)
    assert side.replayed(Customer, customer).state()["tags"] == ("B", "C")
    for command, seen in (
        (TagCustomer(tags=("X", "A")), 3),
        (UntagCustomer(tags=("C",)), 2),
    ):
        with pytest.raises(VersionConflict) as refused:
            side.do(command, customer, if_match=seen)
        assert refused.value.details["fields"]["tags"]["theirs"] == ["B", "C"]
    for id in (other, third):
        side.do(MarkCustomerDistinct(other_id=id), customer, if_match=4)
    unmark = COMMANDS["customers/unmark-distinct"].model_validate({"other_id": other})
    with pytest.raises(VersionConflict):
        side.do(unmark, customer, if_match=4)
    side.do(unmark, customer, if_match=5)
    revert = COMMANDS["customers/revert"].model_validate({"to_version": 1})
    version = side.do(revert, customer).version
    with pytest.raises(VersionConflict):
        side.do(TagCustomer(tags=("E",)), customer, if_match=version - 1)


def test_without_if_match_nothing_is_lost_under_contention(
    side: WriteSide, other: WriteSide
) -> None:
    customer = side.do(registration()).id

    def tag(n: int) -> int:
        process = side if n % 2 else other
        return process.do(TagCustomer(tags=(f"t{n}",)), customer).version

    with ThreadPoolExecutor(8) as threads:
        versions = list(threads.map(tag, range(64)))
    assert sorted(versions) == list(range(2, 66))
    assert set(side.replayed(Customer, customer).state()["tags"]) == {f"t{n}" for n in range(64)}


# Two processes


def test_a_rejection_is_believed_only_after_a_look_at_the_log(
    side: WriteSide, other: WriteSide
) -> None:
    opportunity = side.do(opening(side.do(registration()).id)).id
    other.do(AdvanceOpportunity(stage="proposal"), opportunity)
    other.do(LoseOpportunity(lost_on=date(2026, 1, 5), lost_reason="price"), opportunity)
    side.do(ReopenOpportunity(), opportunity)
    assert other.do(AdvanceOpportunity(stage="negotiating"), opportunity).version == 5
    assert side.replayed(Opportunity, opportunity).state()["stage"] == "negotiating"


def test_what_another_process_did_is_not_overwritten(side: WriteSide, other: WriteSide) -> None:
    opportunity = side.do(opening(side.do(registration()).id)).id
    other.do(ChangeOpportunityDetails(title="a"), opportunity)
    other.do(WinOpportunity(won_on=date(2026, 1, 5)), opportunity)
    with pytest.raises(OpportunityClosed):
        side.do(ChangeOpportunityAmount(amount=cny("1")), opportunity)


def test_no_change_against_a_stale_cache_is_looked_at_again(
    side: WriteSide, other: WriteSide
) -> None:
    customer = side.do(registration(region="华东")).id
    other.do(ChangeCustomerDetails(region="华南"), customer)
    side.do(ChangeCustomerDetails(region="华东"), customer)
    assert other.replayed(Customer, customer).state()["region"] == "华东"


# Names and other systems' ids


def test_a_name_is_registered_once_however_it_is_spelt(side: WriteSide) -> None:
    first = side.do(registration(name="上海晨光电子（集团）有限公司")).id
    for spelling in ("上海晨光电子(集团)有限责任公司", "上海 晨光电子【集团】有限公司"):
        with pytest.raises(DuplicateCustomerName) as refused:
            side.do(registration(name=spelling, confirm_distinct=True))
        assert refused.value.details == {"existing_id": str(first)}


def test_a_short_name_is_refused_unless_confirmed(side: WriteSide) -> None:
    full = side.do(registration(name="北京星辰科技有限公司")).id
    with pytest.raises(ShortName) as refused:
        side.do(registration(name="北京星辰科技"))
    assert refused.value.details == {"existing_id": str(full)}
    assert side.do(registration(name="北京星辰科技", confirm_distinct=True)).version == 1


def test_a_name_without_form_given_twice_is_a_duplicate(side: WriteSide) -> None:
    first = side.do(registration(name="Globex")).id
    with pytest.raises(DuplicateCustomerName) as refused:
        side.do(registration(name="GLOBEX"))
    assert refused.value.details == {"existing_id": str(first)}


def test_of_many_registrations_of_one_name_one_wins(side: WriteSide, other: WriteSide) -> None:
    for attempt in range(5):
        name = f"南京长江第 {attempt} 有限公司"

        def register(n: int, name: str = name) -> Receipt | DuplicateCustomerName:
            try:
                return (side if n % 2 else other).do(registration(name=name))
            except DuplicateCustomerName as refused:
                return refused

        with ThreadPoolExecutor(16) as threads:
            results = list(threads.map(register, range(16)))
        [won] = [r for r in results if isinstance(r, Receipt)]
        refusals = [r for r in results if isinstance(r, DuplicateCustomerName)]
        assert [r.details["existing_id"] for r in refusals] == [str(won.id)] * 15


def test_a_name_given_up_is_free_again(side: WriteSide) -> None:
    first = side.do(registration(name="重庆旧名有限公司")).id
    side.do(ChangeCustomerDetails(name="重庆新名有限公司"), first)
    assert side.do(registration(name="重庆旧名有限公司")).version == 1
    with pytest.raises(DuplicateCustomerName):
        side.do(ChangeCustomerDetails(name="重庆旧名有限公司"), first)
    with pytest.raises(ShortName):
        side.do(registration(name="重庆新名"))


def test_another_systems_id_is_taken_once_per_system_and_kind(side: WriteSide) -> None:
    external = {"system": "maven", "id": "42"}
    customer = side.do(registration(external=external)).id
    with pytest.raises(DuplicateExternalId) as refused:
        side.do(registration(external=external))
    assert refused.value.details == {"existing_id": str(customer)}
    side.do(registration(external={"system": "other", "id": "42"}))
    opportunity = side.do(opening(customer, external=external)).id
    find = side.application.find_external
    assert find("customers", "maven", "42") == customer
    assert find("opportunities", "maven", "42") == opportunity
    assert find("customers", "maven", "43") is None
    side.do(ChangeCustomerDetails(external=None), customer)
    assert find("customers", "maven", "42") is None


# References and codes


def test_what_is_named_must_exist_and_be_of_the_kind(side: WriteSide) -> None:
    customer = side.do(registration()).id
    opportunity = side.do(opening(customer)).id
    nobody = uuid4()
    wrong = wrong_fields(
        side, opening(nobody, owner_id=customer, decision_maker_id=opportunity, source="x")
    )
    assert sorted(wrong) == [
        ("customer_id", "reference-unknown"),
        ("decision_maker_id", "reference-unknown"),
        ("owner_id", "reference-unknown"),
        ("source", "code-unknown"),
    ]
    assert wrong_fields(side, MoveOpportunity(customer_id=nobody), opportunity)
    assert wrong_fields(side, AssignCustomer(owner_id=customer), customer)
    assert wrong_fields(side, ChangeCustomerDetails(parent_id=nobody), customer)


def test_a_code_of_another_dictionary_is_unknown(side: WriteSide) -> None:
    assert wrong_fields(side, registration(industry="exhibition")) == [("industry", "code-unknown")]


def test_a_new_code_can_be_used_at_once_by_every_process(side: WriteSide, other: WriteSide) -> None:
    assert wrong_fields(other, registration(industry="shipping"))
    entry = AddDictionaryEntry(dictionary="industry", code="shipping", zh="航运", en="Shipping")
    side.do(entry)
    for process in (side, other):
        assert process.do(registration(industry="shipping")).version == 1


def test_a_retired_code_is_refused_and_kept_where_it_is(side: WriteSide, other: WriteSide) -> None:
    entry = AddDictionaryEntry(dictionary="industry", code="telegraphy", zh="电报", en="Telegraphy")
    id = side.do(entry).id
    customer = other.do(registration(industry="telegraphy")).id
    side.do(RetireDictionaryEntry(), id)
    assert wrong_fields(side, registration(industry="telegraphy")) == [("industry", "code-retired")]
    assert side.replayed(Customer, customer).state()["industry"] == "telegraphy"


def test_codes_for_imports_are_refused_elsewhere(side: WriteSide) -> None:
    opportunity = side.do(opening(side.do(registration()).id)).id
    lose = LoseOpportunity(lost_on=date(2026, 1, 5), lost_reason="not_recorded")
    assert wrong_fields(side, lose, opportunity) == [("lost_reason", "code-import-only")]
    assert side.do(lose, opportunity, caller=IMPORT).version == 2


def test_an_entry_in_use_is_not_deleted(side: WriteSide, other: WriteSide) -> None:
    entry = AddDictionaryEntry(dictionary="grade", code="e", zh="E 级", en="E")
    id = side.do(entry).id
    customer = side.do(registration()).id
    other.do(ClassifyCustomer(grade="e"), customer)
    with pytest.raises(DictionaryEntryInUse):
        side.do(DeleteDictionaryEntry(), id)
    side.do(ClassifyCustomer(grade="a"), customer)
    with pytest.raises(DictionaryEntryInUse):
        side.do(DeleteDictionaryEntry(), id)


def test_an_unused_entry_is_deleted_and_its_code_is_free(side: WriteSide, other: WriteSide) -> None:
    entry = AddDictionaryEntry(dictionary="grade", code="e", zh="E 级", en="E")
    side.do(DeleteDictionaryEntry(), side.do(entry).id)
    customer = side.do(registration()).id
    assert wrong_fields(side, ClassifyCustomer(grade="e"), customer)
    again = side.do(entry).id
    assert other.do(ClassifyCustomer(grade="e"), customer).version == 2
    assert other.application.preparation.directory.holder("code/grade", "e") == again


def test_first_use_and_deletion_cannot_both_win(side: WriteSide, other: WriteSide) -> None:
    customers = [side.do(registration()).id for _ in range(6)]
    outcomes = []
    for n, customer in enumerate(customers):
        code = f"race{n}"
        entry = side.do(AddDictionaryEntry(dictionary="grade", code=code, zh="赛", en="R")).id
        other.application.preparation.directory.entry("grade", code, 0.0, False)

        def use(customer: UUID = customer, code: str = code) -> bool:
            try:
                other.do(ClassifyCustomer(grade=code), customer)
            except DomainError:
                return False
            return True

        def delete(entry: UUID = entry) -> bool:
            try:
                side.do(DeleteDictionaryEntry(), entry)
            except DomainError:
                return False
            return True

        with ThreadPoolExecutor(2) as threads:
            used, deleted = threads.submit(use), threads.submit(delete)
            outcomes.append((used.result(), deleted.result()))
        is_deleted = side.replayed(DictionaryEntry, entry).state().get("is_deleted", False)
        assert is_deleted == outcomes[-1][1]
    assert set(outcomes) <= {(True, False), (False, True)}


# Reasons, imports, clocks


def test_a_change_of_needs_carries_a_reason(side: WriteSide) -> None:
    customer = side.do(registration(needs="灯")).id
    change = ChangeCustomerDetails(needs="节能灯", region="华东")
    assert wrong_fields(side, change, customer) == [("meta.reason", "reason-required")]
    assert side.topics(customer) == ["Customer.Registered"]
    side.do(change, customer, reason="展会上说的")
    last = side.events(customer)[-1].envelope
    assert (last.reason, last.actor, last.origin) == ("展会上说的", LOCAL, "api")
    assert side.do(change, customer).version == 2
    assert side.do(ChangeCustomerDetails(needs="灯"), customer, caller=IMPORT).version == 3


def test_only_an_import_may_be_incomplete(side: WriteSide) -> None:
    command = relaxed(type(registration()), frozenset({"source", "primary_contact"}))
    partial = command.model_validate({"name": "不全有限公司", "industry": "retail"})
    request = Request(partial, meta=Meta(incomplete=("primary_contact", "source")))
    with pytest.raises(Invalid) as refused:
        side.application.dispatch(request, Caller(LOCAL))
    assert [e.field for e in refused.value.errors] == ["meta.incomplete"]
    receipt = side.application.dispatch(request, IMPORT)
    [registered] = side.events(receipt.id)
    assert registered.model_dump()["incomplete"] == ("primary_contact", "source")


def test_what_happened_is_between_1900_and_five_minutes_from_now(side: WriteSide) -> None:
    customer = side.do(registration()).id
    now = datetime.now(UTC)
    for n, moment in enumerate((datetime(1900, 1, 1, tzinfo=UTC), now + timedelta(minutes=4))):
        side.do(TagCustomer(tags=(f"t{n}",)), customer, occurred_at=moment)
        assert side.events(customer)[-1].envelope.occurred_at == moment
    tag = TagCustomer(tags=("x",))
    for moment, why in (
        (datetime(1899, 12, 31, 23, 59, tzinfo=UTC), "too-early"),
        (now + timedelta(minutes=6), "in-the-future"),
    ):
        wrong = wrong_fields(side, tag, customer, occurred_at=moment)
        assert wrong == [("meta.occurred_at", why)]
    naive = wrong_fields(side, tag, customer, occurred_at=datetime(2026, 1, 1))
    assert naive == [("meta.occurred_at", "without-offset")]


def test_what_happens_now_happens_when_it_is_recorded(side: WriteSide) -> None:
    [event] = side.log.stream(side.do(registration()).id)
    assert event.occurred_at == event.recorded_at
    assert abs(event.recorded_at - datetime.now(UTC)) < timedelta(seconds=10)


def test_a_sale_happened_on_the_day_it_was_won(side: WriteSide) -> None:
    opened_at = datetime(2020, 3, 1, 9, 0, tzinfo=UTC)
    opportunity = side.do(opening(side.do(registration()).id), occurred_at=opened_at).id
    side.do(WinOpportunity(won_on=date(2020, 3, 14)), opportunity)
    won = side.events(opportunity)[-1].envelope
    assert won.occurred_at == datetime(2020, 3, 14, 23, 59, 59, 999999, tzinfo=SHANGHAI)
    assert won.recorded_at > won.occurred_at


def test_a_sale_entered_late_does_not_happen_before_what_is_known(
    side: WriteSide, other: WriteSide
) -> None:
    opportunity = side.do(opening(side.do(registration()).id)).id
    for process in (side, other):
        process.do(LoseOpportunity(lost_on=date(2020, 3, 14), lost_reason="price"), opportunity)
        process.do(ReopenOpportunity(), opportunity)
    moments = [event.envelope.occurred_at for event in side.events(opportunity)]
    assert len(moments) == 5
    assert moments == sorted(moments)
    [lost, *_] = [e for e in side.events(opportunity) if isinstance(e, Opportunity.Lost)]
    assert lost.lost_on == date(2020, 3, 14)


def test_what_is_said_of_the_moment_goes_before_the_day(side: WriteSide) -> None:
    opportunity = side.do(opening(side.do(registration()).id)).id
    moment = datetime(2020, 3, 14, 9, 30, tzinfo=UTC)
    side.do(WinOpportunity(won_on=date(2020, 3, 14)), opportunity, occurred_at=moment)
    assert side.events(opportunity)[-1].envelope.occurred_at == moment


def test_today_is_the_organisations_today(database_url: str) -> None:
    late_evening_in_london = datetime(2026, 3, 14, 16, 30, tzinfo=UTC)
    with write_side_on(database_url, now=lambda: late_evening_in_london) as side:
        customer = side.do(registration()).id
        today, tomorrow = side.do(opening(customer)).id, side.do(opening(customer)).id
        side.do(WinOpportunity(won_on=date(2026, 3, 15)), today)
        won = side.events(today)[-1].envelope
        assert won.occurred_at == won.recorded_at
        wrong = wrong_fields(side, WinOpportunity(won_on=date(2026, 3, 16)), tomorrow)
        assert wrong == [("won_on", "in-the-future")]


# Snapshots


def test_a_long_stream_is_loaded_from_its_snapshot(side: WriteSide, database_url: str) -> None:
    customer = side.do(registration(address="金陵东路 2 号", needs="灯")).id
    for n in range(SNAPSHOT_EVERY + 5):
        side.do(ChangeCustomerDetails(employees=n), customer)
    side.application.close()
    snapshot = side.log.snapshot(customer)
    assert snapshot is not None
    assert snapshot.version == SNAPSHOT_EVERY
    assert "金陵".encode() not in snapshot.state
    with write_side_on(database_url) as later:
        loaded = later.application.repository.get(Customer, customer)
        replayed = later.replayed(Customer, customer)
        assert {**loaded.state(), "latest_at": None} == {**replayed.state(), "latest_at": None}
        assert loaded.version == replayed.version == SNAPSHOT_EVERY + 6


# A database that goes away


def test_receipts_are_right_though_the_database_hangs_up(
    side: WriteSide, database_url: str
) -> None:
    customer = side.do(registration()).id

    def tag(n: int) -> Receipt:
        for _ in range(100):
            with suppress(psycopg.OperationalError, OutcomeUnknown, Overloaded):
                return side.do(TagCustomer(tags=(f"t{n}",)), customer, idempotency_key=f"k{n}")
        raise AssertionError("the database never came back")

    with ThreadPoolExecutor(6) as threads:
        receipts = [threads.submit(tag, n) for n in range(60)]
        with psycopg.connect(database_url, autocommit=True) as connection:
            for _ in range(5):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                connection.execute("SELECT pg_sleep(0.1)")
        versions = [r.result(timeout=60).version for r in receipts]
    tags = side.replayed(Customer, customer).state()["tags"]
    assert sorted(versions) == list(range(2, 62))
    assert [f"t{versions.index(v)}" for v in range(2, 62)] == list(tags)
