"""Customers: what must be known, one name once, what changes and what does not."""

from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from aggregates.base import Reservation, Vacant, derived
from aggregates.contact import Contact
from aggregates.customer import Customer, DuplicateCustomerName, ShortName, stem_mark
from aggregates.errors import DuplicateExternalId
from aggregates.values import ExternalId
from commands.base import Command
from commands.customer import (
    AssignCustomer,
    ChangeCustomerDetails,
    ClassifyCustomer,
    RegisterCustomer,
    TagCustomer,
    UntagCustomer,
)
from commands.requests import relaxed
from tests.spec import RECORD, cny, given

OWNER, OTHER_OWNER, PARENT = (UUID(int=n) for n in range(1, 4))
NAME = "上海晨光电子有限公司"
CONTACT: dict[str, Any] = {"name": "王芳", "phone": "13812345678"}
REQUIRED: dict[str, Any] = {
    "name": NAME,
    "industry": "manufacturing",
    "source": "exhibition",
    "primary_contact": CONTACT,
}
REGISTERED = Customer.Registered(
    name=NAME, industry="manufacturing", source="exhibition", type="prospect"
)
OPTIONAL: dict[str, Any] = {
    "short_name": "晨光",
    "region": "华东",
    "address": "浦东新区世纪大道 1 号",
    "postcode": "200120",
    "phone": "021-58881234",
    "website": "https://example.cn",
    "employees": 250,
    "annual_revenue": {"amount": "35000000", "currency": "CNY"},
    "founded_on": "1998-05-06",
    "management_style": "家族",
    "industry_standing": "区域前十",
    "main_customers": "某某集团",
    "expected_purchase": {"amount": "120000.50", "currency": "CNY"},
    "parent_id": str(PARENT),
    "business_group": "晨光集团",
    "channel": "华东代理",
    "needs": "节能照明",
    "notes": "展会认识",
    "external": {"system": "maven", "id": "Cancity"},
    "custom": {"floor": 3},
}


def register(**changes: Any) -> RegisterCustomer:
    return RegisterCustomer.model_validate({**REQUIRED, **changes})


def errors_of(command: type[Command], body: dict[str, Any]) -> list[tuple[Any, ...]]:
    with pytest.raises(ValidationError) as refused:
        command.model_validate(body)
    return [error["loc"] for error in refused.value.errors()]


# Register


def test_a_customer_is_registered_with_its_first_contact() -> None:
    outcome = given().when(register())
    outcome.then(REGISTERED).and_creates(
        Contact.Added(customer_id=RECORD, primary=True, name="王芳", phone="13812345678")
    )
    [contact] = outcome.children
    assert contact.id == derived(RECORD, "primary-contact")
    assert contact.root_customer_id == outcome.aggregate.root_customer_id == RECORD


def test_everything_that_is_said_is_kept() -> None:
    said = {"type": "interested", "tags": ["重点", "老客户"], "owner_id": str(OWNER), **OPTIONAL}
    required = {n: v for n, v in REQUIRED.items() if n != "primary_contact"}
    given().when(register(**said)).then(Customer.Registered.model_validate({**required, **said}))


def test_what_is_known_of_the_contact_goes_with_it() -> None:
    contact: dict[str, Any] = {**CONTACT, "email": "fang.wang@example.cn", "job_title": "采购经理"}
    given().when(register(primary_contact=contact)).and_creates(
        Contact.Added(customer_id=RECORD, primary=True, **contact)
    )


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_without_a_required_field_nothing_is_registered(missing: str) -> None:
    body = {n: v for n, v in REQUIRED.items() if n != missing}
    assert errors_of(RegisterCustomer, body) == [(missing,)]


@pytest.mark.parametrize("missing", sorted(CONTACT))
def test_the_contact_has_a_name_and_a_phone(missing: str) -> None:
    contact = {n: v for n, v in CONTACT.items() if n != missing}
    body = {**REQUIRED, "primary_contact": contact}
    assert errors_of(RegisterCustomer, body) == [("primary_contact", missing)]


@pytest.mark.parametrize("field", sorted(REQUIRED))
def test_a_required_field_is_not_null(field: str) -> None:
    assert errors_of(RegisterCustomer, {**REQUIRED, field: None}) == [(field,)]


@pytest.mark.parametrize("phone", ["1234", "1381234567", "138123456789", "11012345678", "none"])
def test_a_wrong_phone_of_the_contact_is_refused(phone: str) -> None:
    body = {**REQUIRED, "primary_contact": {**CONTACT, "phone": phone}}
    assert errors_of(RegisterCustomer, body) == [("primary_contact", "phone")]


def test_codes_are_of_the_dictionaries() -> None:
    given().when(register(industry="alchemy", source="rumour", type="friend")).invalid(
        "industry", "source", "type"
    )


def test_an_import_may_lack_what_is_required() -> None:
    command = relaxed(RegisterCustomer, frozenset({"primary_contact", "source"}))
    asked = command.model_validate({"name": NAME, "industry": "retail"})
    given().when(asked).then(
        Customer.Registered(name=NAME, industry="retail", type="prospect")
    ).and_creates()


# Names


def test_the_name_is_reserved_in_its_canonical_form() -> None:
    outcome = given().when(register(name="上海 晨光电子 有限责任公司"))
    assert list(outcome.aggregate.reservations()) == [
        Reservation("customer-name", "上海晨光电子有限公司", DuplicateCustomerName)
    ]
    assert list(outcome.aggregate.marks()) == [stem_mark("上海晨光电子")]


def test_a_name_without_legal_form_asks_for_nobody_of_that_stem() -> None:
    vacant = Vacant(stem_mark("上海晨光电子"), ShortName)
    given().when(register(name="上海晨光电子")).if_vacant(vacant)
    given().when(register(name="上海晨光电子", confirm_distinct=True)).if_vacant()
    given().when(register()).if_vacant()


def test_the_id_of_another_system_is_reserved_in_that_system() -> None:
    outcome = given().when(register(external={"system": "maven", "id": "Cancity"}))
    reserved = Reservation("external/customers/maven", "Cancity", DuplicateExternalId)
    assert reserved in list(outcome.aggregate.reservations())


def test_a_new_name_moves_the_reservation() -> None:
    renamed = given(REGISTERED).when(ChangeCustomerDetails(name="上海星光电子有限公司"))
    renamed.then(Customer.DetailsChanged(name="上海星光电子有限公司"))
    [reserved] = renamed.aggregate.reservations()
    assert reserved.value == "上海星光电子有限公司"


# Change


def test_only_details_that_differ_are_recorded() -> None:
    known = given(REGISTERED, Customer.DetailsChanged(region="华东", employees=250))
    known.when(ChangeCustomerDetails(region="华东", employees=260, website="w.example")).then(
        Customer.DetailsChanged(employees=260, website="w.example")
    )
    known.when(ChangeCustomerDetails(region="华东")).changes_nothing()
    known.when(ChangeCustomerDetails()).changes_nothing()


@pytest.mark.parametrize("field", sorted(set(OPTIONAL) - {"custom"}))
def test_any_optional_detail_can_be_filled_in_and_removed(field: str) -> None:
    known = Customer.DetailsChanged.model_validate({field: OPTIONAL[field]})
    given(REGISTERED).when(ChangeCustomerDetails.model_validate({field: OPTIONAL[field]})).then(
        known
    )
    given(REGISTERED, known).when(ChangeCustomerDetails.model_validate({field: None})).then(
        Customer.DetailsChanged.model_validate({field: None})
    )
    given(REGISTERED).when(ChangeCustomerDetails.model_validate({field: None})).changes_nothing()


@pytest.mark.parametrize("field", ["name", "industry", "source"])
def test_what_is_required_is_changed_but_not_removed(field: str) -> None:
    assert errors_of(ChangeCustomerDetails, {field: None}) == [(field,)]


def test_a_change_of_needs_carries_a_reason() -> None:
    assert frozenset({"needs"}) == Customer.DetailsChanged.REASON_FOR


def test_custom_fields_not_named_stay() -> None:
    known = given(REGISTERED, Customer.DetailsChanged(custom={"floor": 3, "vip": True}))
    known.when(ChangeCustomerDetails(custom={"floor": 4})).then(
        Customer.DetailsChanged(custom={"floor": 4})
    )
    known.when(ChangeCustomerDetails(custom={"vip": True})).changes_nothing()
    known.when(ChangeCustomerDetails(custom={})).changes_nothing()
    known.when(ChangeCustomerDetails(custom={"floor": 4})).leaves(custom={"floor": 4, "vip": True})
    known.when(ChangeCustomerDetails(custom={"vip": None})).leaves(custom={"floor": 3})


@pytest.mark.parametrize(("before", "after"), [(1, True), (True, 1), (1, 1.0), (0, False)])
def test_one_and_true_are_different_values_of_a_custom_field(before: Any, after: Any) -> None:
    known = given(REGISTERED, Customer.DetailsChanged(custom={"vip": before}))
    outcome = known.when(ChangeCustomerDetails(custom={"vip": after}))
    [changed] = outcome.aggregate.pending
    assert repr(changed.model_dump(exclude_unset=True)) == repr({"custom": {"vip": after}})


# Classify, tag, assign


def test_the_type_moves_from_prospect_to_interested_to_customer() -> None:
    given(REGISTERED).when(ClassifyCustomer(type="interested")).then(
        Customer.Classified(type="interested")
    )
    given(REGISTERED, Customer.Classified(type="interested")).when(
        ClassifyCustomer(type="customer", grade="a")
    ).then(Customer.Classified(type="customer", grade="a"))


def test_a_classification_that_holds_already_is_not_recorded() -> None:
    given(REGISTERED).when(ClassifyCustomer(type="prospect")).changes_nothing()
    given(REGISTERED).when(ClassifyCustomer()).changes_nothing()


def test_types_and_grades_are_of_the_dictionaries() -> None:
    given(REGISTERED).when(ClassifyCustomer(type="enemy", grade="z")).invalid("type", "grade")


def test_tags_are_added_once_in_the_order_given() -> None:
    given(REGISTERED).when(TagCustomer(tags=("b", "a", "b"))).then(Customer.Tagged(tags=("b", "a")))
    tagged = given(REGISTERED, Customer.Tagged(tags=("b", "a")))
    tagged.when(TagCustomer(tags=("c", "a"))).then(Customer.Tagged(tags=("c",)))
    tagged.when(TagCustomer(tags=("a",))).changes_nothing()


def test_tags_and_custom_fields_are_not_countless() -> None:
    many = tuple(f"t{n}" for n in range(99))
    tagged = given(REGISTERED, Customer.Tagged(tags=many))
    tagged.when(TagCustomer(tags=("t1", "a"))).leaves(tags=(*many, "a"))
    tagged.when(TagCustomer(tags=("a", "b"))).invalid("tags")
    custom: dict[str, Any] = {f"x{n}": n for n in range(200)}
    known = given(REGISTERED, Customer.DetailsChanged(custom=custom))
    known.when(ChangeCustomerDetails(custom={"x1": 2})).leaves(custom={**custom, "x1": 2})
    known.when(ChangeCustomerDetails(custom={"y": 1})).invalid("custom")


def test_tags_are_taken_off() -> None:
    tagged = given(REGISTERED, Customer.Tagged(tags=("b", "a")))
    tagged.when(UntagCustomer(tags=("b", "x"))).then(Customer.Untagged(tags=("b",)))
    tagged.when(UntagCustomer(tags=("x",))).changes_nothing()


def test_tags_are_named() -> None:
    assert errors_of(TagCustomer, {"tags": []}) == [("tags",)]
    assert ("tags", 0) in errors_of(TagCustomer, {"tags": [" "]})
    assert ("tags", 1) in errors_of(TagCustomer, {"tags": ["长" * 60, "长" * 61]})


def test_it_is_assigned_to_somebody_else() -> None:
    given(REGISTERED).when(AssignCustomer(owner_id=OWNER)).then(Customer.Assigned(owner_id=OWNER))
    owned = given(REGISTERED, Customer.Assigned(owner_id=OWNER))
    owned.when(AssignCustomer(owner_id=OWNER)).changes_nothing()
    owned.when(AssignCustomer(owner_id=OTHER_OWNER)).leaves(owner_id=OTHER_OWNER)


def test_equal_amounts_written_differently_are_no_change() -> None:
    revenue = cny("35000000")
    known = given(REGISTERED, Customer.DetailsChanged(annual_revenue=revenue))
    spelt = {"annual_revenue": {"amount": "35000000.00", "currency": "CNY"}}
    known.when(ChangeCustomerDetails.model_validate(spelt)).changes_nothing()


def test_an_external_id_may_be_replaced() -> None:
    known = given(
        REGISTERED, Customer.DetailsChanged(external=ExternalId(system="maven", id="one"))
    )
    outcome = known.when(ChangeCustomerDetails(external=ExternalId(system="maven", id="two")))
    assert [r.value for r in outcome.aggregate.reservations()] == ["two", NAME]
