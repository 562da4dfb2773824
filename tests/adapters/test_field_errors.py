"""Fields that are wrong: each named once, by the path of the field."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service import Service, registering, running

DEEP = {"a": 1}
WRONG: dict[str, tuple[Any, str, str]] = {
    "of no type that is taken": ({"n": [1]}, "custom.n", "is of a type that is not taken here"),
    "an object": ({"n": DEEP}, "custom.n", "is of a type that is not taken here"),
    "too long": ({"n": "x" * 5_000}, "custom.n", "must have at most 2000 characters"),
    "no object at all": (5, "custom", "must be an object"),
}


@pytest.fixture(scope="module")
def service(module_database_url: str) -> Iterator[Service]:
    with running(module_database_url) as service:
        yield service


def errors(service: Service, **changes: Any) -> list[Any]:
    body = registering(**changes)
    answer = service.post("customers/register", body, Accept_Language="en")
    assert answer.status_code == 422, answer.text
    found: list[Any] = answer.json()["errors"]
    return found


@pytest.mark.parametrize("how", WRONG)
def test_a_field_of_several_types_is_named_once_by_its_path(service: Service, how: str) -> None:
    custom, field, message = WRONG[how]
    assert errors(service, custom=custom) == [{"field": field, "message": message}]


def test_a_wrong_key_is_named_without_more(service: Service) -> None:
    assert [e["field"] for e in errors(service, custom={"a key": 1})] == ["custom.a key"]


def test_fields_that_are_missing_or_unknown_keep_their_paths(service: Service) -> None:
    contact = {"phone": "13812345678", "nonsense": 1}
    found = errors(service, primary_contact=contact, external={"system": 1}, nonsense=2)
    assert sorted(e["field"] for e in found) == [
        "external.id",
        "external.system",
        "nonsense",
        "primary_contact.name",
        "primary_contact.nonsense",
    ]
