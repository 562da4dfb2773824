"""Distinct: two records look the same, somebody finds that they are not, and takes that back."""

from typing import Any
from uuid import UUID

import pytest

from adapters import registry
from aggregates.contact import Contact
from aggregates.customer import Customer
from aggregates.distinct import MOST_DISTINCT
from commands.base import COMMANDS
from commands.distinct import MarkContactDistinct, MarkCustomerDistinct
from tests.spec import RECORD, given

OTHER, THIRD = UUID(int=2), UUID(int=3)
CUSTOMER = Customer.Registered(name="杭州云帆科技有限公司")
CONTACT = Contact.Added(customer_id=OTHER, name="王芳", phone="13812345678")
registry.load()
UnmarkCustomerDistinct: Any = COMMANDS["customers/unmark-distinct"]


@pytest.mark.parametrize(
    ("before", "command", "kind"),
    [(CUSTOMER, MarkCustomerDistinct, Customer), (CONTACT, MarkContactDistinct, Contact)],
)
def test_another_record_is_marked_once(before, command, kind) -> None:
    marked = kind.MarkedDistinct(other_id=OTHER)
    given(before).when(command(other_id=OTHER)).then(marked).leaves(distinct_from=(OTHER,))
    given(before, marked).when(command(other_id=OTHER)).changes_nothing()
    given(before, marked).when(command(other_id=THIRD)).leaves(distinct_from=(OTHER, THIRD))


def test_a_record_is_not_distinct_from_itself() -> None:
    given(CUSTOMER).when(MarkCustomerDistinct(other_id=RECORD)).invalid("other_id")


def test_there_is_an_end_to_marking() -> None:
    marked = [Customer.MarkedDistinct(other_id=UUID(int=n + 10)) for n in range(MOST_DISTINCT)]
    given(CUSTOMER, *marked).when(MarkCustomerDistinct(other_id=OTHER)).invalid("other_id")


def test_the_judgement_is_taken_back() -> None:
    marked = Customer.MarkedDistinct(other_id=OTHER)
    unmarked = Customer.UnmarkedDistinct(other_id=OTHER)
    command = UnmarkCustomerDistinct(other_id=OTHER)
    given(CUSTOMER, marked).when(command).then(unmarked).leaves(distinct_from=())
    given(CUSTOMER).when(command).changes_nothing()
