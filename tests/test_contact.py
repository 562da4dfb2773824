"""Contacts: entered with the customer, belonging to it, wholly personal."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from aggregates.base import markers
from aggregates.contact import Contact, ContactDetails
from aggregates.values import Personal

CUSTOMER, CONTACT = UUID(int=1), UUID(int=2)


def test_a_contact_belongs_to_its_customer() -> None:
    contact = Contact(CONTACT)
    contact.add(CUSTOMER, name="王芳", phone="13812345678", primary=True)
    added = Contact.Added(customer_id=CUSTOMER, name="王芳", phone="13812345678", primary=True)
    assert contact.collect_events() == [added]
    assert contact.root_customer_id == CUSTOMER


@pytest.mark.parametrize("field", sorted(ContactDetails.model_fields))
def test_every_detail_is_sealed_with_the_contacts_own_key(field: str) -> None:
    annotation = Contact.Added.model_fields[field].rebuild_annotation()
    assert [marker.subject for marker in markers(annotation, Personal)] == ["self"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", " "), ("phone", "123"), ("email", "fang.wang"), ("job_title", ""), ("age", 3)],
)
def test_wrong_details_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        ContactDetails.model_validate({"name": "王芳", "phone": "13812345678", field: value})
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]
