"""Contacts: entered with the customer or later, belonging to it, personal, retired at last."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from adapters import registry
from aggregates.base import markers
from aggregates.contact import Contact, ContactDetails, ContactRetired, PersonDetails
from aggregates.values import ExternalId, Personal
from commands.base import COMMANDS, Command
from commands.contact import AddContact, ChangeContactDetails, MoveContact, RetireContact
from tests.spec import given

CUSTOMER, OTHER = UUID(int=1), UUID(int=2)
IN_THE_CLEAR = {"external", "custom"}
"""What may hold nothing personal: other systems' ids, and fields of the organisation's own."""

registry.load()
ADDED = Contact.Added(customer_id=CUSTOMER, name="王芳", phone="13812345678", primary=True)
RETIRED = Contact.Retired()


def test_a_person_needs_a_customer_and_a_name_only() -> None:
    asked = AddContact(customer_id=CUSTOMER, name="王芳", phone=None)
    outcome = given().when(asked).then(Contact.Added(customer_id=CUSTOMER, name="王芳"))
    assert outcome.aggregate.root_customer_id == CUSTOMER


def test_a_person_is_tagged_as_a_customer_is() -> None:
    tag, untag = COMMANDS["contacts/tag"], COMMANDS["contacts/untag"]
    tagged = Contact.Tagged(tags=("老朋友",))
    first = tag.model_validate({"tags": ["老朋友", "老朋友"]})
    given(ADDED).when(first).then(tagged).leaves(tags=("老朋友",))
    given(ADDED, tagged).when(first).changes_nothing()
    off = untag.model_validate({"tags": ["老朋友", "别的"]})
    given(ADDED, tagged).when(off).then(Contact.Untagged(tags=("老朋友",))).leaves(tags=())


def test_everything_that_is_said_of_a_person_is_recorded() -> None:
    told: dict[str, Any] = {
        "customer_id": CUSTOMER,
        "name": "王芳",
        "phone": "13812345678",
        "email": "fang@example.cn",
        "job_title": "采购经理",
        "role": "拍板人",
        "birthday": date(1980, 2, 29),
        "address": "上海市浦东新区张江路 1 号",
        "hobbies": "羽毛球",
        "needs": "交货要快",
        "tags": ("关键人",),
        "external": ExternalId(system="desk", id="7"),
        "custom": {"wechat": "wf1980"},
    }
    given().when(AddContact(**told)).then(Contact.Added(**told))


@pytest.mark.parametrize(
    "field", sorted({*ContactDetails.model_fields, *PersonDetails.model_fields})
)
@pytest.mark.parametrize("event", [Contact.Added, Contact.DetailsChanged])
def test_every_detail_is_sealed_with_the_contacts_own_key(
    event: type[Contact.Added], field: str
) -> None:
    annotation = event.model_fields[field].rebuild_annotation()
    subjects = [marker.subject for marker in markers(annotation, Personal)]
    assert subjects == ([] if field in IN_THE_CLEAR else ["self"])


WRONG = [
    *(("name", " "), ("phone", "123"), ("email", "fang.wang"), ("job_title", ""), ("age", 3)),
    *(("birthday", "1980-02-30"), ("birthday", "29.02.1980"), ("tags", ["", "x"])),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_wrong_details_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        AddContact.model_validate({"customer_id": CUSTOMER, "name": "王芳", field: value})
    assert {error["loc"][0] for error in refused.value.errors()} == {field}


def test_a_customers_first_contact_must_have_a_phone() -> None:
    with pytest.raises(ValidationError):
        ContactDetails.model_validate({"name": "王芳"})


def test_only_what_differs_is_changed_and_a_change_of_name_or_phone_wants_a_reason() -> None:
    asked = ChangeContactDetails(name="王方", phone="13812345678", role="拍板人")
    given(ADDED).when(asked).then(Contact.DetailsChanged(name="王方", role="拍板人"))
    given(ADDED).when(ChangeContactDetails(phone=None)).then(Contact.DetailsChanged(phone=None))
    given(ADDED).when(ChangeContactDetails(name="王芳")).changes_nothing()
    assert {"name", "phone"} == Contact.DetailsChanged.REASON_FOR


def test_a_person_who_went_to_another_customer_is_not_its_first_contact() -> None:
    moved = Contact.Moved(customer_id=OTHER)
    outcome = given(ADDED).when(MoveContact(customer_id=OTHER)).then(moved).leaves(primary=False)
    assert outcome.aggregate.root_customer_id == OTHER
    given(ADDED).when(MoveContact(customer_id=CUSTOMER)).changes_nothing()


@pytest.mark.parametrize(
    "command",
    [ChangeContactDetails(role="顾问"), MoveContact(customer_id=OTHER)],
    ids=lambda c: c.VERB,
)
def test_a_retired_contact_is_not_changed(command: Command[Contact]) -> None:
    given(ADDED).when(RetireContact()).then(RETIRED)
    given(ADDED, RETIRED).when(command).rejects(ContactRetired)
    given(ADDED, RETIRED).when(RetireContact()).changes_nothing()


def test_a_revert_of_a_name_says_why_and_a_retired_contact_takes_none() -> None:
    assert {"name", "phone"} <= Contact.Reverted.REASON_FOR
    retired = given(ADDED, Contact.DetailsChanged(job_title="总监"), Contact.Retired())
    revert = COMMANDS["contacts/revert"].model_validate({"to_version": 1})
    retired.when(revert).rejects(ContactRetired)
